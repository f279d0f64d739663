using Engine.Safetensors;

namespace Engine.Model.Peft;

/// <summary>A table in which an adapter's rows stand in the places of their tokens, row by row in float32.</summary>
internal sealed class MergedRows
{
    private readonly TensorFill<float> table;
    private readonly int columns;
    private readonly float[] rows;
    private readonly Dictionary<long, int> rowOfToken;

    /// <param name="table">Reads the base table [vocabulary, columns].</param>
    /// <param name="target">The tokens.</param>
    /// <param name="rows">Their rows [tokens, columns].</param>
    public MergedRows(TensorFill<float> table, TokenTarget target, SafetensorsTensor rows)
    {
        this.table = table;
        columns = target.Columns;
        this.rows = rows.ToFloat32();
        rowOfToken = target.Indices.Index().ToDictionary(pair => (long)pair.Item, pair => pair.Index);
    }

    /// <summary>Fills the elements from <paramref name="firstElement"/> on, counted row by row.</summary>
    public void Fill(long firstElement, Span<float> destination)
    {
        table(firstElement, destination);
        foreach ((long token, int row) in rowOfToken)
        {
            long start = Math.Max(firstElement, token * columns), end = Math.Min(firstElement + destination.Length, (token + 1) * columns);
            if (start < end)
            {
                rows.AsSpan((row * columns) + (int)(start - (token * columns)), (int)(end - start))
                    .CopyTo(destination[(int)(start - firstElement)..]);
            }
        }
    }
}
