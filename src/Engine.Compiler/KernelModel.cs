using System;
using System.Collections.Immutable;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Engine.Compiler;

/// <summary>What the generator keeps of one kernel from build to build: plain text that compares by value, no symbols.</summary>
/// <param name="Name">The kernel's unique name, <c>Class_Method</c>.</param>
/// <param name="Source">The generated C# file; empty where the kernel has errors.</param>
/// <param name="DefinitionPath">The C# expression of the kernel's definition.</param>
internal sealed record KernelModel(
    string Name, string Source, string DefinitionPath, LocationInfo Location, EquatableArray<DiagnosticInfo> Diagnostics);

/// <summary>A place in a file, without the syntax tree that a <see cref="Microsoft.CodeAnalysis.Location"/> would keep alive.</summary>
internal sealed record LocationInfo(string Path, TextSpan Span, LinePositionSpan Lines)
{
    public static LocationInfo Of(Location location) =>
        new(location.SourceTree?.FilePath ?? string.Empty, location.SourceSpan, location.GetLineSpan().Span);

    public Location ToLocation() => Microsoft.CodeAnalysis.Location.Create(Path, Span, Lines);
}

/// <summary>A diagnostic to be reported.</summary>
internal sealed record DiagnosticInfo(DiagnosticDescriptor Descriptor, LocationInfo Location, EquatableArray<string> Arguments)
{
    public Diagnostic ToDiagnostic() =>
        Diagnostic.Create(Descriptor, Location.ToLocation(), Arguments.Items.Cast<object>().ToArray());
}

/// <summary>An array that compares by its elements.</summary>
internal readonly struct EquatableArray<T>(ImmutableArray<T> items) : IEquatable<EquatableArray<T>>
    where T : IEquatable<T>
{
    public ImmutableArray<T> Items => items.IsDefault ? ImmutableArray<T>.Empty : items;

    public bool Equals(EquatableArray<T> other) => Items.SequenceEqual(other.Items);

    public override bool Equals(object? obj) => obj is EquatableArray<T> other && Equals(other);

    public override int GetHashCode() => Items.Aggregate(17, (hash, item) => unchecked((hash * 31) + item.GetHashCode()));
}
