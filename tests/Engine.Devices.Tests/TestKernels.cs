using Engine.Devices.Cpu;
using Engine.Devices.Kernels;
using ILGPU;

namespace Engine.Devices.Tests;

/// <summary>A kernel with a hand-written work-group function.</summary>
internal sealed class HandWrittenCall(KernelDefinition definition, Action<int, int, int>? group = null) : KernelCall
{
    public override KernelDefinition Definition { get; } = definition;

    public override void RunGroup(int groupX, int groupY, int groupZ) =>
        (group ?? throw new InvalidOperationException("This kernel has no managed form."))(groupX, groupY, groupZ);
}

/// <summary>Kernels of the device tests.</summary>
internal static partial class Tests
{
    /// <summary>y = scale * x + y.</summary>
    [Kernel]
    public static void ScaledAdd(ArrayView<float> x, [Specialize] int tile, ArrayView<float> y, float scale)
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < y.Length)
        {
            y[i] = (scale * x[i]) + y[i];
        }
    }

    /// <summary>Writes each group's three indices, and the length it was told, to its own four integers.</summary>
    [Kernel]
    public static void GroupIndices(ArrayView<int> output, byte small, long wide, float fraction)
    {
        int group = Grid.IdxX + (Grid.DimX * (Grid.IdxY + (Grid.DimY * Grid.IdxZ)));
        if (Group.IdxX == 0)
        {
            output[4 * group] = Grid.IdxX;
            output[(4 * group) + 1] = Grid.IdxY + small;
            output[(4 * group) + 2] = Grid.IdxZ + (int)(wide >> 32);
            output[(4 * group) + 3] = output.IntLength + (int)fraction;
        }
    }

    /// <summary>y = x.</summary>
    /// <summary>y = x + 1, after a number of rounds that takes its time.</summary>
    [Kernel]
    public static void LateCopy(ArrayView<uint> x, ArrayView<uint> y, int rounds)
    {
        uint state = (uint)rounds;
        for (int i = 0; i < rounds; i++)
        {
            state = (state * 1664525u) + 1013904223u;
        }

        y[0] = x[0] + (state == 0u ? 2u : 1u);
    }

    [Kernel]
    public static void Copy<T>(ArrayView<T> x, ArrayView<T> y)
        where T : unmanaged => y[Group.IdxX] = x[Group.IdxX];
}

/// <summary>Calls of <see cref="Tests"/>' kernels.</summary>
internal static unsafe class TestKernels
{
    public const int GroupSize = 64;

    public static readonly KernelDefinition ScaledAdd = Tests.ScaledAddKernel.Definition;

    public static KernelCall CallScaledAdd(
        BufferView<float> x, BufferView<float> y, float scale, LaunchShape? shape = null) => new HandWrittenCall(
        ScaledAdd,
        (group, _, _) =>
        {
            float* from = Address(x);
            float* to = Address(y);
            for (long i = (long)group * GroupSize; i < Math.Min(y.Length, (group + 1L) * GroupSize); i++)
            {
                to[i] = (scale * from[i]) + to[i];
            }
        })
        {
            Constants = [8],
            Arguments = [KernelArgument.View(x), KernelArgument.View(y), KernelArgument.Scalar(scale)],
            Shape = shape ?? LaunchShape.Cover(y.Length, GroupSize),
        };

    public static KernelCall CallGroupIndices(
        BufferView<int> output, LaunchShape shape, byte small, long wide, float fraction) => new HandWrittenCall(
        Tests.GroupIndicesKernel.Definition,
        (x, y, z) =>
        {
            int* to = Address(output) + (4 * (x + (shape.GroupsX * (y + (shape.GroupsY * z)))));
            to[0] = x;
            to[1] = y + small;
            to[2] = z + (int)(wide >> 32);
            to[3] = (int)output.Length + (int)fraction;
        })
        {
            Arguments = [KernelArgument.View(output), KernelArgument.Scalar(small), KernelArgument.Scalar(wide),
            KernelArgument.Scalar(fraction)],
            Shape = shape,
        };

    /// <summary>A kernel without parameters, whose text the device's compiler makes of its name.</summary>
    public static KernelCall CallOf(string name) =>
        new HandWrittenCall(new KernelDefinition(name, "Broken.cs:7", [], [], typeof(Tests))) { Shape = new LaunchShape(1, 1) };

    private static T* Address<T>(BufferView<T> view)
        where T : unmanaged => view.Buffer is null ? null : CpuDevice.Pointer(view);
}
