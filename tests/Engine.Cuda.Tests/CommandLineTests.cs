using System.Diagnostics;

namespace Engine.Cuda.Tests;

/// <summary><c>engine</c> as a process beside the fake driver.</summary>
public sealed class CommandLineTests : FakeDriverTests
{
    [FakeDriverFact]
    public void Devices_lists_each_card()
    {
        string output = Run("devices", ("FAKE_CUDA", "devices=2,architecture=80"));
        Assert.Contains("cuda:0", output);
        Assert.Contains("Fake Card B", output);
        Assert.Contains("matrix units for bfloat16 and float16", output);
        Assert.Contains("CUDA 12.4", output);
        Assert.Contains("kernels by ILGPU 1.5.3 as PTX", output);
        Assert.Contains("products by cublasLt 12.4.5", output);
    }

    [FakeDriverTheory]
    [InlineData("130002", "cublasLt 13.0.2 does not serve here: the driver speaks CUDA 12.4")]
    [InlineData("110801", "products by cublasLt 11.8.1")]
    public void Devices_says_which_version_computes_products_or_why_none_does(string version, string expected)
    {
        string output = Run("devices", ("FAKE_CUBLASLT", $"version={version}"));
        Assert.Contains(expected, string.Join(' ', output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
    }

    private static string Run(string command, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo(
            "dotnet", [Path.Combine(AppContext.BaseDirectory, "engine.dll"), command])
        { RedirectStandardOutput = true };
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output;
    }
}
