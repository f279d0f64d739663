using System.Text.RegularExpressions;

namespace Engine.Devices.Ilgpu;

/// <summary>Makes of ILGPU's PTX a text that means what the C# says.</summary>
internal static partial class PtxText
{
    public static string Mend(string text)
    {
        // Everything is inlined: what stands before the entry point, but for the header, are intrinsics without their bodies, which nothing calls.
        text = Functions().Replace(text, "$1");

        // Without a rounding mode ptxas contracts products and sums.
        text = Arithmetic().Replace(text, "$1.rn.$2");

        // ldmatrix reads 16 bytes; ILGPU aligns memory to its elements.
        return SharedAlignment().Replace(text, ".shared .align 16 ");
    }

    [GeneratedRegex(@"(\.address_size \d+\s).*?(?=\.visible \.entry)", RegexOptions.Singleline)]
    private static partial Regex Functions();

    [GeneratedRegex(@"\b(add|sub|mul)\.(f32|f64)\b")]
    private static partial Regex Arithmetic();

    [GeneratedRegex(@"\.shared \.align \d+ ")]
    private static partial Regex SharedAlignment();
}
