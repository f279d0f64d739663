using Engine.Devices;
using Engine.Kernels;

namespace Engine.Bench;

/// <summary>
/// Attention beside the matrix products of its layer: twelve products of the size of a projection (query, key, value, output, and
/// eight for the feed-forward layer), forward and towards the input; on a device with matrix units in 16 bits too. The aim is below 12 % of
/// their time.
/// </summary>
internal static class AttentionBench
{
    private const int ProductsPerPass = 12;
    private const int HiddenSize = 768;
    private const int Heads = 12;

    public static void Run(Device device, ElementType type)
    {
        foreach (ElementType products in (ElementType[])[.. new[] { ElementType.Float32, Measurement.Products(device, type) }.Distinct()])
        {
            Compare(device, products, 8, 128, 0f, false);
            Compare(device, products, 8, 128, 0.1f, false);
            Compare(device, products, 8, 128, 0f, true);
            Compare(device, products, 2, 512, 0f, false);
            Compare(device, products, 2, 512, 0f, true);
            Compare(device, products, 32, 32, 0f, false);
        }
    }

    private static void Compare(Device device, ElementType type, int rows, int length, float dropout, bool causal)
    {
        int tokens = rows * length;
        var shape = new AttentionShape(rows, tokens, tokens, length, length, Heads, Heads, HiddenSize / Heads, 0.125f)
        {
            Dropout = dropout,
            Causal = causal,
            Products = type,
        };
        var buffers = new List<DeviceBuffer>();
        BufferView<float> q = Tensor(), k = Tensor(), v = Tensor(), output = Tensor(), gradient = Tensor(), dq = Tensor(), dk = Tensor(),
            dv = Tensor();
        BufferView<float> logSumExp = Buffer<float>(tokens * Heads), weights = Buffer<float>(HiddenSize * HiddenSize);
        BufferView<int> start = Buffer<int>(rows + 1), position = Buffer<int>(tokens);
        BufferView<uint> random = Buffer<uint>(RandomState.Count);
        start.Write([.. Enumerable.Range(0, rows + 1).Select(row => row * length)]);
        position.Write([.. Enumerable.Range(0, tokens).Select(token => token % length)]);
        random.Write([1u, 2u, 3u, 0u]);
        weights.Write(Values(HiddenSize * HiddenSize));

        Launch forward = Attention.Forward(device, shape, q, k, v, start, start, position, output, logSumExp, random);
        Launch[] backward = Attention.Backward(
            device, shape, q, k, v, start, start, position, output, logSumExp, gradient, dq, dk, dv,
            Buffer<float>(Attention.BackwardWorkspace(device, shape)), random);
        Launch product = MatMul.Bind(device, new MatMulShape(tokens, HiddenSize, HiddenSize, MatMulLayout.NT), q, weights, dq);
        (double both, double products) = Measurement.Interleave(
            () =>
            {
                forward.Enqueue();
                Array.ForEach(backward, launch => launch.Enqueue());
                device.Synchronize();
            },
            () =>
            {
                for (int i = 0; i < 2 * ProductsPerPass; i++)
                {
                    product.Enqueue();
                }

                device.Synchronize();
            });
        double operations = 7 * 2.0 * tokens * length * HiddenSize / (causal ? 2 : 1);
        string text =
            $"{rows}x{length} tokens, {Heads} heads of {HiddenSize / Heads}, "
                + $"dropout {dropout}{(causal ? ", causal" : "")}{(type == ElementType.Float32 ? "" : $", {type}")}, forward and backward";
        Measurement.Report(
            device, "attention", text, both, operations, $"{2 * ProductsPerPass} products {tokens}x{HiddenSize}x{HiddenSize}", products);
        (double alone, _) = Measurement.Interleave(
            () =>
            {
                forward.Enqueue();
                device.Synchronize();
            },
            () => { });
        Measurement.Report(
            device, "attention", text.Replace("forward and backward", "forward", StringComparison.Ordinal), alone, operations * 2 / 7,
            "the same products", products);
        buffers.ForEach(buffer => buffer.Dispose());

        BufferView<float> Tensor()
        {
            BufferView<float> view = Buffer<float>((long)tokens * HiddenSize);
            view.Write(Values(tokens * HiddenSize));
            return view;
        }

        BufferView<TElement> Buffer<TElement>(long count)
            where TElement : unmanaged
        {
            buffers.Add(device.Allocate(count * sizeof(int), "benchmark"));
            return buffers[^1].View<TElement>();
        }
    }

    private static float[] Values(int count)
    {
        var random = new Random(1);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
    }
}
