using Engine.Devices;

namespace Engine.Kernels;

/// <summary>Seeded Gaussian noise: DESIGN section 5.</summary>
public static class Noise
{
    /// <summary>y[i, j] = w[i, j] + deviation[i] * z(i * columns + j), z the standard normals of (seed, stream, step). w, y [rows, columns], deviation [rows].</summary>
    public static Launch Perturb(
        Device device, int rows, int columns, uint stream, BufferView<float> w, BufferView<float> deviation, BufferView<uint> random, BufferView<float> y)
        => throw new NotImplementedException();

    /// <summary>y[e] = z(e), the standard normals themselves.</summary>
    public static Launch Normals(Device device, long count, uint stream, BufferView<uint> random, BufferView<float> y) => throw new NotImplementedException();

    /// <summary>
    /// Flat-LoRA's deviation of each output row (METHODS.md section 3, row norms by the identity of section 0):
    /// deviation[i] = scalars[MethodFactor] * rho / sqrt(columns) * ||W0_i + s (B A)_i||, from
    /// baseNorm[i] = ||W0_i||^2, wa = W0 A^T [rows, rank], b = B [rows, rank], gram = A A^T [rank, rank]. A negative square (round-off) counts as 0.
    /// </summary>
    public static Launch FlatDeviation(
        Device device, int rows, int columns, int rank, float rho, float loraScale,
        BufferView<float> baseNorm, BufferView<float> wa, BufferView<float> b, BufferView<float> gram, BufferView<float> scalars, BufferView<float> deviation)
        => throw new NotImplementedException();
}
