using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;

namespace Engine.Compiler.Managed;

/// <summary>How the work-group function holds a variable of the kernel.</summary>
internal enum VariableKind
{
    /// <summary>One value for each work-item.</summary>
    Item,

    /// <summary>One value for the group: everything it is computed from is the same for all items.</summary>
    Uniform,

    /// <summary>A view of local memory, made anew in each phase that uses it.</summary>
    LocalMemory,

    /// <summary>Cheap arithmetic on the item's index and uniform values, done anew in each phase that uses it.</summary>
    Recomputed,
}

/// <summary>A local or parameter of the kernel, or of a helper that is inlined because it holds a barrier.</summary>
internal sealed class Variable(string name, string type, VariableKind kind)
{
    public string Name { get; } = name;

    public string Type { get; } = type;

    public VariableKind Kind { get; set; } = kind;

    /// <summary>The phases that mention the variable.</summary>
    public HashSet<int> Phases { get; } = new();

    /// <summary>Elements of local memory, as C# text.</summary>
    public string Extent { get; set; } = string.Empty;

    /// <summary>What a recomputed variable is computed from.</summary>
    public SyntaxNode? Value { get; set; }

    /// <summary>What names mean in <see cref="Value"/>.</summary>
    public Scope? Scope { get; set; }

    /// <summary>The declaration that a phase starts with when it uses local memory or a recomputed variable.</summary>
    public Func<string>? Declaration { get; set; }

    /// <summary>Read by other items than the one that writes it.</summary>
    public bool Exchanged { get; set; }

    /// <summary>Whether the value outlives a phase, so that each item needs a slot of an array.</summary>
    public bool Crosses => Exchanged || Phases.Count > 1;

    /// <summary>The array of the items' values, or the local memory.</summary>
    public string Slots => $"__{Name.TrimStart('@')}_items";

    /// <summary>The variable as code of item <c>__i</c> names it.</summary>
    public string Text => Kind == VariableKind.Item && Crosses ? $"{Slots}[__i]" : Name;
}

/// <summary>A call that was computed in an earlier phase.</summary>
/// <param name="Text">What stands in its place.</param>
/// <param name="Variable">The variable that this text reads.</param>
/// <param name="Source">The expression that this text still evaluates, or null.</param>
internal sealed record Replacement(Func<string> Text, Variable Variable, SyntaxNode? Source);

/// <summary>What names mean in one printed copy of a method.</summary>
internal sealed class Scope(IMethodSymbol method, string suffix, bool isCopy)
{
    public IMethodSymbol Method { get; } = method.OriginalDefinition;

    /// <summary>Appended to the names of locals, so that inlined methods do not collide.</summary>
    public string Suffix { get; } = suffix;

    /// <summary>A helper printed as a method of its own: returns return, and the work-item comes as the argument <c>__item</c>.</summary>
    public bool IsCopy { get; } = isCopy;

    public Dictionary<ISymbol, Variable> Variables { get; } = new(SymbolEqualityComparer.Default);

    public Dictionary<ITypeParameterSymbol, ITypeSymbol> TypeArguments { get; } = new(SymbolEqualityComparer.Default);

    /// <summary>Calls that were computed in an earlier phase.</summary>
    public Dictionary<SyntaxNode, Replacement> Replacements { get; } = new();

    public ITypeSymbol Substitute(ITypeSymbol type) => type switch
    {
        ITypeParameterSymbol parameter => TypeArguments.TryGetValue(parameter, out ITypeSymbol? argument) ? argument : type,
        INamedTypeSymbol { IsGenericType: true } named => named.ConstructedFrom.Construct(named.TypeArguments.Select(Substitute).ToArray()),
        _ => type,
    };

    public string TypeText(ITypeSymbol type) => ManagedType(Substitute(type));

    /// <summary>A type as the managed executor writes it.</summary>
    public static string ManagedType(ITypeSymbol type) => KernelApi.ManagedName(type) is { } name
        ? KernelApi.IsView(type) ? $"{name}<{ManagedType(KernelApi.Element(type))}>" : name
        : KernelApi.IsOperands(type) ? $"{KernelApi.FullName(type, ManagedType)}.{OperandsPrinter.CpuForm}"
        : type.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat);
}
