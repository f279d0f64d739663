using System.Globalization;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;

namespace Engine.Devices.Ilgpu;

/// <summary>Makes of ILGPU's PTX a text that means what the C# says.</summary>
internal static partial class PtxText
{
    public static string Mend(string text)
    {
        // Everything is inlined: what stands before the entry point, but for the header, are intrinsics without their bodies, which nothing
        // calls.
        text = Functions().Replace(text, "$1");

        // Without a rounding mode ptxas contracts products and sums.
        text = Arithmetic().Replace(text, "$1.rn.$2");

        // ldmatrix reads 16 bytes; ILGPU aligns memory to its elements.
        text = SharedAlignment().Replace(text, ".shared .align 16 ");
        return Remainders(SharedAddresses(text));
    }

    /// <summary>
    /// Addresses of shared memory are counted in 32 bits, as its instructions take them: an element's index is added in 32 bits
    /// before ILGPU widens it, and only there may ptxas take a sum of it and a constant apart, to put the constant into the instruction.
    /// </summary>
    private static string SharedAddresses(string text)
    {
        HashSet<string> shared = [.. SharedBase().Matches(text).Select(found => found.Groups[1].Value)];
        return SharedElement().Replace(text, found =>
        {
            string target = found.Groups["target"].Value, at = found.Groups["base"].Value, index = found.Groups["index"].Value;
            if (!shared.Contains(at))
            {
                return found.Value;
            }

            shared.Add(target);
            string narrow = found.Groups["wide"].Success ? $"cvt.u32.u64 %index, {index};" : $"mov.b32 %index, {index};";
            return $"{{ .reg .b32 %index, %place; {narrow} cvt.u32.u64 %place, {at}; "
                + $"mad.lo.u32 %place, %index, {found.Groups["size"].Value}, %place; cvt.u64.u32 {target}, %place; }}";
        });
    }

    /// <summary>
    /// Remainders of powers of two by masks, which ptxas divides for as by any other number. A signed one has its dividend's sign;
    /// where that comes from an item's or group's index, it has none.
    /// </summary>
    private static string Remainders(string text)
    {
        HashSet<string> natural = Natural(text);
        return Remainder().Replace(text, found =>
        {
            string target = found.Groups["target"].Value, dividend = found.Groups["dividend"].Value, bits = found.Groups["bits"].Value;
            ulong divisor = ulong.Parse(found.Groups["divisor"].Value, CultureInfo.InvariantCulture);
            if (!BitOperations.IsPow2(divisor))
            {
                return found.Value;
            }

            return found.Groups["sign"].Value == "u" || natural.Contains(dividend)
                ? $"and.b{bits}\t{target}, {dividend}, {divisor - 1};"
                : $"{{ .reg .b{bits} %bias, %sum; shr.s{bits} %bias, {dividend}, {int.Parse(bits, CultureInfo.InvariantCulture) - 1}; "
                    + $"and.b{bits} %bias, %bias, {divisor - 1}; "
                    + $"add.s{bits} %sum, {dividend}, %bias; and.b{bits} %sum, %sum, {divisor - 1}; sub.s{bits} {target}, %sum, %bias; }}";
        });
    }

    /// <summary>
    /// Registers that are written once, with the index of an item or a group or with what a remainder or a shift makes of one: none
    /// is negative.
    /// </summary>
    private static HashSet<string> Natural(string text)
    {
        Dictionary<string, int> writes = [];
        foreach (Match written in Written().Matches(text))
        {
            CollectionsMarshal.GetValueRefOrAddDefault(writes, written.Groups[1].Value, out _)++;
        }

        HashSet<string> natural = [];
        foreach (Match index in IndexOrPart().Matches(text))
        {
            if (writes[index.Groups["target"].Value] == 1
                && (index.Groups["index"].Success || natural.Contains(index.Groups["dividend"].Value)))
            {
                natural.Add(index.Groups["target"].Value);
            }
        }

        return natural;
    }

    [GeneratedRegex(@"\bmov\.b64\s+(%rd\d+), __shared_\w+;")]
    private static partial Regex SharedBase();

    /// <summary>An element's address, which ILGPU computes in two steps or, of an index in 64 bits, in one.</summary>
    [GeneratedRegex(
        @"\bmul\.wide\.[su]32\s+(?<offset>%rd\d+), (?<index>%r\d+), (?<size>\d+);\s+add\.u64\s+(?<target>%rd\d+), (?<base>%rd\d+), \k<offset>;"
        + @"|\bmad\.lo\.u64\s+(?<target>%rd\d+), (?<index>(?<wide>%rd)\d+), (?<size>\d+), (?<base>%rd\d+);")]
    private static partial Regex SharedElement();

    [GeneratedRegex(@"\brem\.(?<sign>[su])(?<bits>32|64)\s+(?<target>%\w+), (?<dividend>%\w+), (?<divisor>\d+);")]
    private static partial Regex Remainder();

    [GeneratedRegex(@"^\s+(?:@!?%\w+\s+)?[a-z][\w.]*\s+(%r\d+),", RegexOptions.Multiline)]
    private static partial Regex Written();

    [GeneratedRegex(
        @"\b(?:mov\.b32\s+(?<target>%r\d+), (?<index>%(?:n?tid|n?ctaid)\.[xyz])|(?:shr|rem)\.s32\s+(?<target>%r\d+), (?<dividend>%r\d+), \d+);")]
    private static partial Regex IndexOrPart();

    [GeneratedRegex(@"(\.address_size \d+\s).*?(?=\.visible \.entry)", RegexOptions.Singleline)]
    private static partial Regex Functions();

    [GeneratedRegex(@"\b(add|sub|mul)\.(f32|f64)\b")]
    private static partial Regex Arithmetic();

    [GeneratedRegex(@"\.shared \.align \d+ ")]
    private static partial Regex SharedAlignment();
}
