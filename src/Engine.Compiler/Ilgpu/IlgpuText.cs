using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using Engine.Compiler.Managed;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler.Ilgpu;

/// <summary>What is known of the method being printed.</summary>
/// <param name="LocalViews">Variables that are views of local memory.</param>
/// <param name="Indexing">Variables whose values reach an index of local memory.</param>
/// <param name="Ranges">Variables of unrolled loops with their values in the pass being printed.</param>
internal sealed record IlgpuScope(HashSet<ISymbol> LocalViews, HashSet<ISymbol> Indexing, ConstantRanges Ranges, CompilationLog Log);

/// <summary>Prints statements and expressions of a kernel for ILGPU.</summary>
/// <param name="copy">Gives the name of a helper's printed copy.</param>
internal sealed class IlgpuText(Collectives collectives, LocalIndices indices, Func<Specimen, string> copy)
    : CSharpText<IlgpuScope>(collectives)
{
    /// <summary>Tiles as devices with matrix units have them.</summary>
    private const string WarpTile = "global::Engine.Devices.Kernels.WarpTile";

    private const string WarpCopy = "global::Engine.Devices.Kernels.WarpCopy";

    private readonly Collectives collectives = collectives;

    public override string Print(SyntaxNode node, IlgpuScope scope)
    {
        switch (node)
        {
            case ForStatementSyntax loop when Unrolled(loop, scope) is { } passes:
                return passes;
            case ExpressionSyntax constant when FloatConstant(constant) is { } value:
                return $"{LibraryForms.Mathematics}Opaque({value})";
            case CastExpressionSyntax cast when Conversion(
                Model(cast).GetTypeInfo(cast.Expression).Type, Model(cast).GetTypeInfo(cast).Type) is { } form:
                return $"{form}({Print(cast.Expression, scope)})";
            case ExpressionSyntax { Parent: not CastExpressionSyntax } value when Model(value)
                .GetTypeInfo(value) is { Type: { } from, ConvertedType.SpecialType: SpecialType.System_Single } types
                && Conversion(from, types.ConvertedType) is { } implicitForm && !Model(value).GetConstantValue(value).HasValue:
                return $"{implicitForm}({base.Print(value, scope)})";
            default:
                return base.Print(node, scope);
        }
    }

    /// <summary>
    /// The literal of a float constant that a kernel computes with; null for other expressions, and where C# wants a constant.
    /// ILGPU would add and multiply constants across sums and products, (x + c) + d as x + (c + d), which is another float.
    /// </summary>
    private string? FloatConstant(ExpressionSyntax expression)
    {
        SemanticModel model = Model(expression);
        if (model.GetTypeInfo(expression).ConvertedType?.SpecialType != SpecialType.System_Single
            || model.GetConstantValue(expression) is not { HasValue: true, Value: { } value }
            || expression.Ancestors().Any(node => node is LocalDeclarationStatementSyntax { IsConst: true } or CaseSwitchLabelSyntax
                || (node is ExpressionSyntax outer && model.GetConstantValue(outer).HasValue)))
        {
            return null;
        }

        return Convert.ToSingle(value, CultureInfo.InvariantCulture) switch
        {
            float.NaN => "float.NaN",
            float.PositiveInfinity => "float.PositiveInfinity",
            float.NegativeInfinity => "float.NegativeInfinity",
            float number => number.ToString("R", CultureInfo.InvariantCulture) + "f",
        };
    }

    /// <summary>What to call for a conversion; null where C#'s own will do.</summary>
    private static string? Conversion(ITypeSymbol? from, ITypeSymbol? to) => from is null || to is null ? null
        : KernelApi.Is16BitFloat(from) && to.SpecialType == SpecialType.System_Single ? IlgpuPrinter.Witness(from) + ".Load"
        : KernelApi.Is16BitFloat(to) && from.SpecialType == SpecialType.System_Single ? IlgpuPrinter.Witness(to) + ".Store"
        : LibraryForms.Conversion(from, to);

    protected override string TypeText(ITypeSymbol type, IlgpuScope scope) => IlgpuPrinter.TypeText(type);

    protected override string Variable(ISymbol symbol, IlgpuScope scope) => KernelApi.Escape(symbol.Name);

    protected override string IntrinsicProperty(string intrinsic, IlgpuScope scope) =>
        intrinsic == "Tile.TeamIdx" ? WarpTile + ".TeamIdx" : "global::ILGPU." + intrinsic;

    protected override string Call(InvocationExpressionSyntax call, IMethodSymbol method, IlgpuScope scope)
    {
        string[] arguments = call.ArgumentList.Arguments.Select(a => Print(a, scope)).ToArray();
        string list = string.Join(", ", arguments);
        switch (KernelApi.Intrinsic(method))
        {
            case "Storage.Load":
                return $"{IlgpuPrinter.Witness(method.TypeArguments[0])}.Load({arguments[0]}[{arguments[1]}])";
            case "Storage.Store":
                return $"{arguments[0]}[{arguments[1]}] = {IlgpuPrinter.Witness(method.TypeArguments[0])}.Store({arguments[2]})";
            case "LocalMemory.Allocate":
                // ILGPU leaves an array of one element in memory.
                string types = Types(method.TypeArguments.Select(IlgpuPrinter.TypeText));
                return $"global::ILGPU.LocalMemory.Allocate{types}(global::System.Math.Max({list}, 2))";
            case "Tile.MultiplyAdd":
                return $"{WarpTile}.MultiplyAdd<{IlgpuPrinter.Witness(method.TypeArguments[0])}>({list})";
            case { } tile when tile.StartsWith("Tile.", StringComparison.Ordinal):
                return $"{WarpTile}.{method.Name}({list})";
            case { } copy when copy.StartsWith("TileCopy.", StringComparison.Ordinal):
                return $"{WarpCopy}.{method.Name}({list})";
        }

        if (LibraryForms.Find(method) is { } form)
        {
            return $"{form}({list})";
        }

        if (Collectives.IsHelper(method))
        {
            var specimen = new Specimen(method.OriginalDefinition, indices.LocalArguments(call, method, scope.LocalViews));
            return $"{copy(specimen)}{Types(method.TypeArguments.SelectMany(t => new[] { IlgpuPrinter.TypeText(t), IlgpuPrinter.Witness(t) }))}({list})";
        }

        string receiver = method.IsStatic ? IlgpuPrinter.TypeText(method.ContainingType) + "."
            : call.Expression is MemberAccessExpressionSyntax member ? Print(member.Expression, scope) + "."
            : string.Empty;
        return $"{receiver}{method.Name}{Types(method.TypeArguments.Select(IlgpuPrinter.TypeText))}({list})";
    }

    private static string Types(IEnumerable<string> types) => types.Any() ? $"<{string.Join(", ", types)}>" : string.Empty;

    /// <summary>
    /// The passes of a loop whose variable indexes local memory, one after another; null where a loop is printed as it stands. Where
    /// the number of passes depends on a <c>[Specialize]</c> parameter, as many as there can be are printed, each under a condition that is
    /// a constant once the variant's values are in place. Of other loops that work on local memory some passes are printed at a time.
    /// </summary>
    private string? Unrolled(ForStatementSyntax loop, IlgpuScope scope)
    {
        if (loop.Declaration is not { Variables: { Count: 1 } variables }
            || Model(loop).GetDeclaredSymbol(variables[0]) is not ILocalSymbol variable)
        {
            return null;
        }

        LoopPasses? range = scope.Ranges.Passes(loop, variable);
        if (!scope.Indexing.Contains(variable))
        {
            return range is { Bound: null } && Repeats(loop, variable, scope) ? PassesAtATime(loop, variable, range, scope) : null;
        }

        if (range is null)
        {
            scope.Log.Report(Diagnostics.NotUnrollable, loop, variable.Name);
            return null;
        }

        return PassesInTurn(loop, variable, range, scope);
    }

    private string PassesInTurn(ForStatementSyntax loop, ILocalSymbol variable, LoopPasses range, IlgpuScope scope)
    {
        var passes = new List<string>();
        string name = KernelApi.Escape(variable.Name);
        for (long value = range.First; value <= range.Last; value += range.Step)
        {
            scope.Ranges[variable] = value;
            string guard = range.Bound is { } bound ? $"if ({value} < {Print(bound, scope)}) " : string.Empty;
            passes.Add($"{guard}{{ const {IlgpuPrinter.TypeText(variable.Type)} {name} = {value}; {Print(loop.Statement, scope)} }}");
        }

        scope.Ranges.Forget(variable);
        return $"{{ {string.Join("\n", passes)} }}";
    }

    /// <summary>
    /// Whether a loop does the same on local memory at every pass, and waits for nobody: passes side by side share what they compute
    /// of addresses.
    /// </summary>
    private bool Repeats(ForStatementSyntax loop, ILocalSymbol variable, IlgpuScope scope) =>
        loop.Statement.DescendantNodes().OfType<IdentifierNameSyntax>()
            .Any(name => Model(name).GetSymbolInfo(name).Symbol is { } symbol && scope.LocalViews.Contains(symbol))
        && !loop.Statement.DescendantNodes().Any(node => node is BreakStatementSyntax or ContinueStatementSyntax)
        && !Model(loop).AnalyzeDataFlow(loop.Statement)!.WrittenInside.Contains(variable, SymbolEqualityComparer.Default)
        && !collectives.Waits(loop.Statement);

    /// <summary>The loop with four passes in one, or two; null where their number is odd.</summary>
    private string? PassesAtATime(ForStatementSyntax loop, ILocalSymbol variable, LoopPasses range, IlgpuScope scope)
    {
        long count = ((range.Last - range.First) / range.Step) + 1;
        int together = count % 4 == 0 ? 4 : count % 2 == 0 ? 2 : 1;
        if (together == 1 || count == together)
        {
            return together == 1 ? null : PassesInTurn(loop, variable, range, scope);
        }

        string name = KernelApi.Escape(variable.Name), first = name + "_first", type = IlgpuPrinter.TypeText(variable.Type);
        IEnumerable<string> passes = Enumerable.Range(0, together)
            .Select(pass => $"{{ {type} {name} = {first} + {pass * range.Step}; {Print(loop.Statement, scope)} }}");
        return $"for ({type} {first} = {range.First}; {first} <= {range.Last}; {first} += {together * range.Step}) "
            + $"{{ {string.Join("\n", passes)} }}";
    }
}
