using System.Numerics.Tensors;
using Engine.Devices;

namespace Engine.Model.Numerics;

/// <summary>The leading singular triples of a matrix, in float64.</summary>
/// <param name="Values">Singular values, the largest first; 0 for one below 1e-7 of the largest.</param>
/// <param name="Left">u_i, one vector [rows] each; zeros where the value is 0.</param>
/// <param name="Right">v_i, one vector [columns] each; zeros where the value is 0.</param>
internal sealed record SingularTriples(double[] Values, double[][] Left, double[][] Right)
{
    /// <summary>Factors whose ranks are triples of these: B = U diag(root), A = diag(root) V^T.</summary>
    /// <param name="of">The triple of a rank, and what its vectors are multiplied by.</param>
    /// <returns>A [rank, columns] and B [rows, rank].</returns>
    public (float[] A, float[] B) Factors(int rank, Func<int, (int Triple, double Root)> of)
    {
        int rows = Left[0].Length, columns = Right[0].Length;
        float[] a = new float[rank * columns], b = new float[rows * rank];
        for (int k = 0; k < rank; k++)
        {
            (int triple, double root) = of(k);
            for (int j = 0; j < columns; j++)
            {
                a[(k * columns) + j] = (float)(root * Right[triple][j]);
            }

            for (int i = 0; i < rows; i++)
            {
                b[(i * rank) + k] = (float)(root * Left[triple][i]);
            }
        }

        return (a, b);
    }
}

/// <summary>
/// Golub-Kahan-Lanczos bidiagonalisation with full reorthogonalisation (Golub and Kahan 1965; Golub and Van Loan, Matrix Computations,
/// section 10.4): a few hundred products with the matrix give its leading triples to float64's accuracy, where a whole decomposition would
/// take cubic time.
/// </summary>
internal sealed class TruncatedSvd
{
    /// <summary>A triple has converged when what it lacks of being one is below this part of the largest singular value.</summary>
    private const double Tolerance = 1e-12;

    /// <summary>Values come as square roots: below this part of the largest they are round-off.</summary>
    private const double Vanishing = 1e-7;

    /// <summary>A new direction below this part of the largest one is round-off.</summary>
    private const double Breakdown = 1e-13;

    private readonly double[] matrix;
    private readonly int rows;
    private readonly int columns;
    private readonly PhiloxGenerator random;
    private readonly List<double[]> left = [];
    private readonly List<double[]> right = [];
    private readonly List<double> diagonal = [];
    private readonly List<double> superdiagonal = [];
    private double largest;
    private ulong drawn;

    private TruncatedSvd(double[] matrix, int rows, int columns, PhiloxGenerator random)
    {
        this.matrix = matrix;
        this.rows = rows;
        this.columns = columns;
        this.random = random;
    }

    /// <summary>The <paramref name="count"/> leading triples of a matrix [rows, columns]; the same bits on every call.</summary>
    /// <param name="random">Where the first direction comes from.</param>
    public static SingularTriples Compute(ReadOnlySpan<float> matrix, int rows, int columns, int count, PhiloxGenerator random)
    {
        if (count < 1 || count > Math.Min(rows, columns) || matrix.Length != (long)rows * columns)
        {
            throw new ArgumentException(
                $"A matrix [{rows}, {columns}] has {Math.Min(rows, columns)} singular triples; {count} are wanted of {matrix.Length} "
                    + "elements.", nameof(count));
        }

        // The right vectors must be those that run out first: then the process ends by itself.
        bool transposed = columns > rows;
        var values = new double[matrix.Length];
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                values[transposed ? ((long)j * rows) + i : ((long)i * columns) + j] = matrix[(i * columns) + j];
            }
        }

        SingularTriples triples = transposed
            ? new TruncatedSvd(values, columns, rows, random).Run(count)
            : new TruncatedSvd(values, rows, columns, random).Run(count);
        return transposed ? new SingularTriples(triples.Values, triples.Right, triples.Left) : triples;
    }

    private SingularTriples Run(int count)
    {
        right.Add(Direction(columns, right));
        for (int goal = Math.Min(columns, (2 * count) + 16); ; goal = Math.Min(columns, goal + (goal / 2)))
        {
            while (diagonal.Count < goal)
            {
                Extend();
            }

            (double[] squares, double[][] vectors) = Eigen();
            if (goal == columns || HasConverged(squares, vectors, count))
            {
                return Triples(squares, vectors, count);
            }
        }
    }

    /// <summary>One more row of the bidiagonal: W v_j = beta_(j-1) u_(j-1) + alpha_j u_j, W^T u_j = alpha_j v_j + beta_j v_(j+1).</summary>
    private void Extend()
    {
        double[] v = right[^1];
        var u = new double[rows];
        for (int i = 0; i < rows; i++)
        {
            u[i] = TensorPrimitives.Dot(Row(i), v);
        }

        diagonal.Add(Append(u, left, rows));
        if (right.Count == columns)
        {
            superdiagonal.Add(0);
            return;
        }

        var next = new double[columns];
        for (int i = 0; i < rows; i++)
        {
            TensorPrimitives.MultiplyAdd(Row(i), left[^1][i], next, next);
        }

        superdiagonal.Add(Append(next, right, columns));
    }

    /// <summary>
    /// Makes a vector orthogonal to the basis, appends it with length 1 and returns the length it had; a random one with length 0 where
    /// nothing was left.
    /// </summary>
    private double Append(double[] vector, List<double[]> basis, int size)
    {
        Orthogonalize(vector, basis);
        double length = TensorPrimitives.Norm<double>(vector);
        largest = Math.Max(largest, length);
        if (length <= Breakdown * largest || length == 0)
        {
            basis.Add(basis.Count < size ? Direction(size, basis) : new double[size]);
            return 0;
        }

        TensorPrimitives.Divide(vector, length, vector);
        basis.Add(vector);
        return length;
    }

    private double[] Direction(int size, List<double[]> basis)
    {
        var direction = new double[size];
        double length;
        do
        {
            for (int i = 0; i < size; i++)
            {
                direction[i] = PhiloxGenerator.ToUniform(random.Block(drawn++).X) - 0.5;
            }

            Orthogonalize(direction, basis);
            length = TensorPrimitives.Norm<double>(direction);
        }
        while (length < 1e-6);
        TensorPrimitives.Divide(direction, length, direction);
        return direction;
    }

    /// <summary>Twice: what the first pass leaves by round-off, the second takes.</summary>
    private static void Orthogonalize(double[] vector, List<double[]> basis)
    {
        for (int pass = 0; pass < 2; pass++)
        {
            foreach (double[] other in basis)
            {
                TensorPrimitives.MultiplyAdd(other, -TensorPrimitives.Dot<double>(other, vector), vector, vector);
            }
        }
    }

    /// <summary>Eigenvalues and eigenvectors of the bidiagonal's B^T B, which is tridiagonal, the largest first.</summary>
    private (double[] Squares, double[][] Vectors) Eigen()
    {
        int size = diagonal.Count;
        var main = new double[size];
        var off = new double[size];
        for (int i = 0; i < size; i++)
        {
            main[i] = (diagonal[i] * diagonal[i]) + (i > 0 ? superdiagonal[i - 1] * superdiagonal[i - 1] : 0);
            off[i] = i + 1 < size ? diagonal[i] * superdiagonal[i] : 0;
        }

        return SymmetricTridiagonal.Eigen(main, off);
    }

    /// <summary>W v = s u holds by construction; W^T u - s v = beta_k (last element of the small left vector) v_(k+1).</summary>
    private bool HasConverged(double[] squares, double[][] vectors, int count)
    {
        double first = Math.Sqrt(Math.Max(0, squares[0]));
        for (int i = 0; i < count; i++)
        {
            double value = Math.Sqrt(Math.Max(0, squares[i]));
            if (value > Vanishing * first && superdiagonal[^1] * Math.Abs(diagonal[^1] * vectors[i][^1] / value) > Tolerance * first)
            {
                return false;
            }
        }

        return true;
    }

    private SingularTriples Triples(double[] squares, double[][] vectors, int count)
    {
        var values = new double[count];
        var u = new double[count][];
        var v = new double[count][];
        double first = Math.Sqrt(Math.Max(0, squares[0]));
        for (int i = 0; i < count; i++)
        {
            u[i] = new double[rows];
            v[i] = new double[columns];
            double value = Math.Sqrt(Math.Max(0, squares[i]));
            if (value <= Vanishing * first)
            {
                continue;
            }

            values[i] = value;
            for (int j = 0; j < diagonal.Count; j++)
            {
                TensorPrimitives.MultiplyAdd(right[j], vectors[i][j], v[i], v[i]);
                double small = (diagonal[j] * vectors[i][j]) + (j + 1 < diagonal.Count ? superdiagonal[j] * vectors[i][j + 1] : 0);
                TensorPrimitives.MultiplyAdd(left[j], small / value, u[i], u[i]);
            }
        }

        return new SingularTriples(values, u, v);
    }

    private ReadOnlySpan<double> Row(int row) => matrix.AsSpan(row * columns, columns);
}
