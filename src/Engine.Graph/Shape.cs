using System.Globalization;

namespace Engine.Graph;

/// <summary>The dimensions of a tensor, slowest first.</summary>
public readonly struct Shape : IEquatable<Shape>
{
    private readonly int[]? dimensions;

    /// <param name="dimensions">None of them negative; none at all: a scalar.</param>
    public Shape(params int[] dimensions)
    {
        foreach (int dimension in dimensions)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(dimension);
        }

        this.dimensions = dimensions;
    }

    /// <summary>Slowest first; empty for a scalar.</summary>
    public ReadOnlySpan<int> Dimensions => dimensions ?? [];

    /// <summary>How many dimensions there are.</summary>
    public int Rank => Dimensions.Length;

    /// <summary>Number of elements; 1 for a scalar.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            foreach (int dimension in Dimensions)
            {
                count = checked(count * dimension);
            }

            return count;
        }
    }

    /// <summary>The last dimension; 1 for a scalar.</summary>
    public int Columns => Rank == 0 ? 1 : Dimensions[^1];

    /// <summary>The product of all dimensions but the last.</summary>
    public int Rows => Columns == 0 ? 0 : checked((int)(Count / Columns));

    /// <summary>A dimension, the slowest at 0.</summary>
    public int this[int index] => Dimensions[index];

    /// <summary>Whether the dimensions are the same.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Whether any dimension is another.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <inheritdoc/>
    public bool Equals(Shape other) => Dimensions.SequenceEqual(other.Dimensions);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (int dimension in Dimensions)
        {
            hash.Add(dimension);
        }

        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"[{string.Join(", ", Dimensions.ToArray().Select(d => d.ToString(CultureInfo.InvariantCulture)))}]";
}
