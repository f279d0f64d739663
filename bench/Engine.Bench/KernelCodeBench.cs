using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Engine.Devices;
using Engine.Devices.Ilgpu;
using Engine.Kernels;

namespace Engine.Bench;

/// <summary>
/// What NVIDIA's assembler makes of the kernels for sm_90, one variant each: registers, stack, instructions, and those of the loops
/// that multiply. Needs ptxas and cuobjdump, on PATH or beside the ptxas that ENGINE_PTXAS names, and no card. With a folder: the same of
/// the cubin files in it, which another compiler made.
/// </summary>
internal static partial class KernelCodeBench
{
    private const string Architecture = "sm_90";

    /// <summary>Constants of the variants; other switches are off, other numbers 1. Weights are float32, tiles bfloat16.</summary>
    private static readonly Dictionary<string, long> Constants = new()
    {
        ["headSize"] = 64,
        ["columns"] = 4,
        ["tiles"] = 2,
        ["groupSize"] = 256,
        ["rowsPerChunk"] = 32,
        ["termsPerItem"] = 64,
        ["width"] = 8,
        ["layout"] = (long)MatMulLayout.NT,
        ["activation"] = (long)ActivationKind.GeluErf,
        ["kind"] = (long)ActivationKind.GeluErf,
        ["withGradient"] = 1,
        ["transposed"] = 1,
        ["inCopies"] = 1,
        ["wideDeep"] = 1,
        ["narrowDeep"] = 1,
    };

    private static readonly string Assembler = Environment.GetEnvironmentVariable("ENGINE_PTXAS") is { Length: > 0 } path ? path : "ptxas";

    public static void Run(string? folder)
    {
        if (folder is not null)
        {
            foreach (string cubin in Directory.EnumerateFiles(folder, "*.cubin").Order(StringComparer.Ordinal))
            {
                Report(Path.GetFileNameWithoutExtension(cubin), null, cubin);
            }

            return;
        }

        DirectoryInfo made = Directory.CreateTempSubdirectory("kernel-code");
        try
        {
            foreach (KernelDefinition kernel in KernelRegistry.All)
            {
                var variant = new KernelVariant(
                    [.. kernel.TypeParameters.Select(type => kernel.TileTypes.Contains(type) ? ElementType.BFloat16 : ElementType.Float32)],
                    [.. kernel.Parameters.Where(parameter => parameter.Kind == KernelParameterKind.Specialized).Select(Value)]);
                string text = Path.Combine(made.FullName, kernel.Name + ".ptx"), cubin = Path.ChangeExtension(text, ".cubin");
                File.WriteAllText(text, IlgpuCompiler.Ptx(kernel, variant));
                Output(Assembler, $"-arch={Architecture}", text, "-o", cubin);
                Report(kernel.Name, variant.ToString(), cubin);
            }
        }
        finally
        {
            made.Delete(recursive: true);
        }
    }

    private static long Value(KernelParameter constant) =>
        Constants.TryGetValue(constant.Name, out long value) ? value : constant.Type == ElementType.UInt8 ? 0 : 1;

    private static void Report(string kernel, string? variant, string cubin)
    {
        string reader = Path.Combine(Path.GetDirectoryName(Assembler)!, "cuobjdump");
        Match usage = Usage().Match(Output(reader, "-res-usage", cubin));
        Instruction[] code =
            [.. Line().Matches(Output(reader, "-sass", cubin)).Select(Instruction.Of).Where(instruction => instruction.Name != "NOP")];
        (long First, long Last)[] loops =
            [.. code.Where(jump => jump.To < jump.At).Select(jump => (jump.To!.Value, jump.At)).Where(loop => Multiplies(Counts(loop)))];
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            commit = Measurement.Commit,
            benchmark = "kernel-code",
            kernel,
            variant,
            architecture = Architecture,
            registers = int.Parse(usage.Groups[1].Value, CultureInfo.InvariantCulture),
            stack = int.Parse(usage.Groups[2].Value, CultureInfo.InvariantCulture),
            program = Counts((0, long.MaxValue)),

            // Loops that multiply and have no such loop inside.
            loops = loops.Where(outer => !loops.Any(inner => inner != outer && inner.First >= outer.First && inner.Last <= outer.Last))
                .Select(Counts),
        }));

        Dictionary<string, int> Counts((long First, long Last) part)
        {
            Instruction[] inside = [.. code.Where(instruction => instruction.At >= part.First && instruction.At <= part.Last)];
            Dictionary<string, int> counts = new() { ["instructions"] = inside.Length };
            foreach (string name in (string[])["FFMA", "HMMA", "LDS", "LDSM", "STS", "LDG", "LDGSTS", "LDL", "STL", "MUFU"])
            {
                if (inside.Count(instruction => instruction.Name == name) is > 0 and int count)
                {
                    counts[name] = count;
                }
            }

            return counts;
        }
    }

    private static bool Multiplies(Dictionary<string, int> counts) => counts.ContainsKey("FFMA") || counts.ContainsKey("HMMA");

    private static string Output(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}.");
    }

    /// <param name="At">Its address.</param>
    /// <param name="Name">Its name without modifiers.</param>
    /// <param name="To">Where it jumps.</param>
    private sealed record Instruction(long At, string Name, long? To)
    {
        public static Instruction Of(Match line)
        {
            string name = line.Groups["name"].Value;
            Match target = Address().Match(line.Groups["operands"].Value);
            return new Instruction(Number(line.Groups["at"]), name, name == "BRA" && target.Success ? Number(target.Groups[1]) : null);
        }

        private static long Number(Group hexadecimal) =>
            long.Parse(hexadecimal.Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }

    [GeneratedRegex(@"REG:(\d+) STACK:(\d+)")]
    private static partial Regex Usage();

    /// <summary>An instruction under its address, perhaps under a predicate.</summary>
    [GeneratedRegex(@"^\s+/\*(?<at>[0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?(?<name>[A-Z0-9]+)(?<operands>[^;]*);", RegexOptions.Multiline)]
    private static partial Regex Line();

    [GeneratedRegex(@"0x([0-9a-f]+)")]
    private static partial Regex Address();
}
