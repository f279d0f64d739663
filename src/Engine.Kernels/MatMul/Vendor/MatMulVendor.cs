using Engine.Devices.Cuda;
using Engine.Devices.Cuda.CublasLt;

namespace Engine.Kernels;

/// <summary>
/// Products by the vendor's library, on devices that were opened with it. A is rounded to B's type by a kernel before; what the library
/// cannot do with the sums, a kernel after it does in one pass over C, which is little beside what a product by the library saves.
/// </summary>
internal static partial class MatMulVendor
{
    private const int GroupSize = 256;

    /// <summary>Rows of the rounded A start at multiples of so many elements, 16 bytes: what the fast kernels ask for.</summary>
    private const int RowMultiple = 8;

    /// <summary>
    /// Whether the library computes a product: not thin ones, for which we have a kernel whose rows do not depend on those beside them, and
    /// none with a weight in 16 bits in float32, which the library does not have.
    /// </summary>
    public static bool Fits(Device device, MatMulShape shape, ElementType stored) =>
        device is CudaDevice { Products: not null }
        && shape is { M: > 0, N: > 0, K: > 0, Batch: > 0 }
        && !MatMulThinGroups.Fits(shape)
        && (stored == ElementType.Float32 || stored == shape.Products);

    /// <summary>Float32 elements of scratch memory of a product that <see cref="Fits"/>: A in 16 bits.</summary>
    public static long Workspace(MatMulShape shape) =>
        shape.Products == ElementType.Float32 ? 0 : ((long)shape.Batch * shape.M * RoundedStride(shape) + 1) / 2;

    /// <summary>Binds a product that <see cref="Fits"/>; null where the library has no algorithm for it.</summary>
    public static Launch? Bind(CudaDevice device, MatMulShape shape, MatMulViews views, BufferView<float> workspace)
    {
        (BufferView<float> a, WeightView b, BufferView<float> c, BufferView<float>? bias, BufferView<float>? residual,
            BufferView<float>? preactivation) = views;
        Operand.Require(workspace, Workspace(shape));

        // The library's GELU is the one by tanh, and how exact its tanh is no document says: it serves where operands are rounded anyway.
        bool gelu = shape.Activation == ActivationKind.GeluTanh
            && (shape.Products != ElementType.Float32 || device.Products!.Tf32)
            && (preactivation is null || CublasLtCall.KeepsPreactivation(shape.RowStrideC, shape.Batch, shape.BatchStrideC));
        return (gelu ? Bind(byLibrary: true) : null) ?? Bind(byLibrary: false);

        // byLibrary: the activation, and keeping its input, is the library's.
        Launch? Bind(bool byLibrary)
        {
            bool keeps = preactivation is not null && !byLibrary;
            bool addsByLibrary = residual is not null && shape is { Beta: 0f, Activation: ActivationKind.None } && !keeps;
            bool finishes = keeps || (shape.Activation != ActivationKind.None && !byLibrary) || (residual is not null && !addsByLibrary);
            BufferView<float> sums = keeps ? preactivation!.Value : c;
            BufferView<float> added = addsByLibrary ? residual!.Value : shape.Beta == 1f ? c : sums;
            CublasLtProduct? product = CublasLtProduct.TryBind(device, device.Products!, new CublasLtCall
            {
                A = shape.Products == ElementType.Float32
                    ? new CublasLtMatrix(
                        a.Buffer, a.ByteOffset, ElementType.Float32, shape.Layout == MatMulLayout.TN ? shape.K : shape.M, shape.ColumnsA,
                        shape.RowStrideA, shape.BatchStrideA)
                    : new CublasLtMatrix(
                        workspace.Buffer, workspace.ByteOffset, shape.Products, shape.M, shape.K, RoundedStride(shape),
                        (long)shape.M * RoundedStride(shape)),
                TransposeA = shape.Layout == MatMulLayout.TN,
                B = new CublasLtMatrix(
                    b.Buffer, b.ByteOffset, b.Type, shape.Layout == MatMulLayout.NT ? shape.N : shape.K, shape.ColumnsB, shape.RowStrideB,
                    shape.BatchStrideB),
                TransposeB = shape.Layout == MatMulLayout.NT,
                C = Result(added),
                D = Result(sums),
                Batch = shape.Batch,
                Alpha = shape.Alpha,
                Beta = shape.Beta == 1f || addsByLibrary ? 1f : 0f,
                Bias = bias,
                Gelu = byLibrary,
                Preactivation = byLibrary ? preactivation : null,
            });
            if (product is null)
            {
                return null;
            }

            List<Launch> works = [product];
            try
            {
                if (shape.Products != ElementType.Float32)
                {
                    works.Insert(0, Rounding(device, shape, a, workspace));
                }

                if (finishes)
                {
                    works.Add(
                        Finishing(
                            device, byLibrary ? shape with { Activation = ActivationKind.None } : shape, sums,
                            addsByLibrary ? null : residual, c));
                }
            }
            catch
            {
                works.ForEach(work => work.Dispose());
                throw;
            }

            return works.Count == 1 ? product : new CudaSequence(device, product.Name, product.Library, [.. works]);
        }

        CublasLtMatrix Result(BufferView<float> view) =>
            new(view.Buffer, view.ByteOffset, ElementType.Float32, shape.M, shape.N, shape.RowStrideC, shape.BatchStrideC);
    }

    /// <summary>A in the type of the products, in scratch memory, rows <see cref="RoundedStride"/> apart.</summary>
    internal static Launch Rounding(Device device, MatMulShape shape, BufferView<float> a, BufferView<float> workspace)
    {
        long count = (long)shape.Batch * shape.M * RoundedStride(shape);
        return shape.Products == ElementType.Float16
            ? Bind(new BufferView<Half>(workspace.Buffer, workspace.ByteOffset, count))
            : Bind(new BufferView<BFloat16>(workspace.Buffer, workspace.ByteOffset, count));

        Launch Bind<TStored>(BufferView<TStored> rounded)
            where TStored : unmanaged => RoundKernel.Bind(
                device, new LaunchShape(shape.M, 1, shape.Batch, GroupSize), a, rounded, shape.K, shape.RowStrideA, shape.BatchStrideA,
                RoundedStride(shape),
                (long)shape.M * RoundedStride(shape))
                .Moves((long)shape.Batch * shape.M * shape.K * (sizeof(float) + shape.Products.SizeInBytes()));
    }

    /// <summary>C = activation(sums) + residual, all laid out as C; the sums may be C.</summary>
    internal static Launch Finishing(
        Device device, MatMulShape shape, BufferView<float> sums, BufferView<float>? residual, BufferView<float> c) => FinishKernel.Bind(
        device, new LaunchShape(shape.M, 1, shape.Batch, GroupSize), sums, residual ?? default, c, shape.N, shape.RowStrideC,
        shape.BatchStrideC, shape.Activation)
        .Moves((residual is null ? 2 : 3) * sizeof(float) * (long)shape.Batch * shape.M * shape.N);

    /// <summary>y = x, rounded to y's type: a row by group x, a matrix by group z.</summary>
    [Kernel]
    public static void Round<TStored>(ArrayView<float> x, ArrayView<TStored> y, int columns, long rowX, long batchX, long rowY, long batchY)
        where TStored : unmanaged
    {
        long from = (Grid.IdxZ * batchX) + (Grid.IdxX * rowX);
        long to = (Grid.IdxZ * batchY) + (Grid.IdxX * rowY);
        for (int column = Group.IdxX; column < columns; column += GroupSize)
        {
            Storage.Store(y, to + column, x[from + column]);
        }
    }

    /// <summary>c = activation(sums) + residual: a row by group x, a matrix by group z.</summary>
    [Kernel]
    public static void Finish(
        ArrayView<float> sums, ArrayView<float> residual, ArrayView<float> c, int columns, long row, long batch,
        [Specialize] ActivationKind activation)
    {
        long start = (Grid.IdxZ * batch) + (Grid.IdxX * row);
        for (int column = Group.IdxX; column < columns; column += GroupSize)
        {
            long at = start + column;
            float value = ActivationFunctions.Apply(sums[at], activation);
            c[at] = residual.Length > 0 ? value + residual[at] : value;
        }
    }

    private static int RoundedStride(MatMulShape shape) => (shape.K + RowMultiple - 1) / RowMultiple * RowMultiple;
}
