using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>The scales of every layer, in float64 throughout; as <see cref="ColumnScalingKernels.Solve"/>.</summary>
internal sealed unsafe class SolveScalesHost(
    CpuDevice device, LowRankTable table, int slot, bool byScale,
    BufferView<float> values, BufferView<float> gradients, BufferView<float> scalars, BufferView<float> finite, BufferView<float> scales)
    : LayerHost(device, table.Pairs)
{
    private readonly int largestRank = table.LargestRank;
    private readonly float* values = CpuDevice.Pointer(values);
    private readonly float* gradients = CpuDevice.Pointer(gradients);
    private readonly float* scalars = CpuDevice.Pointer(scalars);
    private readonly float* finite = CpuDevice.Pointer(finite);
    private readonly float* scales = CpuDevice.Pointer(scales);

    public override string Name => "ColumnScaling_Solve";

    protected override void Layer(int index, in LowRankPair pair, double* scratch)
    {
        int rank = pair.Rank, square = rank * rank, size = 2 * rank, width = size + 1;
        float* a = values + pair.A, b = values + pair.B, gradientA = gradients + pair.A, gradientB = gradients + pair.B;
        double* gramA = scratch, gramB = gramA + square, squareA = gramB + square, squareB = squareA + square;
        double* crossA = squareB + square, crossB = crossA + square, first = crossB + square, second = first + (size * size);
        double* system = second + (size * size), norms = system + (size * width), row = norms + (2 * size);
        SmallMatrices.RowProducts(a, a, rank, pair.Columns, gramA);
        SmallMatrices.RowProducts(gradientA, gradientA, rank, pair.Columns, squareA);
        SmallMatrices.RowProducts(gradientA, a, rank, pair.Columns, crossA);
        SmallMatrices.ColumnProducts(b, b, rank, pair.Rows, row, gramB);
        SmallMatrices.ColumnProducts(gradientB, gradientB, rank, pair.Rows, row, squareB);
        SmallMatrices.ColumnProducts(b, gradientB, rank, pair.Rows, row, crossB);
        Join(gramB, crossB, squareB, rank, first);
        Join(squareA, crossA, gramA, rank, second);
        for (int i = 0; i < size; i++)
        {
            norms[i] = Math.Sqrt(first[(i * size) + i]);
            norms[size + i] = Math.Sqrt(second[(i * size) + i]);
        }

        for (int i = 0; i < size; i++)
        {
            for (int j = 0; j < size; j++)
            {
                double firstCosine = first[(i * size) + j] / norms[i] / norms[j];
                double secondCosine = second[(i * size) + j] / norms[size + i] / norms[size + j];
                system[(i * width) + j] = firstCosine * secondCosine;
            }

            system[(i * width) + size] = i < rank ? norms[size + i] / norms[i] : norms[i] / norms[size + i];
        }

        bool positive = Eliminate(system, size);
        for (int i = 0; i < size; i++)
        {
            system[(i * width) + size] /= norms[i] * norms[size + i];
            positive &= system[(i * width) + size] > 0;
        }

        (double forB, double forA) = SolveScalars(gramB, squareA, crossA, crossB, squareB, gramA, rank);
        double target = scalars[slot] * (byScale ? (double)pair.Scale * pair.Scale : 1);
        ScalingBranch branch = !(Trace(gramB, rank) > 0) || !(target > 0) || float.IsNaN(*finite) ? ScalingBranch.Skipped
            : positive ? ScalingBranch.Columns
            : forB > 0 && forA > 0 ? ScalingBranch.Scalars
            : ScalingBranch.NoSolution;
        float* result = scales + ColumnScales.Offset(index, ColumnScales.AlphaSlot, largestRank);
        for (int k = 0; k < rank; k++)
        {
            double solvedB = system[(k * width) + size], solvedA = system[((rank + k) * width) + size];
            (float alpha, float beta) = branch switch
            {
                ScalingBranch.Columns => ((float)Math.Sqrt(solvedB / target), (float)Math.Sqrt(solvedA / target)),
                ScalingBranch.Scalars => ((float)Math.Sqrt(forB / target), (float)Math.Sqrt(forA / target)),
                _ => (1f, 1f),
            };
            result[(ColumnScales.AlphaSlot * largestRank) + k] = alpha;
            result[(ColumnScales.BetaSlot * largestRank) + k] = beta;
            result[(ColumnScales.MergeSlot * largestRank) + k] = (float)(pair.Scale * (1 - ((double)alpha * beta)));
            result[(ColumnScales.SolutionSlot * largestRank) + k] = (float)solvedB;
            result[(ColumnScales.SolutionSlot * largestRank) + rank + k] = (float)solvedA;
        }

        result[ColumnScales.BranchSlot * largestRank] = (float)branch;
    }

    /// <summary>[earlier, cross; cross^T, later], all [rank, rank].</summary>
    private static void Join(double* earlier, double* cross, double* later, int rank, double* joined)
    {
        int size = 2 * rank;
        for (int i = 0; i < rank; i++)
        {
            for (int j = 0; j < rank; j++)
            {
                joined[(i * size) + j] = earlier[(i * rank) + j];
                joined[((rank + i) * size) + rank + j] = later[(i * rank) + j];
                joined[(i * size) + rank + j] = joined[((rank + j) * size) + i] = cross[(i * rank) + j];
            }
        }
    }

    /// <summary>Gauss-Jordan on [size, size + 1]: the last column becomes the solution. False where a pivot vanishes.</summary>
    private static bool Eliminate(double* system, int size)
    {
        int width = size + 1;
        for (int k = 0; k < size; k++)
        {
            double pivot = system[(k * width) + k];
            if (!(pivot > ColumnScaling.SingularPivot))
            {
                return false;
            }

            for (int j = k + 1; j < width; j++)
            {
                system[(k * width) + j] /= pivot;
            }

            for (int i = 0; i < size; i++)
            {
                if (i != k)
                {
                    SmallMatrices.AddScaled(-system[(i * width) + k], system + (k * width) + k + 1, size - k, system + (i * width) + k + 1);
                }
            }
        }

        return true;
    }

    /// <summary>The 2 x 2 system of block sums, brought to unit diagonal; not positive where it is singular.</summary>
    private static (double ForB, double ForA) SolveScalars(
        double* gramB, double* squareA, double* crossA, double* crossB, double* squareB, double* gramA, int rank)
    {
        int square = rank * rank;
        double a = Math.Sqrt(SmallMatrices.Inner(gramB, squareA, square)), c = Math.Sqrt(SmallMatrices.Inner(squareB, gramA, square));
        double off = SmallMatrices.Inner(crossA, crossB, square) / a / c, p = Trace(squareA, rank) / a, q = Trace(squareB, rank) / c;
        double determinant = 1 - (off * off);
        return determinant > ColumnScaling.SingularPivot ? ((p - (off * q)) / determinant / a, (q - (off * p)) / determinant / c) : (0, 0);
    }

    private static double Trace(double* matrix, int rank)
    {
        double sum = 0;
        for (int i = 0; i < rank; i++)
        {
            sum += matrix[(i * rank) + i];
        }

        return sum;
    }
}

/// <summary>Factors, gradients and moments times their scales, a layer a piece.</summary>
internal sealed unsafe class ApplyScalesHost(
    CpuDevice device, LowRankTable table,
    BufferView<float> scales, BufferView<float> values, BufferView<float> gradients,
    BufferView<float> firstMoment, BufferView<float> secondMoment)
    : LayerHost(device, table.Pairs)
{
    private readonly int largestRank = table.LargestRank;
    private readonly float* scales = CpuDevice.Pointer(scales);
    private readonly float* values = CpuDevice.Pointer(values);
    private readonly float* gradients = CpuDevice.Pointer(gradients);
    private readonly float* firstMoment = CpuDevice.Pointer(firstMoment);
    private readonly float* secondMoment = CpuDevice.Pointer(secondMoment);

    public override string Name => "ColumnScaling_Apply";

    protected override void Layer(int index, in LowRankPair pair, double* scratch)
    {
        float* alpha = scales + ColumnScales.Offset(index, ColumnScales.AlphaSlot, largestRank);
        float* beta = scales + ColumnScales.Offset(index, ColumnScales.BetaSlot, largestRank);
        for (int k = 0; k < pair.Rank; k++)
        {
            for (int j = 0; j < pair.Columns; j++)
            {
                Scale(pair.A + ((long)k * pair.Columns) + j, beta[k], alpha[k]);
            }
        }

        for (int i = 0; i < pair.Rows; i++)
        {
            for (int k = 0; k < pair.Rank; k++)
            {
                Scale(pair.B + ((long)i * pair.Rank) + k, alpha[k], beta[k]);
            }
        }
    }

    private void Scale(long at, float own, float partner)
    {
        values[at] *= own;
        gradients[at] *= partner;
        firstMoment[at] *= partner;
        secondMoment[at] = secondMoment[at] * partner * partner;
    }
}

/// <summary>W += sum of c_k b_k a_k, row by row: a row of the products is summed before it is added.</summary>
internal sealed unsafe class MergeHost(
    CpuDevice device, LowRankPair pair, BufferView<float> values, BufferView<float> coefficients, BufferView<float> weight)
    : RowHost(device, pair.Rows, pair.Columns)
{
    private readonly int rank = pair.Rank;
    private readonly float* a = CpuDevice.Pointer(values) + pair.A;
    private readonly float* b = CpuDevice.Pointer(values) + pair.B;
    private readonly float* coefficients = CpuDevice.Pointer(coefficients);
    private readonly float* weight = CpuDevice.Pointer(weight);

    public override string Name => "ColumnScaling_Merge";

    protected override void Execute(HostThreads threads)
    {
        if (new ReadOnlySpan<float>(coefficients, rank).ContainsAnyExcept(0f))
        {
            base.Execute(threads);
        }
    }

    protected override void Row(int row, int worker)
    {
        float* to = weight + ((long)row * Columns), factors = b + ((long)row * rank);
        int column = 0;
        for (; column <= Columns - Lanes.Count; column += Lanes.Count)
        {
            Vector512<float> sum = Vector512<float>.Zero;
            for (int k = 0; k < rank; k++)
            {
                Vector512<float> factor = Vector512.Create(coefficients[k] * factors[k]);
                sum = Vector512.FusedMultiplyAdd(factor, Vector512.Load(a + ((long)k * Columns) + column), sum);
            }

            (Vector512.Load(to + column) + sum).Store(to + column);
        }

        for (; column < Columns; column++)
        {
            float sum = 0f;
            for (int k = 0; k < rank; k++)
            {
                sum = MathF.FusedMultiplyAdd(coefficients[k] * factors[k], a[((long)k * Columns) + column], sum);
            }

            to[column] += sum;
        }
    }
}
