using Engine.Graph;
using Engine.Model.Adapters;
using Engine.Model.Forms;
using Engine.Model.Numerics;

namespace Engine.Optim.Methods;

/// <summary>A layer's direction B A of SD-LoRA.</summary>
/// <param name="A">[rank, in].</param>
/// <param name="B">[out, rank].</param>
/// <param name="Rank">r.</param>
internal sealed record Direction(float[] A, float[] B, int Rank)
{
    private int Inputs => A.Length / Rank;

    private int Outputs => B.Length / Rank;

    /// <summary>What is kept of a layer's factors: B times what the kind of direction says. Factors that are zero stay zero.</summary>
    public static Direction Of(LoraLinear layer, StoredDirection kind)
    {
        var trained = new Direction(layer.A.View<float>().ToArray(), layer.B.View<float>().ToArray(), layer.Rank);
        double norm = kind switch
        {
            StoredDirection.Paper => Math.Sqrt(trained.Dot(trained)),
            StoredDirection.Code => Math.Sqrt(SquaredNorm(trained.A) * SquaredNorm(trained.B)),
            _ => 1.0 / layer.Scale,
        };
        double factor = norm > 0 ? 1 / norm : 0;
        return trained with { B = [.. trained.B.Select(value => (float)(value * factor))] };
    }

    /// <summary>One of a layer's stored directions.</summary>
    public static Direction Read(LoraLinear layer, int slot)
    {
        int rank = layer.Rank;
        Variable storedA = layer.Given[SdLoraForm.StoredA], storedB = layer.Given[SdLoraForm.StoredB];
        float[] b = storedB.View<float>().ToArray();
        int count = rank * storedA.Shape.Columns, width = storedB.Shape.Columns;
        var own = new float[storedB.Shape.Rows * rank];
        for (int i = 0; i < own.Length; i++)
        {
            own[i] = b[(i / rank * width) + (slot * rank) + (i % rank)];
        }

        return new Direction(storedA.View<float>().Slice((long)slot * count, count).ToArray(), own, rank);
    }

    /// <summary>Writes it into a slot of its layer's stored directions.</summary>
    public void Store(LoraLinear layer, int slot)
    {
        Variable storedA = layer.Given[SdLoraForm.StoredA], storedB = layer.Given[SdLoraForm.StoredB];
        storedA.View<float>().Slice((long)slot * A.Length, A.Length).Write(A);
        float[] all = storedB.View<float>().ToArray();
        int width = storedB.Shape.Columns;
        for (int i = 0; i < B.Length; i++)
        {
            all[(i / Rank * width) + (slot * Rank) + (i % Rank)] = B[i];
        }

        storedB.View<float>().Write(all);
    }

    /// <summary>
    /// The inner product of two directions as matrices, &lt;B1 A1, B2 A2&gt; = &lt;B1^T B2, A1 A2^T&gt;, without their product.
    /// </summary>
    public double Dot(Direction other)
    {
        double sum = 0;
        for (int i = 0; i < Rank; i++)
        {
            for (int j = 0; j < other.Rank; j++)
            {
                double rows = 0, columns = 0;
                for (int k = 0; k < Inputs; k++)
                {
                    rows += (double)A[(i * Inputs) + k] * other.A[(j * Inputs) + k];
                }

                for (int k = 0; k < Outputs; k++)
                {
                    columns += (double)B[(k * Rank) + i] * other.B[(k * other.Rank) + j];
                }

                sum += rows * columns;
            }
        }

        return sum;
    }

    private static double SquaredNorm(float[] values)
    {
        double sum = 0;
        foreach (float value in values)
        {
            sum += (double)value * value;
        }

        return sum;
    }
}

/// <summary>The least-squares fit of a direction by earlier ones, with scalars that all layers share.</summary>
/// <param name="count">Earlier directions.</param>
internal sealed class DirectionFit(int count)
{
    private readonly double[,] gram = new double[count, count];
    private readonly double[] products = new double[count];
    private double norm;

    /// <summary>Adds a layer.</summary>
    /// <param name="earlier">Its stored directions.</param>
    /// <param name="target">Its new one.</param>
    public void Add(IReadOnlyList<Direction> earlier, Direction target)
    {
        for (int i = 0; i < count; i++)
        {
            products[i] += earlier[i].Dot(target);
            for (int j = 0; j < count; j++)
            {
                gram[i, j] += earlier[i].Dot(earlier[j]);
            }
        }

        norm += target.Dot(target);
    }

    /// <summary>
    /// The share of each earlier direction, and what they leave of the target as a share of its squared norm; null for a target of zero.
    /// </summary>
    public (double[] Shares, double Residual)? Solve()
    {
        if (norm == 0)
        {
            return null;
        }

        double[] shares = NormalEquations.Solve(gram, products);
        double left = norm;
        for (int i = 0; i < count; i++)
        {
            left -= 2 * shares[i] * products[i];
            for (int j = 0; j < count; j++)
            {
                left += shares[i] * gram[i, j] * shares[j];
            }
        }

        return (shares, Math.Max(0, left) / norm);
    }
}
