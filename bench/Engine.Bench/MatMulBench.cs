using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Kernels;

namespace Engine.Bench;

/// <summary>Matrix products beside OpenBLAS on the same number of threads.</summary>
internal static unsafe class MatMulBench
{
    /// <summary>The shapes of a Transformer's layers. The requirement is a ratio of at least 0.85.</summary>
    public static void Large(CpuDevice device)
    {
        (int M, int N, int K)[] sizes = [(1024, 1024, 1024), (1024, 768, 3072), (1024, 3072, 768), (1024, 768, 768), (1000, 750, 500), (256, 768, 768)];
        foreach ((int m, int n, int k) in sizes)
        {
            foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
            {
                Compare(device, "matmul", new MatMulShape(m, n, k, layout));
            }
        }
    }

    /// <summary>The shapes of LoRA's branch, its gradients and a classification head.</summary>
    public static void Thin(CpuDevice device)
    {
        MatMulShape[] shapes =
        [
            new(1024, 8, 768, MatMulLayout.NT),
            new(1024, 16, 768, MatMulLayout.NT),
            new(1024, 32, 768, MatMulLayout.NT),
            new(1024, 768, 8, MatMulLayout.NT) { Alpha = 2f, Beta = 1f },
            new(1024, 768, 16, MatMulLayout.NN) { Alpha = 2f, Beta = 1f },
            new(1024, 8, 768, MatMulLayout.NN),
            new(8, 768, 1024, MatMulLayout.TN),
            new(16, 768, 1024, MatMulLayout.TN),
            new(768, 8, 1024, MatMulLayout.TN),
            new(8, 768, 768, MatMulLayout.NT),
            new(8, 768, 3072, MatMulLayout.NT),
            new(8, 768, 768, MatMulLayout.NN),
            new(1, 3072, 768, MatMulLayout.NT),
        ];
        foreach (MatMulShape shape in shapes)
        {
            Compare(device, "matmul-thin", shape);
        }
    }

    private static void Compare(CpuDevice device, string name, MatMulShape shape)
    {
        using DeviceBuffer a = Filled(device, (long)shape.M * shape.K);
        using DeviceBuffer b = Filled(device, (long)shape.K * shape.N);
        using DeviceBuffer c = Filled(device, (long)shape.M * shape.N);
        using DeviceBuffer peer = Filled(device, (long)shape.M * shape.N);
        using Launch launch = MatMul.Bind(device, shape, a.View<float>(), b.View<float>(), c.View<float>());
        float* pa = CpuDevice.Pointer(a.View<float>()), pb = CpuDevice.Pointer(b.View<float>()), pc = CpuDevice.Pointer(peer.View<float>());
        OpenBlas.SetThreads(device.Threads.Count);
        (double ours, double theirs) = Measurement.Interleave(launch.Enqueue, () => OpenBlas.Multiply(shape, pa, pb, pc));
        string text = $"{shape.M}x{shape.N}x{shape.K} {shape.Layout} beta={shape.Beta}";
        Measurement.Report(device, name, text, ours, 2.0 * shape.M * shape.N * shape.K, $"OpenBLAS, {device.Threads.Count} threads", theirs);
    }

    private static DeviceBuffer Filled(CpuDevice device, long count)
    {
        DeviceBuffer buffer = device.Allocate(count * sizeof(float), "benchmark");
        var random = new Random(1);
        var values = new float[count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = random.NextSingle() - 0.5f;
        }

        buffer.Write<float>(values);
        return buffer;
    }
}
