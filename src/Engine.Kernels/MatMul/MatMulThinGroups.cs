using System.Numerics;

namespace Engine.Kernels;

/// <summary>
/// Products on GPUs with at most <see cref="Shortest"/> rows or columns, such as those of LoRA's factors and of a token that is generated: a tile would stand empty, and few groups would work. C is seen as
/// the short operand against the long one, whichever of A and B that is; every element of the long one is read once, and serves all sums of the short one.
/// </summary>
internal static partial class MatMulThinGroups
{
    /// <summary>Rows of C, or columns, up to which it is thin.</summary>
    public const int Shortest = 16;

    private const int GroupSize = 256;

    private const int Lanes = 32;

    /// <summary>Steps of the summed dimension that an item reads before it adds the first, so that memory is not waited for each time.</summary>
    private const int Ahead = 8;

    /// <summary>Long columns of a group of <see cref="Columns"/>: their reads, and the group's number, still fill the device.</summary>
    private const int Across = 16;

    /// <summary>Items that share a column; at least <see cref="Shortest"/>, one for each sum.</summary>
    private const int Slices = GroupSize / Across;

    public static bool Fits(MatMulShape shape) => Math.Min(shape.M, shape.N) <= Shortest;

    public static Launch Bind(
        Device device,
        MatMulShape shape,
        BufferView<float> a,
        WeightView b,
        BufferView<float> c,
        BufferView<float>? bias,
        BufferView<float>? residual,
        BufferView<float>? preactivation)
    {
        // A is the long operand where C has few columns.
        bool longA = shape.M > Shortest || (shape.Layout == MatMulLayout.NN && shape.N <= Shortest);
        int longs = longA ? shape.M : shape.N, shorts = longA ? shape.N : shape.M;
        long alongRow = longA ? shape.RowStrideA : shape.RowStrideB, briefRow = longA ? shape.RowStrideB : shape.RowStrideA;
        long batchAlong = longA ? shape.BatchStrideA : shape.BatchStrideB, batchBrief = longA ? shape.BatchStrideB : shape.BatchStrideA;
        // The short operand's stored rows run along the summed dimension, or across it.
        bool briefDeep = longA ? shape.Layout == MatMulLayout.NT : shape.Layout != MatMulLayout.TN;
        bool alongDeep = longA ? shape.Layout != MatMulLayout.TN : shape.Layout == MatMulLayout.NT;
        long strideLong = longA ? shape.RowStrideC : 1, strideShort = longA ? 1 : shape.RowStrideC;
        int width = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, shorts));
        return b.Type switch
        {
            ElementType.Float32 => Bind(b.As<float>()),
            ElementType.Float16 => Bind(b.As<Half>()),
            _ => Bind(b.As<BFloat16>()),
        };

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged => longA ? BindBoth(a, stored) : BindBoth(stored, a);

        Launch BindBoth<TLong, TShort>(BufferView<TLong> along, BufferView<TShort> brief)
            where TLong : unmanaged
            where TShort : unmanaged => alongDeep
            ? RowsKernel.Bind(
                device, new LaunchShape((longs + (GroupSize / Lanes) - 1) / (GroupSize / Lanes), 1, shape.Batch, GroupSize), along, brief, c, bias ?? default, residual ?? default, preactivation ?? default,
                longs, shorts, shape.K, alongRow, briefDeep ? briefRow : 1, briefDeep ? 1 : briefRow, batchAlong, batchBrief, shape.BatchStrideC, strideLong, strideShort,
                shape.Alpha, shape.Beta == 1f, longA, width, shape.Activation)
            : ColumnsKernel.Bind(
                device, new LaunchShape((longs + Across - 1) / Across, 1, shape.Batch, GroupSize), along, brief, c, bias ?? default, residual ?? default, preactivation ?? default,
                longs, shorts, shape.K, alongRow, briefDeep ? briefRow : 1, briefDeep ? 1 : briefRow, batchAlong, batchBrief, shape.BatchStrideC, strideLong, strideShort,
                shape.Alpha, shape.Beta == 1f, longA, width, shape.Activation);
    }

    /// <summary>
    /// Where the long operand's stored rows run along the summed dimension: a warp has one of them. Element (i, k) of it is along[i * alongRow + k], element (j, k) of the short operand
    /// brief[j * briefRow + k * briefStep], and C's element c[i * strideLong + j * strideShort], in column j where <paramref name="shortColumns"/>, else in column i.
    /// </summary>
    [Kernel]
    public static void Rows<TLong, TShort>(
        ArrayView<TLong> along,
        ArrayView<TShort> brief,
        ArrayView<float> c,
        ArrayView<float> bias,
        ArrayView<float> residual,
        ArrayView<float> preactivation,
        int longs,
        int shorts,
        int depth,
        long alongRow,
        long briefRow,
        long briefStep,
        long batchAlong,
        long batchBrief,
        long batchC,
        long strideLong,
        long strideShort,
        float alpha,
        bool accumulate,
        bool shortColumns,
        [Specialize] int width,
        [Specialize] ActivationKind activation)
        where TLong : unmanaged
        where TShort : unmanaged
    {
        ArrayView<float> sums = LocalMemory.Allocate<float>(width);
        int lane = Group.IdxX % Lanes;
        int i = (Grid.IdxX * (GroupSize / Lanes)) + (Group.IdxX / Lanes);
        SumSteps(
            along, brief, (Grid.IdxZ * batchAlong) + (i * alongRow), 1, Grid.IdxZ * batchBrief, briefRow, briefStep, shorts, i < longs ? depth : 0, lane, sums, Lanes, width);
        float sum = 0f;
        for (int j = 0; j < width; j++)
        {
            float total = sums[j];
            for (int distance = Lanes / 2; distance > 0; distance /= 2)
            {
                total += Warp.ShuffleXor(total, distance);
            }

            sum = lane == j ? total : sum;
        }

        if (i < longs && lane < shorts)
        {
            MatMulGroups.Finish(
                alpha * sum, (Grid.IdxZ * batchC) + (i * strideLong) + (lane * strideShort), shortColumns ? lane : i, c, bias, residual, preactivation, accumulate, activation);
        }
    }

    /// <summary>
    /// Where they run across it: neighbouring items have neighbouring columns, and <see cref="Slices"/> items share a column's steps. Element (k, i) of the long operand is along[k * alongRow + i]; the rest as in
    /// <see cref="Rows"/>.
    /// </summary>
    [Kernel]
    public static void Columns<TLong, TShort>(
        ArrayView<TLong> along,
        ArrayView<TShort> brief,
        ArrayView<float> c,
        ArrayView<float> bias,
        ArrayView<float> residual,
        ArrayView<float> preactivation,
        int longs,
        int shorts,
        int depth,
        long alongRow,
        long briefRow,
        long briefStep,
        long batchAlong,
        long batchBrief,
        long batchC,
        long strideLong,
        long strideShort,
        float alpha,
        bool accumulate,
        bool shortColumns,
        [Specialize] int width,
        [Specialize] ActivationKind activation)
        where TLong : unmanaged
        where TShort : unmanaged
    {
        ArrayView<float> parts = SharedMemory.Allocate<float>(width * GroupSize);
        ArrayView<float> sums = LocalMemory.Allocate<float>(width);
        int column = Group.IdxX % Across;
        int slice = Group.IdxX / Across;
        int i = (Grid.IdxX * Across) + column;
        SumSteps(
            along, brief, (Grid.IdxZ * batchAlong) + i, alongRow, Grid.IdxZ * batchBrief, briefRow, briefStep, shorts, i < longs ? depth : 0, slice, sums, Slices, width);
        for (int j = 0; j < width; j++)
        {
            parts[(j * GroupSize) + Group.IdxX] = sums[j];
        }

        Group.Barrier();
        if (i < longs && slice < shorts)
        {
            float sum = 0f;
            for (int other = 0; other < Slices; other++)
            {
                sum += parts[(slice * GroupSize) + (other * Across) + column];
            }

            MatMulGroups.Finish(
                alpha * sum, (Grid.IdxZ * batchC) + (i * strideLong) + (slice * strideShort), shortColumns ? slice : i, c, bias, residual, preactivation, accumulate, activation);
        }
    }

    /// <summary>
    /// An item's sums with one row (or column) of the long operand: over every <paramref name="stride"/>th step from <paramref name="first"/>, in their order, whatever <paramref name="width"/> is. Nothing is read where
    /// <paramref name="depth"/> is 0.
    /// </summary>
    private static void SumSteps<TLong, TShort>(
        ArrayView<TLong> along,
        ArrayView<TShort> brief,
        long atLong,
        long alongStep,
        long atShort,
        long briefRow,
        long briefStep,
        int shorts,
        int depth,
        int first,
        ArrayView<float> sums,
        [Specialize] int stride,
        [Specialize] int width)
        where TLong : unmanaged
        where TShort : unmanaged
    {
        ArrayView<float> x = LocalMemory.Allocate<float>(Ahead);
        for (int j = 0; j < width; j++)
        {
            sums[j] = 0f;
        }

        int k = first;
        for (; k + ((Ahead - 1) * stride) < depth; k += Ahead * stride)
        {
            for (int step = 0; step < Ahead; step++)
            {
                x[step] = Storage.Load(along, atLong + ((k + (step * stride)) * alongStep));
            }

            for (int j = 0; j < width; j++)
            {
                if (j < shorts)
                {
                    for (int step = 0; step < Ahead; step++)
                    {
                        sums[j] = MathF.FusedMultiplyAdd(x[step], Storage.Load(brief, atShort + (j * briefRow) + ((k + (step * stride)) * briefStep)), sums[j]);
                    }
                }
            }
        }

        for (; k < depth; k += stride)
        {
            float last = Storage.Load(along, atLong + (k * alongStep));
            for (int j = 0; j < width; j++)
            {
                if (j < shorts)
                {
                    sums[j] = MathF.FusedMultiplyAdd(last, Storage.Load(brief, atShort + (j * briefRow) + (k * briefStep)), sums[j]);
                }
            }
        }
    }
}
