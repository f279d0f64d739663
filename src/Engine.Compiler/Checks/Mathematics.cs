using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;

namespace Engine.Compiler.Checks;

/// <summary>Functions of the base library that kernels may call, and what to call in place of others.</summary>
internal static class Mathematics
{
    private static readonly HashSet<string> Floats =
        new() { "Abs", "Sqrt", "Floor", "Ceiling", "Truncate", "Round", "Min", "Max", "CopySign", "FusedMultiplyAdd" };

    /// <summary>Functions whose bits differ from library to library.</summary>
    private static readonly HashSet<string> Elementary = new() { "Exp", "Log", "Tanh", "Sin", "Cos" };

    private static readonly HashSet<string> Integers = new() { "Min", "Max", "Abs", "Clamp", "BigMul" };

    public static bool Knows(IMethodSymbol method)
    {
        SpecialType type = method.Parameters.FirstOrDefault()?.Type.SpecialType ?? SpecialType.None;
        return method.ContainingType.ToDisplayString() switch
        {
            "Engine.Devices.Kernels.KernelMath" => true,
            "System.MathF" => Floats.Contains(method.Name) && method.Parameters.All(p => p.Type.SpecialType == SpecialType.System_Single),
            "float" => method.Name is "IsNaN" or "IsInfinity" or "IsFinite",
            "System.Math" => Integers.Contains(method.Name) && (type is SpecialType.System_Int32 or SpecialType.System_UInt32
                || (method.Name != "BigMul" && type is SpecialType.System_Int64 or SpecialType.System_UInt64 or SpecialType.System_Single)),
            "System.BitConverter" =>
                method.Name is "SingleToInt32Bits" or "SingleToUInt32Bits" or "Int32BitsToSingle" or "UInt32BitsToSingle",
            _ => false,
        };
    }

    /// <summary>What to write in place of a call that a device has no form of.</summary>
    public static string Instead(IMethodSymbol method) => method.ContainingType.Name == "MathF" && Elementary.Contains(method.Name)
        ? $"use KernelMath.{method.Name}, which gives the same bits on every device"
        : "use KernelMath and the functions of MathF, Math and BitConverter that docs/diagnostics.md lists, or write a helper";
}
