using System.Runtime.Intrinsics;
using System.Text.Json;
using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Kernels;
using Engine.Model.Architectures;

namespace Engine.Bench;

/// <summary>
/// The matrix products of one decoding step of a Qwen2.5-0.5B-shaped model: every weight is read once, so the limit is reading as many
/// bytes with all threads, which is measured beside it. The requirement for a whole step is a ratio of at least 0.6.
/// </summary>
internal static class DecodeBench
{
    public static void Run(Device device, ElementType type)
    {
        Architecture architecture = ModelShapes.Qwen25Half;
        (int Out, int In)[] weights =
        [
            .. architecture.LinearGroups.SelectMany(group => group).Select(linear => (linear.OutFeatures, linear.InFeatures)),
            (architecture.VocabularySize, architecture.HiddenSize),
        ];
        long elements = weights.Sum(weight => (long)weight.Out * weight.In), bytes = elements * type.SizeInBytes();
        using DeviceBuffer memory = device.Allocate(bytes, "weights");
        memory.Fill(0x3C, 0, bytes);
        foreach (int rows in (int[])[1, 2, 4, 8])
        {
            using DeviceBuffer x = device.Allocate(rows * weights.Max(weight => weight.In) * sizeof(float), "x");
            using DeviceBuffer y = device.Allocate((long)rows * architecture.VocabularySize * sizeof(float), "y");
            x.Clear();
            long first = 0;
            var launches = new List<Launch>();
            foreach ((int outputs, int inputs) in weights)
            {
                WeightView weight = StoredWeight.View(memory, type, first, (long)outputs * inputs);
                launches.Add(
                    MatMul.Bind(device, new MatMulShape(rows, outputs, inputs, MatMulLayout.NT), x.View<float>(), weight, y.View<float>()));
                first += (long)outputs * inputs;
            }

            Action read = device is CpuDevice cpu ? new ReadAll(cpu, memory).Run : static () => { };
            (double seconds, double limit) = Measurement.Interleave(
                () =>
                {
                    launches.ForEach(launch => launch.Enqueue());
                    device.Synchronize();
                },
                read);
            launches.ForEach(launch => launch.Dispose());
            bool known = device is CpuDevice;
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                device = device.ToString(),
                benchmark = "decode",
                type = type.ToString(),
                rows,
                seconds,
                gigabytes_per_second = Math.Round(bytes / seconds * 1e-9, 1),
                limit = known ? "reading the weights' bytes" : null,
                limit_gigabytes_per_second = known ? Math.Round(bytes / limit * 1e-9, 1) : (double?)null,
                ratio = known ? Math.Round(limit / seconds, 3) : (double?)null,
            }));
        }
    }

    /// <summary>Reads a buffer once with all threads and keeps nothing but a sum.</summary>
    internal sealed unsafe class ReadAll(CpuDevice device, DeviceBuffer buffer) : IHostBody
    {
        private const int PieceBytes = 1 << 18;

        private readonly byte* from = CpuDevice.Pointer(buffer.View<byte>());
        private readonly Vector512<uint>[] sums = new Vector512<uint>[1024];

        public void Run() => device.Threads.For((int)(buffer.Bytes / PieceBytes), this);

        void IHostBody.Run(int piece, int worker)
        {
            uint* start = (uint*)(from + ((long)piece * PieceBytes));
            Vector512<uint> a = default, b = default, c = default, d = default;
            for (uint* at = start; at < start + (PieceBytes / sizeof(uint)); at += 64)
            {
                a += Vector512.Load(at);
                b += Vector512.Load(at + 16);
                c += Vector512.Load(at + 32);
                d += Vector512.Load(at + 48);
            }

            sums[worker] += a + b + c + d;
        }
    }
}
