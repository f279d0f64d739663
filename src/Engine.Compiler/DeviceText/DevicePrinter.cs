using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Engine.Compiler.DeviceText;

/// <summary>
/// Prints a kernel, and every struct and helper it needs, in the C dialect that the language preludes define. The walk over the
/// bound operation tree is also the check of what a kernel may be: whatever has no printed form is a diagnostic.
/// </summary>
internal sealed partial class DevicePrinter
{
    private readonly Compilation compilation;
    private readonly CompilationLog log;
    private readonly IndentedText structs = new();
    private readonly Dictionary<string, string> structNames = new();
    private readonly List<string> functions = new();
    private readonly Dictionary<string, Helper> helpers = new();
    private readonly HashSet<string> functionNames = new();
    private readonly SortedSet<string> tileTypes = new(System.StringComparer.Ordinal);
    private readonly HashSet<IMethodSymbol> active = new(SymbolEqualityComparer.Default);
    private Function function;
    private IndentedText text = new();
    private bool usesTiles;

    private DevicePrinter(Compilation compilation, IMethodSymbol kernel, CompilationLog log)
    {
        this.compilation = compilation;
        this.log = log;
        function = new Function(kernel, isKernel: true);
    }

    /// <summary>The text of a kernel: structs, then helpers in the order of their first need, then the entry point.</summary>
    public static PrintedKernel Print(Compilation compilation, IMethodSymbol kernel, string name, CompilationLog log)
    {
        var printer = new DevicePrinter(compilation, kernel, log);
        printer.functionNames.Add(name);
        string entry = printer.Kernel(kernel, name);
        return new PrintedKernel(
            printer.structs + string.Concat(printer.functions.Select(f => f + "\n")) + entry, printer.usesTiles, printer.tileTypes.ToArray());
    }

    private string Kernel(IMethodSymbol kernel, string name)
    {
        var parameters = new List<string>();
        var views = new List<string>();
        foreach (IParameterSymbol parameter in kernel.Parameters)
        {
            string identifier = function.Declare(parameter);
            if (KernelApi.IsSpecialized(parameter))
            {
                function.Constants[parameter] = "CONST_" + parameter.Name;
            }
            else if (KernelApi.IsView(parameter.Type))
            {
                string element = TypeName(KernelApi.Element(parameter.Type), parameter.Locations[0]);
                parameters.Add($"GLOBAL {element}* {identifier}_base");
                parameters.Add($"i64 {identifier}_offset");
                parameters.Add($"i64 {identifier}_length");
                views.Add($"GLOBAL {element}* {identifier} = VIEW({element}, {identifier}_base, {identifier}_offset);");
                function.Views[parameter] = new View(identifier, identifier + "_length", "GLOBAL", KernelApi.Element(parameter.Type));
            }
            else
            {
                parameters.Add($"{FieldTypeName(parameter.Type, parameter.Locations[0])} {identifier}");
            }
        }

        active.Add(kernel);
        var body = new IndentedText();
        text = body;
        Body(kernel);
        active.Remove(kernel);

        var entry = new IndentedText();
        entry.Line($"KERNEL void {name}({string.Join(", ", parameters)})");
        entry.Open();
        foreach (string shared in function.Shared)
        {
            entry.Line(shared);
        }

        if (function.UsesWarp)
        {
            entry.Line("WARP_SCRATCH;");
        }

        foreach (string view in views)
        {
            entry.Line(view);
        }

        entry.Append(body);
        entry.Close();
        return entry.ToString();
    }

    /// <summary>Prints the statements of a method at the current place.</summary>
    private void Body(IMethodSymbol method)
    {
        SyntaxNode syntax = method.DeclaringSyntaxReferences[0].GetSyntax();
        IOperation? operation = compilation.GetSemanticModel(syntax.SyntaxTree).GetOperation(syntax);
        if (operation is not IMethodBodyOperation body || (body.BlockBody ?? body.ExpressionBody) is not { } block)
        {
            log.Report(Diagnostics.UnsupportedStatement, syntax, $"A method without a body ('{method.Name}')", "write its body in C#");
            return;
        }

        text.Indented(() =>
        {
            foreach (IOperation statement in block.Operations)
            {
                Statement(statement);
            }
        });
    }

    /// <summary>A pointer and a length that stand for an <c>ArrayView</c>, and the address space the pointer is in.</summary>
    private sealed record View(string Pointer, string Length, string Space, ITypeSymbol Element)
    {
        /// <summary>Memory that the function declares as an array, which cannot be made to mean another view.</summary>
        public bool IsArray { get; init; }
    }

    /// <summary>A helper as printed for one combination of types, address spaces and constants.</summary>
    private sealed record Helper(string Name, bool UsesWarp);

    /// <summary>What is known of the function being printed.</summary>
    private sealed class Function(IMethodSymbol method, bool isKernel)
    {
        private static readonly HashSet<string> Reserved = new()
        {
            "auto", "register", "signed", "unsigned", "inline", "restrict", "extern", "typedef", "union", "kernel", "global", "local",
            "constant", "private", "generic", "half", "uchar", "ushort", "event_t", "image2d_t", "sampler_t", "asm", "template", "delete",
            "friend", "typename", "mutable", "wchar_t", "and", "or", "not", "xor", "main", "i8", "u8", "i16", "u16", "i64", "u64", "f16", "bf16",
            "tile_a", "tile_b", "tile_sum", "warp_scratch", "pipe", "complex", "imaginary",
        };

        private readonly Dictionary<ISymbol, string> names = new(SymbolEqualityComparer.Default);

        public IMethodSymbol Method { get; } = method;

        public bool IsKernel { get; } = isKernel;

        public Dictionary<ISymbol, View> Views { get; } = new(SymbolEqualityComparer.Default);

        /// <summary>[Specialize] parameters and the constant expressions they stand for.</summary>
        public Dictionary<ISymbol, string> Constants { get; } = new(SymbolEqualityComparer.Default);

        /// <summary>Address spaces of ref, in and out parameters, which are printed as pointers.</summary>
        public Dictionary<ISymbol, string> References { get; } = new(SymbolEqualityComparer.Default);

        public Dictionary<ITypeParameterSymbol, ITypeSymbol> TypeArguments { get; } = new(SymbolEqualityComparer.Default);

        /// <summary>Declarations of shared memory, which stand first in the kernel.</summary>
        public List<string> Shared { get; } = new();

        public bool UsesWarp { get; set; }

        /// <summary>The name of a local or parameter, kept away from what the C languages and the preludes reserve.</summary>
        public string Declare(ISymbol symbol)
        {
            string name = symbol.Name;
            bool taken = Reserved.Contains(name) || (name.Length > 1 && name.All(c => !char.IsLower(c)));
            return names[symbol] = taken || name.Any(c => c > 127) ? Ascii(name) + "_" : name;
        }

        public string Name(ISymbol symbol) => names.TryGetValue(symbol, out string? name) ? name : Declare(symbol);

        private static string Ascii(string name) => string.Concat(name.Select(c => c > 127 ? $"u{(int)c:x4}" : c.ToString()));
    }
}
