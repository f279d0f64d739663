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
        Assert.Contains("warps of 32", output);
        Assert.Contains("CUDA 12.4", output);
        Assert.Contains("kernels by ILGPU 1.5.3 as PTX", output);
    }

    private static string Run(string command, params (string Name, string Value)[] variables)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "engine.dll"), command]) { RedirectStandardOutput = true };
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
