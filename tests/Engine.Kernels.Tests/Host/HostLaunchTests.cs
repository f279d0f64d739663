using System.Runtime.InteropServices;
using Engine.Devices;
using Engine.Devices.Cpu;

namespace Engine.Kernels.Tests.Host;

/// <summary>What holds for every host form alike.</summary>
public class HostLaunchTests
{
    private const int Rows = 300, Columns = 130, Count = Rows * Columns;

    [Fact]
    public void Results_do_not_depend_on_the_number_of_threads()
    {
        byte[][] alone = Results(1);
        byte[][] together = Results(3);
        for (int i = 0; i < alone.Length; i++)
        {
            Assert.Equal(alone[i], together[i]);
        }
    }

    [Fact]
    public void Enqueuing_allocates_nothing_managed()
    {
        // One thread runs every piece itself, so that its own count is the kernels' and nobody else's.
        var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var run = new KernelRun(device);
        (Launch[] launches, _) = Launches(run);
        long before = 0;
        for (int repeat = 0; repeat < 3; repeat++)
        {
            before = GC.GetAllocatedBytesForCurrentThread();
            foreach (Launch launch in launches)
            {
                launch.Enqueue();
            }
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static byte[][] Results(int threads)
    {
        var device = new CpuDevice(new CpuOptions { Threads = threads });
        using var run = new KernelRun(device);
        (Launch[] launches, BufferView<float>[] outputs) = Launches(run);
        run.Run(launches);
        return [.. outputs.Select(output => MemoryMarshal.AsBytes<float>(output.ToArray()).ToArray())];
    }

    /// <summary>Every kernel family once, in several pieces, and what it writes.</summary>
    private static (Launch[] Launches, BufferView<float>[] Outputs) Launches(KernelRun run)
    {
        Device device = run.Device;
        BufferView<float> x = run.Put(Numbers.Values(1, Count)), dy = run.Put(Numbers.Values(2, Count));
        BufferView<float> weight = run.Put(Numbers.Values(3, Columns)), bias = run.Put(Numbers.Values(4, Columns)),
            column = run.Put(Numbers.Values(5, Rows, 0.1, 1));
        BufferView<int> ids = run.Put(Numbers.Indices(6, Rows, Rows)), distinct = run.Put(Enumerable.Range(0, Rows).Reverse().ToArray());
        BufferView<int> labels = run.Put(Numbers.Indices(7, Rows, Columns));
        BufferView<uint> random = run.RandomState(8, 9);
        BufferView<float> scalars = run.Scalars(
            (StepScalars.LearningRate, 0.1f), (StepScalars.BiasCorrection1, 0.1f), (StepScalars.BiasCorrection2, 0.001f),
            (StepScalars.LossScale, 1), (StepScalars.OfMethods, 1));

        var outputs = new List<BufferView<float>>();
        BufferView<float> Whole() => Keep(run.Put(new float[Count]));
        BufferView<float> Part(long count) => Keep(run.Put(new float[count]));
        BufferView<float> Keep(BufferView<float> view)
        {
            outputs.Add(view);
            return view;
        }

        BufferView<float> mean = Part(Rows), inverse = Part(Rows), square = Part(1);
        Launch[] launches =
        [
            LayerNorm.Forward(device, Rows, Columns, 1e-5f, x, weight, bias, Whole(), mean, inverse),
            LayerNorm.Backward(device, Rows, Columns, x, weight, mean, inverse, dy, x, Whole()),
            .. LayerNorm.ParameterGradient(
                device, Rows, Columns, x, mean, inverse, dy, Part(Columns), Part(Columns),
                run.Put(new float[LayerNorm.ParameterGradientWorkspace(device, Rows, Columns)])),
            .. Enum.GetValues<ActivationKind>().Select(kind => Activations.Forward(device, kind, Count, x, Whole())),
            .. Enum.GetValues<ActivationKind>().Select(kind => Activations.Backward(device, kind, Count, x, dy, Whole())),
            Elementwise.Add(device, Count, x, dy, Whole()),
            Elementwise.AddScaled(device, Count, 0.5f, x, Whole()),
            Elementwise.Scale(device, Count, 0.5f, x, Whole()),
            Elementwise.ScaleBy(device, Count, scalars, x, Whole()),
            Elementwise.Copy(device, Count, x, Whole()),
            Elementwise.Fill(device, Count, 0.5f, Whole()),
            Embeddings.Forward(device, Rows, Columns, x, ids, Whole(), accumulate: true),
            Embeddings.Gradient(device, Rows, Columns, Rows, -1, ids, dy, Whole()),
            RowSelection.Gather(device, Rows, Columns, x, ids, Whole()),
            .. RowSelection.Scatter(device, Rows, Rows, Columns, x, distinct, Whole()),
            .. Losses.CrossEntropy(device, Rows, Columns, x, labels, scalars, Part(Rows), Part(1), Whole()),
            .. Losses.CrossEntropy(
                device, Rows, Columns, x, labels, scalars, Part(Rows), Part(1),
                Whole(), new CrossEntropyOptions(0.1f, run.Put(new float[Columns]))),
            .. Losses.MeanSquaredError(device, Count, x, dy, scalars, Whole(), Part(1), Whole()),
            Dropouts.Apply(device, Count, 0.1f, 1, x, dy, random, Whole()),
            Noise.Normals(device, Count, 1, random, Whole()),
            Noise.Perturb(device, Rows, Columns, 1, x, column, random, Whole()),
            Noise.FlatDeviation(device, StepScalars.OfMethods, Rows, Columns, Columns, 0.1f, 2, x, dy, x, scalars, Part(Rows)),
            .. Reductions.SquaredNorm(device, Count, x, run.Put(new float[Reductions.SquaredNormWorkspace(device, Count)]), square),
            Reductions.ClipFactor(device, 1, square, Part(1), Part(1)),
            Reductions.RowSquaredNorms(device, Rows, Columns, x, Part(Rows)),
            .. Reductions.ColumnSums(
                device, Rows, Columns, x, run.Put(new float[Reductions.ColumnSumsWorkspace(device, Rows, Columns)]), Part(Columns)),
            AdamW.Step(device, Count, 0.9, 0.999, 1e-8, 0.1, 1, Whole(), dy, Whole(), Whole(), scalars, run.Put(1f)),
        ];
        return (launches, [.. outputs]);
    }
}
