using Engine.Devices;
using Engine.Model.Numerics;

namespace Engine.Model.Tests.Numerics;

public sealed class TruncatedSvdTests
{
    /// <summary>
    /// The matrix is rounded to float32, which moves singular values by 6e-8 of the largest; vectors move by that over the gap to the next
    /// value.
    /// </summary>
    private const double Tolerance = 2e-6;

    [Theory]
    [InlineData(40, 40, 5)]
    [InlineData(90, 31, 8)]
    [InlineData(31, 90, 8)]
    [InlineData(6, 6, 6)]
    [InlineData(150, 100, 3)]
    [InlineData(1, 9, 1)]
    public void Known_triples_are_found(int rows, int columns, int count)
    {
        int size = Math.Min(rows, columns);
        double[] values = [.. Enumerable.Range(0, size).Select(i => 3 * Math.Pow(0.9, i))];
        (float[] matrix, double[][] left, double[][] right) = Make(rows, columns, values);
        SingularTriples triples = TruncatedSvd.Compute(matrix, rows, columns, count, new PhiloxGenerator(1, 0, 0));
        for (int i = 0; i < count; i++)
        {
            Assert.Equal(values[i], triples.Values[i], Tolerance);
            double sign = Math.Sign(Dot(left[i], triples.Left[i]));
            Assert.True(sign * Dot(left[i], triples.Left[i]) > 1 - Tolerance, $"left vector {i}");
            Assert.True(sign * Dot(right[i], triples.Right[i]) > 1 - Tolerance, $"right vector {i}");
        }
    }

    [Theory]
    [InlineData(30, 20)]
    [InlineData(20, 30)]
    public void Equal_and_zero_singular_values_still_give_an_orthonormal_decomposition(int rows, int columns)
    {
        double[] values = [2, 2, 2, 1, 1, .. new double[15]];
        (float[] matrix, _, _) = Make(rows, columns, values);
        SingularTriples triples = TruncatedSvd.Compute(matrix, rows, columns, 7, new PhiloxGenerator(1, 0, 0));
        Assert.All(triples.Values.Zip(values), pair => Assert.Equal(pair.Second, pair.First, Tolerance));
        for (int i = 0; i < 7; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double expected = i == j && i < 5 ? 1 : 0;
                Assert.Equal(expected, Dot(triples.Right[i], triples.Right[j]), Tolerance);
                Assert.Equal(expected, Dot(triples.Left[i], triples.Left[j]), Tolerance);
            }
        }

        // Five triples carry the whole matrix.
        for (int i = 0; i < matrix.Length; i++)
        {
            double sum = Enumerable.Range(0, 5).Sum(k => triples.Values[k] * triples.Left[k][i / columns] * triples.Right[k][i % columns]);
            Assert.Equal(matrix[i], sum, Tolerance);
        }
    }

    [Fact]
    public void A_matrix_of_zeros_has_zeros()
    {
        SingularTriples triples = TruncatedSvd.Compute(new float[35], 7, 5, 2, new PhiloxGenerator(1, 0, 0));
        Assert.Equal([0.0, 0.0], triples.Values);
        Assert.All(triples.Left, vector => Assert.All(vector, element => Assert.Equal(0, element)));
    }

    [Fact]
    public void The_same_bits_come_every_time()
    {
        (float[] matrix, _, _) = Make(50, 30, [.. Enumerable.Range(0, 30).Select(i => 1.0 / (i + 1))]);
        SingularTriples first = TruncatedSvd.Compute(matrix, 50, 30, 4, new PhiloxGenerator(7, 0, 0));
        SingularTriples second = TruncatedSvd.Compute(matrix, 50, 30, 4, new PhiloxGenerator(7, 0, 0));
        Assert.Equal(first.Left.SelectMany(vector => vector), second.Left.SelectMany(vector => vector));
    }

    /// <summary>U diag(values) V^T with seeded orthonormal U and V.</summary>
    private static (float[] Matrix, double[][] Left, double[][] Right) Make(int rows, int columns, double[] values)
    {
        double[][] left = Orthonormal(rows, values.Length, 1), right = Orthonormal(columns, values.Length, 2);
        var matrix = new float[rows * columns];
        for (int i = 0; i < matrix.Length; i++)
        {
            matrix[i] = (float)Enumerable.Range(0, values.Length).Sum(k => values[k] * left[k][i / columns] * right[k][i % columns]);
        }

        return (matrix, left, right);
    }

    private static double[][] Orthonormal(int size, int count, ulong seed)
    {
        var vectors = new double[count][];
        for (int k = 0; k < count; k++)
        {
            var vector = new double[size];
            new PhiloxGenerator(seed, 0, (uint)k).FillNormals(vector);
            for (int pass = 0; pass < 2; pass++)
            {
                for (int j = 0; j < k; j++)
                {
                    double overlap = Dot(vector, vectors[j]);
                    vector = [.. vector.Zip(vectors[j], (a, b) => a - (overlap * b))];
                }
            }

            double length = Math.Sqrt(Dot(vector, vector));
            vectors[k] = [.. vector.Select(value => value / length)];
        }

        return vectors;
    }

    private static double Dot(double[] x, double[] y) => x.Zip(y, (a, b) => a * b).Sum();
}
