using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Engine.Cli;
using Engine.Cli.Console;

namespace Engine.EndToEnd.Tests;

/// <summary>What a command line returned and wrote.</summary>
internal sealed record EngineResult(int Code, string Output, string Error)
{
    public string[] OutputLines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Fails with what was written where the command did not succeed.</summary>
    public EngineResult Succeeded()
    {
        Assert.True(Code == 0, $"exit code {Code}\n{Output}\n{Error}");
        return this;
    }

    /// <summary>Fails unless the command refused with one sentence that has all of these parts, and without a stack trace.</summary>
    public void Refused(int code, params string[] parts)
    {
        Assert.True(Code == code, $"exit code {Code}, expected {code}\n{Output}\n{Error}");
        Assert.Contains("error: ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        foreach (string part in parts)
        {
            Assert.Contains(part, Error, StringComparison.Ordinal);
        }
    }
}

/// <summary>Runs <c>engine</c>: in this process through its entry point, or as a process of its own.</summary>
internal static class EngineProcess
{
    public const int InterruptSignal = 2;
    public const int KillSignal = 9;

    public static EngineResult Run(params string[] arguments) => RunWithInput("", arguments);

    public static EngineResult RunWithInput(string input, params string[] arguments) =>
        Run((output, error) => CommandHost.OfStreams(new MemoryStream(Encoding.UTF8.GetBytes(input)), output, error), arguments);

    /// <summary>Runs a command whose output has this many columns, as on a terminal.</summary>
    public static EngineResult RunAtWidth(int width, params string[] arguments) =>
        Run((output, error) => CommandHost.OfStreams(Stream.Null, output, error, width), arguments);

    private static EngineResult Run(Func<Stream, TextWriter, CommandHost> open, string[] arguments)
    {
        using MemoryStream output = new();
        using StringWriter error = new();
        CommandHost host = open(output, error);
        int code = CommandLine.Run(arguments, host);
        return new EngineResult(code, Encoding.UTF8.GetString(output.ToArray()), error.ToString());
    }

    /// <summary>Runs a command of the shell in which <c>$ENGINE</c> is the program.</summary>
    public static EngineResult Shell(string script, params (string Name, string Value)[] variables)
    {
        ProcessStartInfo start = new("/bin/sh", ["-c", script]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["ENGINE"] = $"dotnet {Path.Combine(AppContext.BaseDirectory, "engine.dll")}";
        foreach ((string name, string value) in variables)
        {
            start.Environment[name] = value;
        }

        using Process process = Process.Start(start)!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new EngineResult(process.ExitCode, output, error.Result);
    }

    /// <summary>Starts a command as a process and signals it when it writes a line that starts so.</summary>
    /// <param name="whileRunning">Called with the process's number before it is signalled.</param>
    /// <returns>The exit code, and what it wrote afterwards.</returns>
    public static (int Code, string Output) SignalAt(string start, int signal, string[] arguments, Action<int>? whileRunning = null)
    {
        // A shell starts what runs in the background with SIGINT ignored, and every process below inherits that.
        ProcessStartInfo info = new(
            "env", ["--default-signal=INT", "dotnet", Path.Combine(AppContext.BaseDirectory, "engine.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(info)!;
        string? line;
        do
        {
            line = process.StandardOutput.ReadLine();
        }
        while (line?.StartsWith(start, StringComparison.Ordinal) == false);

        if (line is null)
        {
            Assert.Fail($"the process ended before '{start}': {process.StandardError.ReadToEnd()}");
        }

        whileRunning?.Invoke(process.Id);
        Assert.Equal(0, Kill(process.Id, signal));
        string rest = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, rest);
    }

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int Kill(int process, int signal);
}
