using System.Runtime.InteropServices;
using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Kernels;

namespace Engine.Bench;

/// <summary>
/// Every kernel family but matrix products and attention, beside a copy that moves the bytes the kernel must read and write:
/// the limit of one that only moves memory. Sizes are those of a RoBERTa-base step of 1024 tokens.
/// </summary>
internal static unsafe class FamilyBench
{
    private const int Tokens = 1024, Hidden = 768, HeadSize = 64, Inner = 3072, Vocabulary = 50265;

    public static void Run(Device device)
    {
        const long Count = (long)Tokens * Inner, Narrow = (long)Tokens * Hidden;
        using DeviceBuffer pool = device.Allocate(16 * Count * sizeof(float), "bench");
        pool.Clear();
        int used = 0;
        BufferView<float> Next(long count) => pool.View<float>(used++ * Count * sizeof(float), count);
        BufferView<float> x = Next(Count), dy = Next(Count), y = Next(Count), m = Next(Count), v = Next(Count);
        BufferView<float> weight = Next(Inner), bias = Next(Inner), mean = Next(Tokens * Hidden / HeadSize), inverse = Next(Tokens),
            one = Next(1), scalars = Next(StepScalars.Count), workspace = Next(Count);
        BufferView<int> ids = pool.View<int>(used++ * Count * sizeof(float), Tokens);
        BufferView<ulong> frequencies = pool.View<ulong>(used++ * Count * sizeof(float), HeadSize / 2);
        BufferView<uint> random = pool.View<uint>(used++ * Count * sizeof(float), RandomState.Count);
        Noise.Normals(device, Count, 0, random, x).Enqueue();
        Noise.Normals(device, Count, 1, random, dy).Enqueue();
        Elementwise.Fill(device, StepScalars.Count, 0.1f, scalars).Enqueue();
        Elementwise.Fill(device, 1, 1, one).Enqueue();
        ids.Write(Enumerable.Range(0, Tokens).Select(i => i * 7919 % Tokens).ToArray());

        Measure(device, "gelu erf forward", Count, 2, Activations.Forward(device, ActivationKind.GeluErf, Count, x, y));
        Measure(device, "gelu erf backward", Count, 3, Activations.Backward(device, ActivationKind.GeluErf, Count, x, dy, y));
        Measure(device, "gelu tanh forward", Count, 2, Activations.Forward(device, ActivationKind.GeluTanh, Count, x, y));
        Measure(device, "gelu tanh backward", Count, 3, Activations.Backward(device, ActivationKind.GeluTanh, Count, x, dy, y));
        Measure(device, "add", Count, 3, Elementwise.Add(device, Count, x, dy, y));
        Measure(device, "normals", Count, 1, Noise.Normals(device, Count, 1, random, y));
        Measure(device, "perturb", Count, 2, Noise.Perturb(device, Tokens, Inner, 1, x, mean, random, y));
        Measure(device, "dropout", Count, 3, Dropouts.Apply(device, Count, 0.1f, 1, x, dy, random, y));
        Measure(device, "layer norm forward", Narrow,
            2, LayerNorm.Forward(device, Tokens, Hidden, 1e-5f, x, weight, bias, y, mean, inverse));
        Measure(device, "layer norm backward", Narrow, 4, LayerNorm.Backward(device, Tokens, Hidden, x, weight, mean, inverse, dy, m, y));
        Measure(device, "layer norm parameter gradient", Narrow,
            2, LayerNorm.ParameterGradient(device, Tokens, Hidden, x, mean, inverse, dy, weight, bias, workspace));
        Measure(device, "rms norm forward", Narrow, 2, RmsNorm.Forward(device, Tokens, Hidden, 1e-6f, x, weight, y, inverse));
        Measure(device, "rms norm backward", Narrow, 4, RmsNorm.Backward(device, Tokens, Hidden, x, weight, inverse, dy, m, y));
        Measure(device, "rms norm parameter gradient", Narrow,
            2, RmsNorm.ParameterGradient(device, Tokens, Hidden, x, inverse, dy, weight, workspace));
        Measure(device, "rms norm of heads", Narrow,
            2, RmsNorm.Forward(device, Tokens * Hidden / HeadSize, HeadSize, 1e-6f, x, weight, y, mean));
        Measure(device, "rotary angles", (long)Tokens * HeadSize,
            1, Rotary.Angles(device, Tokens, HeadSize / 2, ids, frequencies, workspace));
        Measure(device, "rotary", Narrow, 2, Rotary.Apply(device, Tokens, Hidden / HeadSize, HeadSize / 2, x, workspace, false, y));
        Measure(device, "swiglu forward", Count, 3, SwiGlu.Forward(device, Count, x, dy, y));
        Measure(device, "swiglu backward", Count, 5, SwiGlu.Backward(device, Count, x, dy, y, m, v));
        Measure(device, "embedding forward", Narrow, 2, Embeddings.Forward(device, Tokens, Hidden, x, ids, y));
        Measure(device, "embedding gradient", Narrow, 3, Embeddings.Gradient(device, Tokens, Hidden, Tokens, -1, ids, dy, y));
        Measure(device, "cross-entropy", 32 * Vocabulary, 2, Losses.CrossEntropy(device, 32, Vocabulary, x, ids, scalars, mean, one, y));
        Measure(device, "adamw", Count, 7, AdamW.Step(device, Count, 0.9, 0.999, 1e-8, 0.01, 1, y, dy, m, v, scalars, one));
        Measure(device, "squared norm", Count, 1, Reductions.SquaredNorm(device, Count, x, workspace, one));
        Measure(device, "row squared norms", Count, 1, Reductions.RowSquaredNorms(device, Tokens, Inner, x, mean));
        Measure(device, "column sums", Count, 1, Reductions.ColumnSums(device, Tokens, Inner, x, workspace, weight));
    }

    /// <summary>One family; <paramref name="streams"/> is how many arrays of <paramref name="count"/> float32 it reads or writes.</summary>
    private static void Measure(Device device, string name, long count, int streams, params Launch[] launches)
    {
        long bytes = count * streams * sizeof(float) / 2;
        using DeviceBuffer from = device.Allocate(bytes, "bench"), to = device.Allocate(bytes, "bench");
        from.Clear();
        to.Clear();
        Action copy = device is CpuDevice cpu ? CopyInPieces(cpu, from, to) : () => to.CopyFrom(from, 0, 0, bytes);
        (double ours, double peer) = Measurement.Interleave(
            () =>
            {
                foreach (Launch launch in launches)
                {
                    launch.Enqueue();
                }

                device.Synchronize();
            },
            () =>
            {
                copy();
                device.Synchronize();
            });
        int threads = device is CpuDevice ? device.Features.ComputeUnits : 1;
        Measurement.ReportElements(device, name, count, threads, ours, "copy of its bytes", peer);
        foreach (Launch launch in launches)
        {
            launch.Dispose();
        }
    }

    private static Action CopyInPieces(CpuDevice device, DeviceBuffer from, DeviceBuffer to)
    {
        var body = new CopyBody(CpuDevice.Pointer(from.View<byte>()), CpuDevice.Pointer(to.View<byte>()), from.Bytes);
        return () => device.Threads.For(body.Pieces, body);
    }

    private sealed class CopyBody(byte* from, byte* to, long bytes) : IHostBody
    {
        private const int PieceBytes = 64 * 1024;

        public int Pieces => (int)((bytes + PieceBytes - 1) / PieceBytes);

        public void Run(int piece, int worker)
        {
            long start = (long)piece * PieceBytes;
            NativeMemory.Copy(from + start, to + start, (nuint)Math.Min(PieceBytes, bytes - start));
        }
    }
}
