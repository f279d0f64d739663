using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Engine.Compiler;

/// <summary>Keeps the C# compiler from telling that nothing assigns the fields of <c>[Operands]</c>: a launch does.</summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class OperandsSuppressor : DiagnosticSuppressor
{
    private static readonly SuppressionDescriptor NeverAssigned = new("ENGS0001", "CS0649", "A launch passes the fields of operands.");

    /// <inheritdoc/>
    public override ImmutableArray<SuppressionDescriptor> SupportedSuppressions { get; } = ImmutableArray.Create(NeverAssigned);

    /// <inheritdoc/>
    public override void ReportSuppressions(SuppressionAnalysisContext context)
    {
        foreach (Diagnostic diagnostic in context.ReportedDiagnostics)
        {
            if (diagnostic.Location.SourceTree is { } tree
                && context.GetSemanticModel(tree)
                    .GetDeclaredSymbol(
                        tree.GetRoot(context.CancellationToken).FindNode(diagnostic.Location.SourceSpan),
                        context.CancellationToken) is IFieldSymbol field
                && KernelApi.IsOperands(field.ContainingType))
            {
                context.ReportSuppression(Suppression.Create(NeverAssigned, diagnostic));
            }
        }
    }
}
