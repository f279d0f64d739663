using Engine.Devices;
using Engine.Optim.Sharpness;

namespace Engine.Optim.Tests.Sharpness;

/// <summary>L(w) = 1/2 w^T H w + b^T w in float64, at a float32 point on a device.</summary>
internal sealed class QuadraticSurface : ILossSurface, IDisposable
{
    private readonly double[,] hessian;
    private readonly double[] linear;

    /// <param name="shapes">[rows, columns] of each tensor; columns 0: a vector of that many rows.</param>
    public QuadraticSurface(
        Device device, double[,] hessian, float[] point, double[]? linear = null, params (int Rows, int Columns)[] shapes)
    {
        this.hessian = hessian;
        this.linear = linear ?? new double[point.Length];
        var tensors = new List<SurfaceTensor>();
        foreach ((int rows, int columns) in shapes.Length > 0 ? shapes : [(1, point.Length)])
        {
            tensors.Add(new SurfaceTensor(
                $"tensor{tensors.Count}", $"layer{tensors.Count}", tensors.Sum(tensor => tensor.Count), rows, Math.Max(1, columns),
                columns > 0, (uint)tensors.Count));
        }

        Space = new VectorSpace(device, tensors);
        Point = Space.Create();
        Point.View.Write(point);
    }

    public VectorSpace Space { get; }

    public SurfaceVector Point { get; }

    public int Gradients { get; private set; }

    /// <summary>A diagonal Hessian.</summary>
    public static double[,] Diagonal(params double[] values)
    {
        var matrix = new double[values.Length, values.Length];
        for (int i = 0; i < values.Length; i++)
        {
            matrix[i, i] = values[i];
        }

        return matrix;
    }

    public double Loss()
    {
        float[] w = Point.View.ToArray();
        return Enumerable.Range(0, w.Length).Sum(i => w[i] * ((0.5 * Product(w, i)) + linear[i]));
    }

    public double Gradient(SurfaceVector gradient)
    {
        float[] w = Point.View.ToArray();
        gradient.View.Write([.. Enumerable.Range(0, w.Length).Select(i => (float)(Product(w, i) + linear[i]))]);
        Gradients++;
        return Loss();
    }

    public void Dispose()
    {
        Point.Dispose();
        Space.Dispose();
    }

    private double Product(float[] w, int row) => Enumerable.Range(0, w.Length).Sum(j => hessian[row, j] * w[j]);
}
