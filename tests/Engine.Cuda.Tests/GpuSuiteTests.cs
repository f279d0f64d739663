using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace Engine.Cuda.Tests;

/// <summary>
/// What bench/gpu/run.sh starts on a machine with a card, beside a driver that runs nothing: the numbers of its tests cannot agree there,
/// and each that does not must be seen in the results.
/// </summary>
public sealed class GpuSuiteTests : FakeDriverTests
{
    private readonly string results = Path.GetTempFileName();
    private readonly string report = Path.GetTempFileName();

    /// <summary>The program beside these tests' own folders, of the same configuration.</summary>
    private static string Program { get; } = Path.Combine(
        AppContext.BaseDirectory, "../../../../../bench/gpu/Engine.GpuSuite/bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name,
        "net10.0", "Engine.GpuSuite.dll");

    [FakeDriverFact]
    [Trait("Category", "Long")]
    public void Tests_of_a_card_that_computes_nothing_are_reported_as_failures()
    {
        Assert.Equal(1, Run("device", 600));
        JsonElement line = Assert.Single(Results());
        Assert.Equal("cuda:0 (Fake Card A)", line.GetProperty("device").GetString());
        Assert.Equal("CUDA 12.4", line.GetProperty("driver").GetString());
        Assert.Equal("device", line.GetProperty("suite").GetString());
        Assert.Equal(0, line.GetProperty("not_run").GetInt32());
        int failed = line.GetProperty("failed").GetInt32();
        JsonElement[] failures = [.. line.GetProperty("failures").EnumerateArray()];
        Assert.True(failed > 0);
        Assert.Equal(Math.Min(20, failed), failures.Length);
        Assert.Contains(
            failures, failure =>
                failure.GetProperty("test").GetString()!.Contains(
                    "Groups_and_scalars_of_every_width_reach_the_kernel(id: \"cuda:0\")", StringComparison.Ordinal));
        Assert.All(failures, failure => Assert.False(string.IsNullOrWhiteSpace(failure.GetProperty("message").GetString())));

        // Each of them failed over numbers: the kernels were compiled and launched.
        string[] words = File.ReadAllText(report).Split(' ', StringSplitOptions.TrimEntries);
        Assert.Equal(["launches", "modules"], [words[0], words[2]]);
        Assert.True(int.Parse(words[1], CultureInfo.InvariantCulture) >= failed);
        Assert.True(int.Parse(words[3], CultureInfo.InvariantCulture) > 0);
    }

    [FakeDriverFact]
    public void Tests_for_which_there_was_no_time_are_counted_and_no_success()
    {
        Assert.Equal(1, Run("device", 0));
        Assert.True(Assert.Single(Results()).GetProperty("not_run").GetInt32() > 0);
    }

    /// <summary>The machine has no .NET but what is carried there.</summary>
    [Fact]
    public void The_suite_needs_no_framework_but_the_one_that_goes_along()
    {
        using JsonDocument settings = JsonDocument.Parse(File.ReadAllText(Path.ChangeExtension(Program, ".runtimeconfig.json")));
        JsonElement runtime = settings.RootElement.GetProperty("runtimeOptions");
        Assert.False(runtime.TryGetProperty("frameworks", out _));
        Assert.Equal("Microsoft.NETCore.App", runtime.GetProperty("framework").GetProperty("name").GetString());
    }

    [FakeDriverFact]
    public void A_card_that_is_not_there_is_told_from_tests_that_fail()
    {
        Assert.Equal(2, Run("device", 600, ("FAKE_CUDA", "devices=0")));
        Assert.Empty(Results());
    }

    protected override void Dispose(bool disposing)
    {
        File.Delete(results);
        File.Delete(report);
    }

    private JsonElement[] Results() => [.. File.ReadAllLines(results).Select(line => JsonDocument.Parse(line).RootElement)];

    private int Run(string suite, int seconds, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo("dotnet", [Program, "cuda", suite, seconds.ToString(CultureInfo.InvariantCulture), results])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["FAKE_CUDA_REPORT"] = report;
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode;
    }
}
