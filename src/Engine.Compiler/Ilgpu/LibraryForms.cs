using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;

namespace Engine.Compiler.Ilgpu;

/// <summary>
/// What kernels for ILGPU call in place of functions of the base library that it does not compile, or compiles to something else.
/// </summary>
internal static class LibraryForms
{
    public const string Mathematics = "global::Engine.Devices.Kernels.KernelMath.";

    /// <summary>
    /// Functions of float: ILGPU's Max and Min lose NaNs on OpenCL, its CopySign swaps its operands on CUDA, the rest it has not.
    /// </summary>
    private static readonly HashSet<string> Own = new() { "FusedMultiplyAdd", "Max", "Min", "Clamp", "Round", "Truncate", "CopySign" };

    /// <summary>The full name of the function to call instead; null where the library's own will do.</summary>
    public static string? Find(IMethodSymbol method) => method.ContainingType.ToDisplayString() switch
    {
        "System.Math" or "System.MathF" when method.Parameters.FirstOrDefault()?.Type.SpecialType == SpecialType.System_Single =>
            Own.Contains(method.Name) ? Mathematics + method.Name : null,
        "System.Math" when method.Name == "Clamp" => "global::ILGPU.IntrinsicMath.Clamp",
        "System.BitConverter" when method.Name == "UInt32BitsToSingle" => "global::ILGPU.Interop.IntAsFloat",
        "System.BitConverter" when method.Name == "SingleToUInt32Bits" => "global::ILGPU.Interop.FloatAsInt",
        _ => null,
    };

    /// <summary>
    /// The conversion to call instead of C#'s: ILGPU's OpenCL C leaves open what floats beyond an integer's range become, and takes
    /// unsigned integers to float by way of double; null where its own will do.
    /// </summary>
    public static string? Conversion(ITypeSymbol? from, ITypeSymbol? to) => (from?.SpecialType, to?.SpecialType) switch
    {
        (SpecialType.System_UInt32, SpecialType.System_Single) => Mathematics + "ToSingle",
        (SpecialType.System_Single, SpecialType.System_Int32) => Mathematics + "ToInt32",
        (SpecialType.System_Single, SpecialType.System_UInt32) => Mathematics + "ToUInt32",
        (SpecialType.System_Single, SpecialType.System_Int64) => Mathematics + "ToInt64",
        (SpecialType.System_Single, SpecialType.System_UInt64) => Mathematics + "ToUInt64",
        (SpecialType.System_Single, SpecialType.System_SByte) => $"(sbyte){Mathematics}ToInt32",
        (SpecialType.System_Single, SpecialType.System_Byte) => $"(byte){Mathematics}ToInt32",
        (SpecialType.System_Single, SpecialType.System_Int16) => $"(short){Mathematics}ToInt32",
        (SpecialType.System_Single, SpecialType.System_UInt16) => $"(ushort){Mathematics}ToInt32",
        _ => null,
    };
}
