using System.Collections.Generic;
using System.Collections.Immutable;
using Microsoft.CodeAnalysis;

namespace Engine.Compiler;

/// <summary>Collects the diagnostics of one kernel; the same fault at the same place is told once.</summary>
internal sealed class CompilationLog
{
    private readonly List<DiagnosticInfo> diagnostics = new();

    public bool HasErrors => diagnostics.Count > 0;

    public int Count => diagnostics.Count;

    /// <summary>True where C# itself refuses the code: its own errors suffice.</summary>
    public bool Invalid { get; set; }

    public EquatableArray<DiagnosticInfo> Diagnostics => new(diagnostics.ToImmutableArray());

    public void Report(DiagnosticDescriptor descriptor, SyntaxNode node, params string[] arguments) =>
        Report(descriptor, node.GetLocation(), arguments);

    public void Report(DiagnosticDescriptor descriptor, Location location, params string[] arguments)
    {
        var diagnostic = new DiagnosticInfo(descriptor, LocationInfo.Of(location), new(arguments.ToImmutableArray()));
        if (!diagnostics.Contains(diagnostic))
        {
            diagnostics.Add(diagnostic);
        }
    }
}
