namespace Engine.Kernels.Tests;

/// <summary>Matrix products in double precision, element by element from the definition.</summary>
internal static class MatMulReference
{
    /// <summary>What C should hold, the pre-activation, and the error float32 arithmetic may leave in either.</summary>
    public sealed record Result(double[] C, double[] Preactivation, double[] Tolerance);

    public static Result Compute(MatMulShape shape, float[] a, float[] b, float[] c, float[]? bias, float[]? residual)
    {
        var result = new Result(new double[c.Length], new double[c.Length], new double[c.Length]);
        int strideA = shape.RowStrideA, strideB = shape.RowStrideB;
        for (int batch = 0; batch < shape.Batch; batch++)
        {
            long startA = batch * shape.BatchStrideA, startB = batch * shape.BatchStrideB;
            for (int i = 0; i < shape.M; i++)
            {
                for (int j = 0; j < shape.N; j++)
                {
                    double sum = 0, squares = 0;
                    for (int k = 0; k < shape.K; k++)
                    {
                        double x = a[startA + (shape.Layout == MatMulLayout.TN ? ((long)k * strideA) + i : ((long)i * strideA) + k)];
                        double y = b[startB + (shape.Layout == MatMulLayout.NT ? ((long)j * strideB) + k : ((long)k * strideB) + j)];
                        sum += x * y;
                        squares += x * y * x * y;
                    }

                    long at = (batch * shape.BatchStrideC) + ((long)i * shape.RowStrideC) + j;
                    double old = shape.Beta == 0 ? 0 : c[at];
                    double before = (shape.Alpha * sum) + old + (bias?[j] ?? 0);
                    double after = Activate(shape.Activation, before) + (residual?[at] ?? 0);
                    result.Preactivation[at] = before;
                    result.C[at] = after;

                    // A float32 sum of K terms wanders by about epsilon / 2 * sqrt(K) of the terms' norm; 8 covers the worst of many
                    // elements. What follows adds a few roundings, of values that are below 4 in these tests, and the activation's slope is
                    // below 1.2.
                    double epsilon = Math.Pow(2, -23);
                    result.Tolerance[at] =
                        epsilon * ((8 * Math.Sqrt(shape.K) * Math.Abs(shape.Alpha) * Math.Sqrt(squares)) + 16 + (4 * Math.Abs(before)));
                }
            }
        }

        return result;
    }

    public static double Activate(ActivationKind kind, double x) => kind switch
    {
        ActivationKind.None => x,
        ActivationKind.GeluErf => 0.5 * x * (1 + Numbers.Erf(x / Math.Sqrt(2))),
        ActivationKind.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x)))),
        ActivationKind.Relu => Math.Max(x, 0),
        _ => Math.Tanh(x),
    };
}
