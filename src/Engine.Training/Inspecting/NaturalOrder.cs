using System.Globalization;

namespace Engine.Training.Inspecting;

/// <summary>Orders names as people count: <c>layer.2</c> before <c>layer.10</c>.</summary>
internal static class NaturalOrder
{
    public static StringComparer Comparer { get; } = StringComparer.Create(CultureInfo.InvariantCulture, CompareOptions.NumericOrdering);
}
