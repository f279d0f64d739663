using System.Numerics;

namespace Engine.Kernels;

/// <summary>
/// Products on GPUs of which C has at most <see cref="MaxNarrow"/> rows or columns, such as those of LoRA's factors and of a token that is
/// generated: tiles would stand empty, and few groups would work. One operand is then narrow and the other wide, whichever of A and B that
/// is. A wide row (or column) is shared by a slice of items each, who read it once for all narrow ones. Sums are added in the same order
/// however many narrow rows there are.
/// </summary>
internal static partial class MatMulThinGroups
{
    /// <summary>
    /// The most narrow rows or columns. Generation runs at most as many texts, so that a token does not depend on the texts beside it.
    /// </summary>
    public const int MaxNarrow = 16;

    private const int GroupSize = 256;

    /// <summary>Items that share a wide row which lies along the summed dimension: neighbours in it.</summary>
    private const int DeepSlices = 32;

    /// <summary>
    /// Items that share a wide column otherwise, where neighbouring items have neighbouring columns; one for each narrow sum at least.
    /// </summary>
    private const int AcrossSlices = MaxNarrow;

    /// <summary>Steps of the summed dimension that an item reads at a time.</summary>
    private const int Ahead = 8;

    /// <summary>
    /// Elements from one narrow row in shared memory to the next: one more than an item of each step, so that both ways of writing them
    /// fall into different banks.
    /// </summary>
    private const int Pitch = GroupSize + 1;

    public static bool Fits(MatMulShape shape) => Math.Min(shape.M, shape.N) <= MaxNarrow;

    public static Launch Bind(Device device, MatMulShape shape, MatMulViews views)
    {
        // Where both are narrow, NN takes A as the wide one: its rows lie along the summed dimension.
        bool wideA = shape.M > MaxNarrow || (shape.Layout == MatMulLayout.NN && shape.N <= MaxNarrow);
        (int wides, int narrows) = wideA ? (shape.M, shape.N) : (shape.N, shape.M);
        bool deepA = shape.Layout != MatMulLayout.TN, deepB = shape.Layout == MatMulLayout.NT;
        bool wideDeep = wideA ? deepA : deepB, narrowDeep = wideA ? deepB : deepA;
        int across = GroupSize / (wideDeep ? DeepSlices : AcrossSlices);
        int width = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, narrows));
        return views.B.Type switch
        {
            ElementType.Float32 => Bind(views.B.As<float>()),
            ElementType.Float16 => Bind(views.B.As<Half>()),
            _ => Bind(views.B.As<BFloat16>()),
        };

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged => wideA
            ? BindBoth(views.A, stored, shape.RowStrideA, shape.RowStrideB, shape.BatchStrideA, shape.BatchStrideB, shape.RowStrideC, 1)
            : BindBoth(stored, views.A, shape.RowStrideB, shape.RowStrideA, shape.BatchStrideB, shape.BatchStrideA, 1, shape.RowStrideC);

        Launch BindBoth<TWide, TNarrow>(
            BufferView<TWide> wide, BufferView<TNarrow> narrow, long wideRow, long narrowRow, long batchWide, long batchNarrow,
            long strideWide, long strideNarrow)
            where TWide : unmanaged
            where TNarrow : unmanaged => MultiplyKernel.Bind(
                device,
                new LaunchShape((wides + across - 1) / across, 1, shape.Batch, GroupSize),
                new ThinOperands<TWide, TNarrow>.Buffers
                {
                    Wide = wide,
                    Narrow = narrow,
                    Wides = wides,
                    Narrows = narrows,
                    Depth = shape.K,
                    WideRow = wideRow,
                    NarrowRow = narrowRow,
                    BatchWide = batchWide,
                    BatchNarrow = batchNarrow,
                    StrideWide = strideWide,
                    StrideNarrow = strideNarrow,
                    NarrowColumns = wideA,
                },
                ProductTarget.Of(shape, views),
                wideDeep, narrowDeep, width, shape.Activation);
    }

    /// <summary>
    /// Wide rows or columns by group x, one product by group z. Element (i, k) of the wide operand is Wide[i * WideRow + k] where
    /// <paramref name="wideDeep"/>, else Wide[k * WideRow + i]; the narrow operand's (j, k) likewise.
    /// </summary>
    [Kernel]
    public static void Multiply<TWide, TNarrow>(
        ThinOperands<TWide, TNarrow> of,
        ProductTarget target,
        [Specialize] bool wideDeep,
        [Specialize] bool narrowDeep,
        [Specialize(Most = MaxNarrow)] int width,
        [Specialize] ActivationKind activation)
        where TWide : unmanaged
        where TNarrow : unmanaged
    {
        // The narrow operand's next steps; at the end the items' sums.
        ArrayView<float> shared = SharedMemory.Allocate<float>(width * Pitch);
        ArrayView<float> x = LocalMemory.Allocate<float>(Ahead);
        ArrayView<float> sums = LocalMemory.Allocate<float>(width);
        int slices = wideDeep ? DeepSlices : AcrossSlices;
        int across = GroupSize / slices;
        int slice = wideDeep ? Group.IdxX % slices : Group.IdxX / across;
        int place = wideDeep ? Group.IdxX / slices : Group.IdxX % across;
        int i = (Grid.IdxX * across) + place;
        int steps = Ahead * slices;
        long startWide = Grid.IdxZ * of.BatchWide;
        long startNarrow = Grid.IdxZ * of.BatchNarrow;
        for (int j = 0; j < width; j++)
        {
            sums[j] = 0f;
        }

        for (int first = 0; first < of.Depth; first += steps)
        {
            for (int step = 0; step < Ahead; step++)
            {
                int k = first + slice + (step * slices);
                x[step] = i < of.Wides && k < of.Depth
                    ? Storage.Load(of.Wide, startWide + (wideDeep ? (i * of.WideRow) + k : (k * of.WideRow) + i))
                    : 0f;
            }

            for (int n = Group.IdxX; n < width * steps; n += GroupSize)
            {
                int j = narrowDeep ? n / steps : n % width;
                int step = narrowDeep ? n % steps : n / width;
                int k = first + step;
                shared[(j * Pitch) + step] = j < of.Narrows && k < of.Depth
                    ? Storage.Load(of.Narrow, startNarrow + (narrowDeep ? (j * of.NarrowRow) + k : (k * of.NarrowRow) + j))
                    : 0f;
            }

            Group.Barrier();
            for (int j = 0; j < width; j++)
            {
                for (int step = 0; step < Ahead; step++)
                {
                    sums[j] = KernelMath.FusedMultiplyAdd(x[step], shared[(j * Pitch) + slice + (step * slices)], sums[j]);
                }
            }

            Group.Barrier();
        }

        for (int j = 0; j < width; j++)
        {
            shared[(j * Pitch) + Group.IdxX] = sums[j];
        }

        Group.Barrier();
        int apart = wideDeep ? 1 : across;
        for (int distance = slices / 2; distance > 0; distance /= 2)
        {
            if (slice < distance)
            {
                for (int j = 0; j < width; j++)
                {
                    shared[(j * Pitch) + Group.IdxX] += shared[(j * Pitch) + Group.IdxX + (distance * apart)];
                }
            }

            Group.Barrier();
        }

        if (i < of.Wides && slice < of.Narrows)
        {
            ProductTarget.Finish(
                target, shared[(slice * Pitch) + (wideDeep ? place * slices : place)],
                (Grid.IdxZ * target.Batch) + (i * of.StrideWide) + (slice * of.StrideNarrow),
                of.NarrowColumns ? slice : i, activation);
        }
    }
}

/// <summary>What a thin product reads, and where its sums lie in C.</summary>
[Operands]
internal partial struct ThinOperands<TWide, TNarrow>
    where TWide : unmanaged
    where TNarrow : unmanaged
{
    public ArrayView<TWide> Wide;
    public ArrayView<TNarrow> Narrow;
    public int Wides;
    public int Narrows;

    /// <summary>The summed dimension.</summary>
    public int Depth;

    /// <summary>Elements from one stored row of the wide operand to the next.</summary>
    public long WideRow;

    /// <summary>Elements from one stored row of the narrow operand to the next.</summary>
    public long NarrowRow;
    public long BatchWide;
    public long BatchNarrow;

    /// <summary>Elements of C from one wide row's sums to the next one's.</summary>
    public long StrideWide;

    /// <summary>Elements of C from one narrow row's sums to the next one's.</summary>
    public long StrideNarrow;

    /// <summary>Whether C's columns are the narrow rows, else the wide ones.</summary>
    public bool NarrowColumns;
}
