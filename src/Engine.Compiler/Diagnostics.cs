using Microsoft.CodeAnalysis;

namespace Engine.Compiler;

/// <summary>What a kernel may not do, each with what to write instead. docs/diagnostics.md shows an example of each.</summary>
internal static class Diagnostics
{
    public static readonly DiagnosticDescriptor NotStaticVoid = Error(
        1, "A kernel is a static void method", "Kernel '{0}' must be static and return void; write its results to an ArrayView parameter");

    public static readonly DiagnosticDescriptor NotPartial = Error(
        2, "A kernel's class is static, partial and not nested",
        "Class '{0}' holds kernels, so declare it 'static partial', directly in a namespace and not generic");

    public static readonly DiagnosticDescriptor ParameterType = Error(
        3, "A kernel's parameters are views and numbers",
        "Parameter '{0}' of type '{1}' cannot be passed to a kernel; "
            + "pass an ArrayView of numbers, a number, a bool, an enum, or a struct of these that is marked [Operands]");

    public static readonly DiagnosticDescriptor SpecializeType = Error(
        4, "[Specialize] parameters are int, bool or enum",
        "Parameter '{0}' of type '{1}' cannot be [Specialize]; "
            + "use an int, bool or enum parameter that is not ref or out");

    public static readonly DiagnosticDescriptor TypeConstraint = Error(
        5, "A kernel's type parameters are unmanaged", "Type parameter '{0}' is a storage type: add 'where {0} : unmanaged'");

    public static readonly DiagnosticDescriptor ReferenceType = Error(
        6, "No reference types in a kernel",
        "'{0}' is not a type that device code can hold; use numbers, ArrayView and structs of numbers with public fields");

    public static readonly DiagnosticDescriptor Allocation = Error(
        7, "No allocation in a kernel",
        "A kernel cannot allocate '{0}'; use LocalMemory.Allocate or SharedMemory.Allocate with a constant extent");

    public static readonly DiagnosticDescriptor Exceptions = Error(
        8, "No exceptions in a kernel", "A kernel can neither throw nor catch; check arguments in the host code that launches it");

    public static readonly DiagnosticDescriptor UnsupportedCall = Error(
        9, "A call a kernel cannot make", "'{0}' has no form on a device; {1}");

    public static readonly DiagnosticDescriptor Recursion = Error(
        10, "No recursion in a kernel", "'{0}' calls itself, directly or by way of others; write a loop");

    public static readonly DiagnosticDescriptor FloatAtomic = Error(
        11, "No atomics on floats",
        "Atomic operations of kernels take int and uint only: float sums in changing order are not reproducible; "
            + "reduce per group, write partial results and reduce those in a second kernel");

    public static readonly DiagnosticDescriptor Extent = Error(
        12, "Allocation extents are constants", "The extent '{0}' must be made of literals, constants and [Specialize] parameters");

    public static readonly DiagnosticDescriptor AllocationPlace = Error(
        13, "Memory is allocated where a local is declared", "{0} may only initialise a local that is declared {1}");

    public static readonly DiagnosticDescriptor DivergentBarrier = Error(
        14, "Every item reaches a barrier", "{0}");

    public static readonly DiagnosticDescriptor UnsupportedStatement = Error(
        15, "A statement a kernel cannot use", "{0} cannot be used in a kernel; {1}");

    public static readonly DiagnosticDescriptor UnsupportedExpression = Error(
        16, "An expression a kernel cannot use", "{0} cannot be used in a kernel; {1}");

    public static readonly DiagnosticDescriptor SideEffect = Error(
        17, "Side effects are statements",
        "'{0}' changes a variable inside an expression; "
            + "write it as a statement of its own, so that it changes once wherever the expression is printed");

    public static readonly DiagnosticDescriptor StaticState = Error(
        18, "No static state in a kernel", "'{0}' is not a constant; make it const, or pass its value as a parameter");

    public static readonly DiagnosticDescriptor VirtualCall = Error(
        19, "Kernels call static methods", "'{0}' is not a static method; write a static helper that takes the value as a parameter");

    public static readonly DiagnosticDescriptor HelperSource = Error(
        20, "Helpers are compiled from source", "'{0}' comes from another assembly; copy the helper to this project, or use KernelMath");

    public static readonly DiagnosticDescriptor ViewUse = Error(
        21, "Views stay in their memory", "{0}");

    public static readonly DiagnosticDescriptor DuplicateName = Error(
        22, "Kernel names are unique", "Two kernels are called '{0}'; a kernel's name is its class and method, so rename one of them");

    public static readonly DiagnosticDescriptor TileUse = Error(
        23, "Tiles hold 16-bit floats and stay with their items", "{0}");

    public static readonly DiagnosticDescriptor NotUnrollable = Error(
        24, "Loops over local memory are counted",
        "'{0}' indexes local memory, and how often its loop can run is not known to the build; "
            + "count it from a constant, in constant steps, with '<' below constants and [Specialize] parameters that declare Most");

    public static readonly DiagnosticDescriptor Double = Error(
        25, "No double in a kernel",
        "'{0}' is of double precision, which OpenCL devices may lack and cards for games compute at a "
            + "fraction of their speed; compute in float, in pairs of floats where that is too coarse");

    public static readonly DiagnosticDescriptor Operands = Error(
        26, "Operands are fields of views and numbers", "Struct '{0}' is marked [Operands], and {1}");

    private static DiagnosticDescriptor Error(int number, string title, string message) => new(
        $"ENG{number:0000}", title, message, "Engine.Kernels", DiagnosticSeverity.Error, isEnabledByDefault: true,
        helpLinkUri: $"docs/diagnostics.md#eng{number:0000}");
}
