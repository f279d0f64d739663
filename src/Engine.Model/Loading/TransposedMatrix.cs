using Engine.Safetensors;

namespace Engine.Model.Loading;

/// <summary>
/// A matrix the other way round, for checkpoints that hold linear layers [in, out]: made whole when its first element is asked for, and
/// forgotten after its last.
/// </summary>
/// <param name="source">Reads the matrix [rows, columns].</param>
internal sealed class TransposedMatrix(TensorFill<float> source, int rows, int columns)
{
    private float[]? transposed;

    /// <summary>Fills the elements of [columns, rows] from <paramref name="firstElement"/> on, counted row by row.</summary>
    public void Fill(long firstElement, Span<float> destination)
    {
        transposed ??= Make();
        transposed.AsSpan(checked((int)firstElement), destination.Length).CopyTo(destination);
        if (firstElement + destination.Length == transposed.Length)
        {
            transposed = null;
        }
    }

    /// <summary>The whole matrix [columns, rows].</summary>
    public float[] Make()
    {
        var values = new float[checked(rows * columns)];
        source(0, values);
        var result = new float[values.Length];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                result[(column * rows) + row] = values[(row * columns) + column];
            }
        }

        return result;
    }
}
