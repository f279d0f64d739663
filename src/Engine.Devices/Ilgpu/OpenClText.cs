using System.Text.RegularExpressions;

namespace Engine.Devices.Ilgpu;

/// <summary>Makes of ILGPU's OpenCL C a text that means what the C# says to every driver of OpenCL 1.2.</summary>
internal static partial class OpenClText
{
    /// <summary>A product is rounded before it is added: where one rounding is wanted, the kernel says so.</summary>
    private const string NoContraction = "#pragma OPENCL FP_CONTRACT OFF\n";

    public static string Mend(string text)
    {
        // ILGPU's own launches start a view at a 32-bit index.
        text = NarrowIndex().Replace(text, "long field_0;$1");

        // Signed sums wrap in C#; C leaves it open what they do, and compilers make use of that.
        text = SignedArithmetic().Replace(text, "($1)((u$1) $2 $3 (u$1)$4)");

        // A fence of global memory alone, and by a name of OpenCL 2.0.
        text = Barrier().Replace(text, "barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)");
        return NoContraction + Atomics(text);
    }

    /// <summary>Atomics of OpenCL 1.2 in place of those of C11, whose pointers ILGPU gives no address space.</summary>
    private static string Atomics(string text)
    {
        if (!text.Contains("(atomic_", StringComparison.Ordinal))
        {
            return text;
        }

        Dictionary<string, string> spaces =
            PointerType().Matches(text).ToDictionary(type => type.Groups[2].Value, type => type.Groups[1].Value);
        Dictionary<string, string> variables = PointerVariable()
            .Matches(text).ToDictionary(variable => variable.Groups[2].Value, variable => spaces[variable.Groups[1].Value]);
        text = CompareExchange().Replace(text, match =>
            $"{match.Groups[3].Value} = atomic_cmpxchg({Pointer(match)}, "
                + $"({match.Groups[1].Value}){match.Groups[3].Value}, {match.Groups[4].Value})");
        return Atomic().Replace(
            text, match => $"{(match.Groups[3].Value is "" ? "atomic_xchg" : $"atomic_{match.Groups[3].Value}")}({Pointer(match)}");

        string Pointer(Match match) => $"(volatile {variables[match.Groups[2].Value]} {match.Groups[1].Value}*){match.Groups[2].Value}";
    }

    [GeneratedRegex(@"int field_0;(\s+long field_1;\s+};)")]
    private static partial Regex NarrowIndex();

    [GeneratedRegex(@"\((int|long)\)\(\(\1\) (-?\w+) ([-+*]|<<)  \(\1\)(-?\w+)\)")]
    private static partial Regex SignedArithmetic();

    [GeneratedRegex(@"work_group_barrier \( CLK_\w+ \)")]
    private static partial Regex Barrier();

    [GeneratedRegex(@"typedef (global|local) \w+\* (type_\d+);")]
    private static partial Regex PointerType();

    [GeneratedRegex(@"\t(type_\d+) (var\d+);")]
    private static partial Regex PointerVariable();

    [GeneratedRegex(@"atomic_compare_exchange_strong \(\(atomic_(u?int)\*\)(var\d+), \(u?int\*\) & (var\d+), ([^)]*\)-?\w+)\)")]
    private static partial Regex CompareExchange();

    [GeneratedRegex(@"atomic_(?:fetch_(?<3>add|sub|max|min|and|or|xor)|exchange) \(\(atomic_(?<1>u?int)\*\)(?<2>var\d+)")]
    private static partial Regex Atomic();
}
