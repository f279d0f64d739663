using Engine.Devices;
using Engine.Kernels;

namespace Engine.Bench;

/// <summary>
/// Attention over short texts, forward and backward, bounded by the batch's longest row as batch shapes have it, beside the same bounded by
/// all tokens of the batch: what groups without work cost.
/// </summary>
internal static class AttentionBoundBench
{
    private const int Heads = 12;
    private const int HeadSize = 64;

    public static void Run(Device device)
    {
        // As many tokens either way: 32 texts of 8 to 56 tokens, and 8 of up to 224.
        Compare(device, [.. Enumerable.Range(0, 32).Select(row => 8 + (row * 37 % 49))], 64);
        Compare(device, [.. Enumerable.Range(0, 8).Select(row => 32 + (row * 5 % 8 * 27))], 256);
    }

    private static void Compare(Device device, int[] lengths, int bound)
    {
        int live = lengths.Sum(), tokens = (live + 31) / 32 * 32, width = Heads * HeadSize;
        var random = new Random(1);
        var buffers = new List<DeviceBuffer>();
        BufferView<float> q = Tensor(), k = Tensor(), v = Tensor(), output = Tensor(), gradient = Tensor(), dq = Tensor(), dk = Tensor(),
            dv = Tensor(), logSumExp = Buffer<float>(tokens * Heads);
        BufferView<int> start = Buffer<int>(lengths.Length + 1), position = Buffer<int>(tokens);
        start.Write([0, .. lengths.Select((_, row) => lengths.Take(row + 1).Sum())]);
        Launch[] close = Bind(bound), loose = Bind(Math.Min(512, tokens));
        (double ours, double peer) = Measurement.Interleave(() => Pass(close), () => Pass(loose));
        double operations = 7 * 2.0 * width * lengths.Sum(length => (double)length * length);
        Measurement.Report(
            device, "attention-bounds",
            $"{lengths.Length} texts of {lengths.Min()} to {lengths.Max()} tokens, {Heads} heads of {HeadSize}, forward and backward, "
                + $"bound {bound}", ours, operations,
            $"bound {Math.Min(512, tokens)}", peer);
        buffers.ForEach(buffer => buffer.Dispose());

        Launch[] Bind(int longest)
        {
            var shape = new AttentionShape(lengths.Length, tokens, tokens, longest, longest, Heads, Heads, HeadSize, 0.125f);
            BufferView<float> workspace = Buffer<float>(Attention.BackwardWorkspace(device, shape));
            return
            [
                Attention.Forward(device, shape, q, k, v, start, start, position, output, logSumExp, null),
                .. Attention.Backward(
                    device, shape, q, k, v, start, start, position, output, logSumExp, gradient, dq, dk, dv, workspace, null),
            ];
        }

        void Pass(Launch[] launches)
        {
            Array.ForEach(launches, launch => launch.Enqueue());
            device.Synchronize();
        }

        BufferView<float> Tensor()
        {
            BufferView<float> view = Buffer<float>((long)tokens * width);
            view.Write([.. Enumerable.Range(0, tokens * width).Select(_ => random.NextSingle() - 0.5f)]);
            return view;
        }

        BufferView<TElement> Buffer<TElement>(long count)
            where TElement : unmanaged
        {
            buffers.Add(device.Allocate(count * sizeof(int), "benchmark"));
            return buffers[^1].View<TElement>();
        }
    }
}
