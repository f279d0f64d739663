namespace Engine.Optim.Sharpness;

/// <summary>A tensor of a loss surface: a window of the vector that is its point.</summary>
/// <param name="Name">Its name, for reports.</param>
/// <param name="Layer">The layer it belongs to; the tensors of a layer are perturbed together.</param>
/// <param name="First">Its first element in the vector.</param>
/// <param name="Rows">Filters: the rows of a matrix, or the elements of a vector.</param>
/// <param name="Columns">Elements of a filter.</param>
/// <param name="HasFilters">Whether it is a matrix; vectors (biases, norms, magnitudes) are left alone by filter-normalised noise.</param>
/// <param name="Stream">
/// Its number among the tensors of its model, whatever part of them is on the surface: the stream of its noise, so that two surfaces see
/// the same noise in the tensors they share.
/// </param>
internal sealed record SurfaceTensor(string Name, string Layer, int First, int Rows, int Columns, bool HasFilters, uint Stream)
{
    public int Count => Rows * Columns;
}

/// <summary>
/// A loss as a function of a vector of parameters, at a point that can be moved. Instruments are written against this, and know of no
/// model.
/// </summary>
internal interface ILossSurface
{
    /// <summary>The tensors of the vector, and arithmetic with vectors of its size.</summary>
    VectorSpace Space { get; }

    /// <summary>The present point; writing to it moves along the surface.</summary>
    SurfaceVector Point { get; }

    /// <summary>The loss at the point, the same bits each time.</summary>
    double Loss();

    /// <summary>Writes the gradient at the point; returns the loss there.</summary>
    double Gradient(SurfaceVector gradient);
}
