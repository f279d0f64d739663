using System;
using System.Collections.Generic;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Engine.Compiler.Managed;

/// <summary>
/// Prints the managed executor's work-group function. Barriers cut the kernel's body into phases; each phase is a loop over the
/// group's items, and locals that live across a phase become arrays with a slot for each item (the transformation of
/// Stratton, Stone, Hwu, "MCUDA: An Efficient Implementation of CUDA Kernels for Multi-core CPUs", 2008). Statements around a
/// barrier run once for the group, so their conditions must be the same for all items: proven where they are made of
/// parameters and constants, checked while running otherwise.
/// </summary>
internal sealed partial class GroupPrinter
{
    private readonly CompilationLog log;
    private readonly Collectives collectives;
    private readonly Uniformity uniformity;
    private readonly ManagedText text;
    private readonly PhaseList phases;
    private readonly List<Variable> variables = new();
    private readonly HashSet<string> names = new();
    private bool usesWarp;
    private int inlined;
    private int conditions;

    private GroupPrinter(Compilation compilation, CompilationLog log)
    {
        this.log = log;
        collectives = new Collectives(compilation);
        uniformity = new Uniformity(collectives);
        text = new ManagedText(collectives);
        phases = new PhaseList(text);
    }

    /// <summary>The statements of the work-group function, and the helpers it calls.</summary>
    public static (string Body, IReadOnlyList<string> Helpers) Print(
        Compilation compilation, IMethodSymbol kernel, string name, CompilationLog log)
    {
        var printer = new GroupPrinter(compilation, log);
        string body = printer.Kernel(kernel, name);
        return (body, printer.text.Copies.ToArray());
    }

    private string Kernel(IMethodSymbol kernel, string name)
    {
        var scope = new Scope(kernel, string.Empty, isCopy: false);
        foreach (IParameterSymbol parameter in kernel.Parameters)
        {
            if (collectives.Writes(kernel).Contains(parameter))
            {
                Variable variable = Add(parameter, parameter.Type, VariableKind.Item, scope, $"__own_{parameter.Name}");
                Set(variable, () => KernelApi.Escape(parameter.Name));
            }
            else
            {
                Add(parameter, parameter.Type, VariableKind.Uniform, scope);
            }
        }

        MethodDeclarationSyntax declaration = Collectives.Declaration(kernel)!;
        if (declaration.Body is { } block)
        {
            Statements(block.Statements, scope, tail: true);
        }
        else if (declaration.ExpressionBody is { } arrow)
        {
            Effect(arrow.Expression, scope);
        }

        var body = new IndentedText();
        phases.Print(body);
        var whole = new IndentedText();
        whole.Line("int __size = __shape.GroupSize;");
        if (usesWarp)
        {
            whole.Line($"global::Engine.Devices.Kernels.KernelRuntime.RequireWarps(__size, \"{name}\");");
        }

        whole.Line("global::Engine.Devices.Kernels.KernelScratch __scratch = global::Engine.Devices.Kernels.KernelScratch.Begin();");
        for (int i = 0; i < conditions; i++)
        {
            whole.Line($"bool __same{i};");
        }

        foreach (Variable variable in variables)
        {
            DeclareSlots(variable, whole);
        }

        whole.Append(body);
        return whole.ToString();
    }

    private static void DeclareSlots(Variable variable, IndentedText target)
    {
        if (variable.Kind == VariableKind.Item && variable.Crosses)
        {
            target.Line($"{variable.Type}* {variable.Slots} = __scratch.Take<{variable.Type}>(__size);");
        }
        else if (variable.Kind == VariableKind.LocalMemory)
        {
            string element = PhaseList.ElementOf(variable);
            string count = variable.Crosses ? $"(long)__size * ({variable.Extent})" : variable.Extent;
            target.Line($"{element}* {variable.Slots} = __scratch.Take<{element}>({count});");
            if (variable.Crosses)
            {
                target.Line(
                    $"global::Engine.Devices.Kernels.KernelRuntime.Memory<TReads, {element}>({variable.Slots}, "
                        + $"__size * ({variable.Extent}));");
            }
        }
    }

    private Variable Add(ISymbol? symbol, ITypeSymbol type, VariableKind kind, Scope scope, string? name = null)
    {
        string wanted = name ?? symbol!.Name + scope.Suffix;
        string unique = wanted;

        // Sibling scopes may use a name twice; slots are declared once for the whole function, so names are made different.
        for (int i = 2; !names.Add(unique); i++)
        {
            unique = $"{wanted}__{i}";
        }

        var variable = new Variable(KernelApi.Escape(unique), scope.TypeText(type), kind);
        variables.Add(variable);
        if (symbol is not null)
        {
            scope.Variables[symbol] = variable;
        }

        return variable;
    }

    /// <summary>Marks the variables that code of the open phase mentions.</summary>
    private PhaseList.Phase Use(SyntaxNode? node, Scope scope)
    {
        PhaseList.Phase phase = phases.Open();
        foreach (SyntaxNode part in node?.DescendantNodesAndSelf(n => !scope.Replacements.ContainsKey(n)) ?? Enumerable.Empty<SyntaxNode>())
        {
            if (scope.Replacements.TryGetValue(part, out Replacement? replacement))
            {
                Use(replacement.Variable);
                Use(replacement.Source, scope);
            }
            else if (part is IdentifierNameSyntax && collectives.Model(part).GetSymbolInfo(part).Symbol is { } symbol
                && scope.Variables.TryGetValue(symbol, out Variable? variable))
            {
                Use(variable);
            }
        }

        return phase;
    }

    private void Use(Variable variable)
    {
        PhaseList.Phase phase = phases.Open();
        variable.Phases.Add(phase.Id);
        if (variable.Declaration is not null && !phase.Prelude.Contains(variable))
        {
            // What it is computed from is declared first.
            if (variable.Value is not null)
            {
                Use(variable.Value, variable.Scope!);
            }

            phase.Prelude.Add(variable);
        }
    }

    /// <summary>Declares an item's variable, or fills its slot, in the open phase.</summary>
    private void Set(Variable variable, Func<string> value)
    {
        Use(variable);
        phases.Open().Lines.Add(() => variable.Crosses ? $"{variable.Text} = {value()};" : $"{variable.Type} {variable.Name} = {value()};");
    }

    /// <summary>A statement that each item runs by itself.</summary>
    private void Item(SyntaxNode statement, Scope scope)
    {
        PhaseList.Phase phase = Use(statement, scope);
        DeclareOutVariables(statement, scope);
        phase.Returns |= statement.DescendantNodesAndSelf().OfType<ReturnStatementSyntax>().Any();
        phase.Lines.Add(() => text.Print(statement, scope));
    }

    /// <summary>
    /// Variables that an expression of the statement declares (<c>out float x</c>) belong to the list the statement stands in.
    /// </summary>
    private void DeclareOutVariables(SyntaxNode statement, Scope scope)
    {
        if (statement is not (ExpressionStatementSyntax or ExpressionSyntax))
        {
            return;
        }

        foreach (SingleVariableDesignationSyntax designation in statement.DescendantNodes().OfType<SingleVariableDesignationSyntax>())
        {
            if (collectives.Model(designation).GetDeclaredSymbol(designation) is ILocalSymbol local)
            {
                Use(Add(local, local.Type, VariableKind.Item, scope));
            }
        }
    }
}
