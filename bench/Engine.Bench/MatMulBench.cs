using Engine.Devices;
using Engine.Kernels;

namespace Engine.Bench;

/// <summary>Matrix products beside OpenBLAS on the same number of threads.</summary>
internal static unsafe class MatMulBench
{
    /// <summary>The shapes of a Transformer's layers. The requirement is a ratio of at least 0.85.</summary>
    public static void Large(Device device)
    {
        (int M, int N, int K)[] sizes =
            [(1024, 1024, 1024), (1024, 768, 3072), (1024, 3072, 768), (1024, 768, 768), (1000, 750, 500), (256, 768, 768)];
        foreach ((int m, int n, int k) in sizes)
        {
            foreach (MatMulLayout layout in Enum.GetValues<MatMulLayout>())
            {
                Compare(device, "matmul", new MatMulShape(m, n, k, layout));
            }
        }
    }

    /// <summary>
    /// Products with weights in 16 bits (on matrix units where the device has them), forward and input gradient, beside the same products
    /// with float32 weights. The requirement is a ratio of at least 0.7.
    /// </summary>
    public static void Stored(Device device, ElementType type)
    {
        (int M, int N, int K)[] sizes =
            [(512, 896, 896), (512, 4864, 896), (512, 896, 4864), (1024, 768, 768), (1024, 3072, 768), (1024, 768, 3072)];
        foreach ((int m, int n, int k) in sizes)
        {
            foreach (MatMulLayout layout in (ReadOnlySpan<MatMulLayout>)[MatMulLayout.NT, MatMulLayout.NN])
            {
                var shape = new MatMulShape(m, n, k, layout);
                float[] values = Values((long)n * k);
                using DeviceBuffer a = Filled(device, Values((long)m * k)), b = Filled(device, values),
                    c = Filled(device, new float[m * n]);
                using DeviceBuffer stored = device.Allocate(values.Length * type.SizeInBytes(), "benchmark");
                WeightView weight = StoredWeight.Fill(stored, type, values);
                MatMulShape rounded = shape with { Products = Measurement.Products(device, type) };
                using DeviceBuffer workspace = device.Allocate(sizeof(float) * MatMul.Workspace(device, rounded, type), "benchmark");
                using Launch ours =
                    MatMul.Bind(device, rounded, a.View<float>(), weight, c.View<float>(), workspace: workspace.View<float>());
                using Launch peer = MatMul.Bind(device, shape, a.View<float>(), b.View<float>(), c.View<float>());
                (double seconds, double peerSeconds) = Measurement.Interleave(() => Run(ours), () => Run(peer));
                Measurement.Report(
                    device, "matmul", $"{m}x{n}x{k} {layout} {type}", seconds, 2.0 * m * n * k, "float32 weights", peerSeconds);
            }
        }

        void Run(Launch launch)
        {
            launch.Enqueue();
            device.Synchronize();
        }
    }

    /// <summary>The shapes of LoRA's branch, its gradients and a classification head.</summary>
    public static void Thin(Device device)
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

    private static void Compare(Device device, string name, MatMulShape shape)
    {
        float[] valuesA = Values((long)shape.M * shape.K), valuesB = Values((long)shape.K * shape.N),
            valuesC = Values((long)shape.M * shape.N);
        using DeviceBuffer a = Filled(device, valuesA);
        using DeviceBuffer b = Filled(device, valuesB);
        using DeviceBuffer c = Filled(device, valuesC);
        using Launch launch = MatMul.Bind(device, shape, a.View<float>(), b.View<float>(), c.View<float>());
        int threads = device.Features.ComputeUnits;
        OpenBlas.SetThreads(threads);
        fixed (float* pa = valuesA, pb = valuesB, pc = valuesC)
        {
            nint peerA = (nint)pa, peerB = (nint)pb, peerC = (nint)pc;
            (double ours, double theirs) = Measurement.Interleave(
                () =>
                {
                    launch.Enqueue();
                    device.Synchronize();
                },
                () => OpenBlas.Multiply(shape, (float*)peerA, (float*)peerB, (float*)peerC));
            string text = $"{shape.M}x{shape.N}x{shape.K} {shape.Layout} beta={shape.Beta}";
            Measurement.Report(device, name, text, ours, 2.0 * shape.M * shape.N * shape.K, $"OpenBLAS, {threads} threads", theirs);
        }
    }

    private static DeviceBuffer Filled(Device device, float[] values)
    {
        DeviceBuffer buffer = device.Allocate((long)values.Length * sizeof(float), "benchmark");
        buffer.Write<float>(values);
        return buffer;
    }

    private static float[] Values(long count)
    {
        var random = new Random(1);
        var values = new float[count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = random.NextSingle() - 0.5f;
        }

        return values;
    }
}
