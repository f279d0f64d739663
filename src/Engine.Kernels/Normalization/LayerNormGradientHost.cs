using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>dWeight += sum over rows of dy (x - mean) inverseDeviation, dBias += sum over rows of dy where there is a bias.</summary>
internal sealed unsafe class LayerNormParameterGradientHost(
    CpuDevice device, int rows, int columns,
    BufferView<float> x, BufferView<float> mean, BufferView<float> inverseDeviation, BufferView<float> dy, BufferView<float> dWeight,
    BufferView<float>? dBias)
    : StripHost(device, rows, columns)
{
    private readonly NormalProducts products = new(
        columns, CpuDevice.Pointer(x), CpuDevice.Pointer(mean), CpuDevice.Pointer(inverseDeviation), CpuDevice.Pointer(dy));

    private readonly MatrixRows gradients = new(columns, CpuDevice.Pointer(dy));
    private readonly float* dWeight = CpuDevice.Pointer(dWeight);
    private readonly float* dBias = dBias is { } present ? CpuDevice.Pointer(present) : null;

    public override string Name => "LayerNorm_ParameterGradient";

    protected override void Strip(int column, int width)
    {
        ColumnSum.Add(in products, Rows, column, width, dWeight);
        if (dBias != null)
        {
            ColumnSum.Add(in gradients, Rows, column, width, dBias);
        }
    }

    private readonly struct NormalProducts(int columns, float* x, float* mean, float* inverseDeviation, float* dy) : IRowLanes
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public Vector512<float> Load(int row, int column)
        {
            long at = ((long)row * columns) + column;
            return Product(row, Vector512.Load(x + at), Vector512.Load(dy + at));
        }

        public Vector512<float> LoadPartial(int row, int column, int count)
        {
            long at = ((long)row * columns) + column;
            return Product(row, Lanes.LoadPartial(x + at, count), Lanes.LoadPartial(dy + at, count));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private Vector512<float> Product(int row, Vector512<float> value, Vector512<float> gradient) =>
            (value - Vector512.Create(mean[row])) * Vector512.Create(inverseDeviation[row]) * gradient;
    }
}
