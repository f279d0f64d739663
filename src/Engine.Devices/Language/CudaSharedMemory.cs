using System.Text.RegularExpressions;

namespace Engine.Devices;

/// <summary>
/// Shared memory beyond the 48 KiB that CUDA gives a kernel's own arrays: the arrays become members of one struct in the memory that a launch brings, which a
/// card gives more of where the host asks for it (CUDA C++ Programming Guide, "Shared Memory" of compute capability 7.x and later).
/// </summary>
internal static partial class CudaSharedMemory
{
    /// <summary>The text with the kernel's shared arrays in the launch's memory, whose size the constant <see cref="SizeOf"/> holds; null where it has none.</summary>
    public static string? Arrange(KernelDefinition kernel, string text)
    {
        MatchCollection arrays = Declaration().Matches(text);
        int start = text.IndexOf($"KERNEL void {kernel.Name}(", StringComparison.Ordinal);
        if (arrays.Count == 0 || start < 0)
        {
            return null;
        }

        string members = string.Concat(arrays.Select(array => $"    __attribute__((aligned(16))) {array.Groups[1].Value} {array.Groups[2].Value}[{array.Groups[3].Value}];\n"));
        string names = string.Join(", ", arrays.Select(array => array.Groups[2].Value));
        string first = $"    extern SHARED quad_bits shared_memory[];\n    auto& [{names}] = *({kernel.Name}_shared*)shared_memory;\n";
        int body = arrays[0].Index;
        return $$"""
            {{text[..start]}}struct {{kernel.Name}}_shared
            {
            {{members}}};
            extern "C" __device__ const uint {{SizeOf(kernel)}} = sizeof({{kernel.Name}}_shared);
            {{text[start..body]}}{{first}}{{Declaration().Replace(text[body..], "")}}
            """;
    }

    /// <summary>The name of the constant that holds the bytes which a launch must bring.</summary>
    public static string SizeOf(KernelDefinition kernel) => kernel.Name + "_shared_bytes";

    /// <summary>Whether a compiler's log says that the arrays are too large; the words are those of ptxas.</summary>
    public static bool IsExceeded(string log) => log.Contains("uses too much shared data", StringComparison.Ordinal);

    /// <summary>An array as the printer declares it, at the top of the kernel.</summary>
    [GeneratedRegex(@"^    SHARED (.+) (\w+)\[(.+)\];\n", RegexOptions.Multiline)]
    private static partial Regex Declaration();
}
