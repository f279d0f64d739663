using System.Numerics.Tensors;
using Engine.Safetensors;

namespace Engine.Model.Peft;

/// <summary>
/// The weight of a linear layer with its adapter merged into it, row by row in float32: W + scale B A, or with DoRA's magnitudes m the rows
/// of that scaled to length m (Liu et al. 2024, arXiv 2402.09353, equation 5).
/// </summary>
internal sealed class MergedWeight
{
    private readonly TensorFill<float> weight;
    private readonly float[] a;
    private readonly float[] b;
    private readonly float[]? magnitude;
    private readonly float scale;
    private readonly int rank;
    private readonly int columns;
    private readonly float[] row;
    private readonly float[] delta;

    /// <param name="weight">Reads the base weight [out, in].</param>
    /// <param name="tensors">A [rank, in] and B [out, rank].</param>
    /// <param name="scale">What B A is multiplied by.</param>
    public MergedWeight(TensorFill<float> weight, LoraTensors tensors, float scale)
    {
        this.weight = weight;
        this.scale = scale;
        rank = tensors.Rank;
        columns = checked((int)tensors.A.Shape[1]);
        a = tensors.A.ToFloat32();
        b = tensors.B.ToFloat32();
        magnitude = tensors.Magnitude?.ToFloat32();
        row = new float[columns];
        delta = new float[columns];
    }

    /// <summary>Fills the elements from <paramref name="firstElement"/> on, counted row by row.</summary>
    public void Fill(long firstElement, Span<float> destination)
    {
        while (destination.Length > 0)
        {
            long index = firstElement / columns;
            int column = (int)(firstElement % columns);
            int count = Math.Min(columns - column, destination.Length);
            MakeRow(index);
            row.AsSpan(column, count).CopyTo(destination);
            destination = destination[count..];
            firstElement += count;
        }
    }

    private void MakeRow(long index)
    {
        weight(index * columns, row);
        delta.AsSpan().Clear();
        for (int r = 0; r < rank; r++)
        {
            TensorPrimitives.MultiplyAdd(a.AsSpan(r * columns, columns), b[(index * rank) + r], delta, delta);
        }

        TensorPrimitives.MultiplyAdd(delta, scale, row, row);
        if (magnitude is not null)
        {
            TensorPrimitives.Multiply(row, magnitude[index] / TensorPrimitives.Norm<float>(row), row);
        }
    }
}
