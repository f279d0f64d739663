using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Engine.Kernels.Tests;

/// <summary>NVIDIA's assembler, which needs no card. <c>ENGINE_PTXAS</c> says where it is; else it is looked for on PATH.</summary>
internal static partial class Ptxas
{
    private static string Program { get; } = Environment.GetEnvironmentVariable("ENGINE_PTXAS") is { Length: > 0 } path ? path : "ptxas";

    /// <summary>Null where it runs, else what to install.</summary>
    public static string? Missing { get; } = FindMissing();

    /// <summary>What an item of a kernel takes.</summary>
    public sealed record Usage(int Registers, int StackBytes)
    {
        public override string ToString() => $"{Registers} registers and {StackBytes} bytes of stack";
    }

    /// <summary>Assembles one kernel for an architecture such as <c>sm_90</c>.</summary>
    public static Usage Assemble(string text, string architecture)
    {
        string folder = Directory.CreateTempSubdirectory("ptxas").FullName;
        try
        {
            string source = Path.Combine(folder, "kernel.ptx");
            File.WriteAllText(source, text);
            (int code, string messages) = Run("-v", "-arch=" + architecture, source, "-o", Path.Combine(folder, "kernel.cubin"));
            return code == 0 ? new Usage(Number(Registers(), messages), Number(Stack(), messages))
                : throw new InvalidOperationException($"ptxas for {architecture}: {messages}\n{text}");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Number(Regex form, string messages) => int.Parse(form.Match(messages).Groups[1].Value, CultureInfo.InvariantCulture);

    private static (int Code, string Messages) Run(params string[] arguments)
    {
        using Process process =
            Process.Start(new ProcessStartInfo(Program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string messages = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, messages);
    }

    private static string? FindMissing()
    {
        try
        {
            return Run("--version").Code == 0 ? null : $"{Program} does not run";
        }
        catch (Win32Exception)
        {
            return "needs ptxas, which comes with a CUDA toolkit (Debian package nvidia-cuda-toolkit): "
                + "put it on PATH or its path in ENGINE_PTXAS";
        }
    }

    [GeneratedRegex(@"Used (\d+) registers")]
    private static partial Regex Registers();

    [GeneratedRegex(@"(\d+) bytes stack frame")]
    private static partial Regex Stack();
}

/// <summary>A theory that assembles PTX; skipped with a message where ptxas is absent.</summary>
internal sealed class PtxasTheoryAttribute : TheoryAttribute
{
    public PtxasTheoryAttribute() => Skip = Ptxas.Missing;
}
