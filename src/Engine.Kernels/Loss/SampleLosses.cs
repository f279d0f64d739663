namespace Engine.Kernels;

/// <summary>Losses by sample, for methods that choose samples.</summary>
internal static class SampleLosses
{
    /// <summary>
    /// means[row] = the mean of placeLoss over the places start[row] to start[row + 1] whose label counts (is not -100); 0 where none does.
    /// placeLoss, labels [places], start [rows + 1], means [rows].
    /// </summary>
    public static Launch Means(
        Device device, int rows, int places, BufferView<float> placeLoss, BufferView<int> labels, BufferView<int> start,
        BufferView<float> means)
    {
        Operand.Require(placeLoss, places);
        Operand.Require(labels, places);
        Operand.Require(start, rows + 1L);
        Operand.Require(means, rows);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new SampleMeansHost(cpu, rows, placeLoss, labels, start, means);
        }

        return SampleLossesKernels.MeansKernel.Bind(
            device, new LaunchShape(rows, LaunchShapes.SingleGroup), placeLoss, labels, start, means, LaunchShapes.SingleGroup);
    }
}

/// <summary>Mean losses by sample, one group a row.</summary>
internal static partial class SampleLossesKernels
{
    /// <summary>One group a row.</summary>
    [Kernel]
    public static void Means(
        ArrayView<float> placeLoss, ArrayView<int> labels, ArrayView<int> start, ArrayView<float> means, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        int last = start[Grid.IdxX + 1];
        float losses = 0f;
        float counted = 0f;
        for (int place = start[Grid.IdxX] + Group.IdxX; place < last; place += groupSize)
        {
            if (labels[place] != Losses.IgnoredLabel)
            {
                losses += placeLoss[place];
                counted += 1f;
            }
        }

        float sum = GroupReductions.Sum(tile, losses, groupSize);
        float count = GroupReductions.Sum(tile, counted, groupSize);
        if (Group.IdxX == 0)
        {
            means[Grid.IdxX] = count > 0f ? sum / count : 0f;
        }
    }
}

/// <summary>Row by row in float64: places are few beside the tokens a step computes.</summary>
internal sealed unsafe class SampleMeansHost(
    CpuDevice device, int rows, BufferView<float> placeLoss, BufferView<int> labels, BufferView<int> start, BufferView<float> means)
    : HostLaunch(device)
{
    private readonly float* placeLoss = CpuDevice.Pointer(placeLoss);
    private readonly int* labels = CpuDevice.Pointer(labels);
    private readonly int* start = CpuDevice.Pointer(start);
    private readonly float* means = CpuDevice.Pointer(means);

    public override string Name => "SampleLosses_Means";

    protected override void Execute(HostThreads threads)
    {
        for (int row = 0; row < rows; row++)
        {
            double sum = 0;
            int counted = 0;
            for (int place = start[row]; place < start[row + 1]; place++)
            {
                if (labels[place] != Losses.IgnoredLabel)
                {
                    sum += placeLoss[place];
                    counted++;
                }
            }

            means[row] = counted == 0 ? 0 : (float)(sum / counted);
        }
    }
}
