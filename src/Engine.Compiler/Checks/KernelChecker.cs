using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Engine.Compiler.Checks;

/// <summary>
/// Walks the bound operations of a kernel and of every helper it calls, and reports whatever has no form on a device, at its C# line: what
/// ILGPU refuses, what it compiles to something else, and what the managed executor cannot print.
/// </summary>
internal sealed partial class KernelChecker
{
    private readonly Compilation compilation;
    private readonly CompilationLog log;
    private readonly HashSet<string> checkedHelpers = new();
    private readonly HashSet<string> checkedStructs = new();
    private readonly HashSet<IMethodSymbol> active = new(SymbolEqualityComparer.Default);
    private readonly SortedSet<string> tileTypes = new(System.StringComparer.Ordinal);
    private Function function;
    private bool usesTiles;
    private bool usesShuffles;

    private KernelChecker(Compilation compilation, IMethodSymbol kernel, CompilationLog log)
    {
        this.compilation = compilation;
        this.log = log;
        function = new Function(kernel, isKernel: true);
    }

    public static CheckedKernel Check(Compilation compilation, IMethodSymbol kernel, CompilationLog log)
    {
        var checker = new KernelChecker(compilation, kernel, log);
        foreach (IParameterSymbol parameter in kernel.Parameters)
        {
            if (KernelApi.IsSpecialized(parameter))
            {
                checker.function.Constants.Add(parameter);
            }
            else if (KernelApi.IsView(parameter.Type))
            {
                checker.function.Views[parameter] = new View(Memory.Global, IsAllocation: false);
                checker.Type(KernelApi.Element(parameter.Type), parameter.Locations[0]);
            }
        }

        checker.active.Add(kernel);
        checker.Body(kernel);
        return new CheckedKernel(checker.usesTiles, checker.tileTypes.ToArray(), checker.usesShuffles);
    }

    private void Body(IMethodSymbol method)
    {
        SyntaxNode syntax = method.DeclaringSyntaxReferences[0].GetSyntax();
        IOperation? operation = compilation.GetSemanticModel(syntax.SyntaxTree).GetOperation(syntax);
        if (operation is IMethodBodyOperation body && (body.BlockBody ?? body.ExpressionBody) is { } block)
        {
            Statement(block);
        }
        else
        {
            log.Report(Diagnostics.UnsupportedStatement, syntax, $"A method without a body ('{method.Name}')", "write its body in C#");
        }
    }

    /// <summary>A helper, once for each combination of types and memories.</summary>
    private void Helper(IMethodSymbol called, IOperation[] arguments, SyntaxNode site)
    {
        IMethodSymbol definition = called.OriginalDefinition;
        if (active.Contains(definition))
        {
            log.Report(Diagnostics.Recursion, site, definition.Name);
            return;
        }

        var callee = new Function(definition, isKernel: false);
        foreach ((ITypeParameterSymbol parameter, ITypeSymbol argument) in definition.TypeParameters.Zip(
            called.TypeArguments, (p, a) => (p, a)))
        {
            callee.TypeArguments[parameter] = Substitute(argument);
            Type(argument, site.GetLocation());
        }

        string key =
            $"{definition.ToDisplayString()}<{string.Join(",", callee.TypeArguments.Values.Select(type => type.ToDisplayString()))}>";
        for (int i = 0; i < arguments.Length; i++)
        {
            key += Argument(definition.Parameters[i], arguments[i], callee, site);
        }

        if (checkedHelpers.Add(key))
        {
            Function caller = function;
            function = callee;
            active.Add(definition);
            Location location = definition.Locations[0];
            if (KernelApi.IsView(definition.ReturnType) || definition.ReturnsByRef || definition.ReturnsByRefReadonly)
            {
                log.Report(
                    Diagnostics.ViewUse, location, $"Helper '{definition.Name}' cannot return a view or a reference; return an offset");
            }
            else if (!definition.ReturnsVoid)
            {
                Type(definition.ReturnType, location);
            }

            foreach (IParameterSymbol parameter in definition.Parameters.Where(p => !KernelApi.IsView(p.Type)))
            {
                Type(parameter.Type, location);
            }

            Body(definition);
            active.Remove(definition);
            function = caller;
        }
    }

    /// <summary>An argument of a helper; what it adds to the key of the combination.</summary>
    private string Argument(IParameterSymbol parameter, IOperation argument, Function callee, SyntaxNode site)
    {
        if (KernelApi.IsSpecialized(parameter))
        {
            if (!IsConstant(argument))
            {
                log.Report(Diagnostics.Extent, argument.Syntax, argument.Syntax.ToString());
            }

            callee.Constants.Add(parameter);
            return string.Empty;
        }

        if (KernelApi.IsView(parameter.Type))
        {
            if (parameter.RefKind is not (RefKind.None or RefKind.In))
            {
                log.Report(
                    Diagnostics.ViewUse,
                    site, $"View parameter '{parameter.Name}' of '{callee.Method.Name}' cannot be ref or out; pass offsets");
            }

            if (ViewOf(argument) is not { } view)
            {
                return string.Empty;
            }

            callee.Views[parameter] = new View(view.Memory, IsAllocation: false);
            return "|" + view.Memory;
        }

        if (parameter.RefKind == RefKind.None)
        {
            Expression(argument);
            return string.Empty;
        }

        IOperation target = argument is IDeclarationExpressionOperation declared ? declared.Expression : argument;
        if (target is IDiscardOperation || target.ConstantValue.HasValue)
        {
            log.Report(
                Diagnostics.UnsupportedExpression, target.Syntax, "A ref, in or out argument that is not a variable",
                "declare a local for it");
            return string.Empty;
        }

        Target(target);
        Memory memory = MemoryOf(target);
        callee.References[parameter] = memory;
        return "|" + memory;
    }

    /// <summary>The type with the helper's type parameters replaced by what it was called with.</summary>
    private ITypeSymbol Substitute(ITypeSymbol type) => type switch
    {
        ITypeParameterSymbol parameter => function.TypeArguments.TryGetValue(parameter, out ITypeSymbol? argument) ? argument : type,
        INamedTypeSymbol { IsGenericType: true } named => named.ConstructedFrom.Construct(named.TypeArguments.Select(Substitute).ToArray()),
        _ => type,
    };

    /// <summary>Reports a type that device code cannot hold.</summary>
    private void Type(ITypeSymbol unbound, Location location)
    {
        ITypeSymbol type = KernelApi.Underlying(Substitute(unbound));
        if (type.SpecialType == SpecialType.System_Double)
        {
            log.Report(Diagnostics.Double, location, type.ToDisplayString());
            return;
        }

        if (type is ITypeParameterSymbol || IsNumber(type) || type.SpecialType == SpecialType.System_Boolean || KernelApi.Is16BitFloat(type)
            || KernelApi.IsView(type) || KernelApi.IsOperands(type))
        {
            return;
        }

        if (KernelApi.IsTile(type))
        {
            TileElement(((INamedTypeSymbol)type).TypeArguments.FirstOrDefault(), location);
        }
        else if (KernelApi.IsUserStruct(type))
        {
            Struct((INamedTypeSymbol)type, location);
        }
        else if (type.TypeKind == TypeKind.Error)
        {
            log.Invalid = true;
        }
        else
        {
            log.Report(Diagnostics.ReferenceType, location, type.ToDisplayString());
        }
    }

    /// <param name="type">The type of a tile's elements; null: sums.</param>
    private void TileElement(ITypeSymbol? type, Location location)
    {
        usesTiles = true;
        ITypeSymbol? element = type is null ? null : Substitute(type);
        if (element is ITypeParameterSymbol parameter)
        {
            tileTypes.Add(parameter.Name);
        }
        else if (element is not null && !KernelApi.Is16BitFloat(element) && element.TypeKind != TypeKind.Error)
        {
            log.Report(
                Diagnostics.TileUse, location,
                $"A tile of '{element.ToDisplayString()}' has no matrix units; tiles are made of Half or BFloat16: "
                    + $"round with Storage.Store to a shared view of one of them");
        }
    }

    private void Struct(INamedTypeSymbol type, Location location)
    {
        if (!checkedStructs.Add(type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat)))
        {
            return;
        }

        foreach (IFieldSymbol field in type.GetMembers().OfType<IFieldSymbol>().Where(f => !f.IsStatic && !f.IsConst))
        {
            if (KernelApi.IsView(field.Type) || field.AssociatedSymbol is not null || field.IsFixedSizeBuffer)
            {
                log.Report(
                    Diagnostics.ViewUse, location,
                    $"Struct '{type.Name}' cannot be used in a kernel: '{(field.AssociatedSymbol ?? field).Name}' must be a plain field "
                        + $"that is a number or a struct; pass views as parameters");
            }
            else
            {
                Type(field.Type, location);
            }
        }
    }

    private static bool IsNumber(ITypeSymbol? type) => type is not null
        && KernelApi.Underlying(type).SpecialType is >= SpecialType.System_SByte and <= SpecialType.System_Double
            and not SpecialType.System_Decimal;

    /// <summary>Where a variable or a view's elements lie.</summary>
    private enum Memory
    {
        Global,
        Shared,
        Local,
    }

    /// <param name="IsAllocation">It names allocated memory, which cannot be made to mean another view.</param>
    private sealed record View(Memory Memory, bool IsAllocation);

    /// <summary>What is known of the function being checked.</summary>
    private sealed class Function(IMethodSymbol method, bool isKernel)
    {
        public IMethodSymbol Method { get; } = method;

        public bool IsKernel { get; } = isKernel;

        public Dictionary<ISymbol, View> Views { get; } = new(SymbolEqualityComparer.Default);

        /// <summary>[Specialize] parameters.</summary>
        public HashSet<ISymbol> Constants { get; } = new(SymbolEqualityComparer.Default);

        /// <summary>Memories of what ref, in and out parameters refer to.</summary>
        public Dictionary<ISymbol, Memory> References { get; } = new(SymbolEqualityComparer.Default);

        public Dictionary<ITypeParameterSymbol, ITypeSymbol> TypeArguments { get; } = new(SymbolEqualityComparer.Default);
    }
}
