using Engine.Devices;
using Engine.Devices.Kernels;
using ILGPU;

namespace Engine.Cuda.Tests;

/// <summary>A kernel that only a driver sees.</summary>
internal sealed class DriverCall(KernelDefinition definition) : KernelCall
{
    public override KernelDefinition Definition { get; } = definition;

    public override void RunGroup(
        int groupX, int groupY, int groupZ) => throw new InvalidOperationException("This kernel has no managed form.");
}

internal static partial class Tests
{
    /// <summary>y = scale * x, strided, plus y where it accumulates.</summary>
    [Kernel]
    public static void ScaledAdd<T>(ArrayView<T> x, [Specialize] int tile, ArrayView<float> y, float scale, bool accumulate, long stride)
        where T : unmanaged
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < y.Length)
        {
            y[i] = (scale * Storage.Load(x, i * stride)) + (accumulate ? y[i] : 0f);
        }
    }
}

/// <summary>Calls of the kernels above, and of kernels that are nothing but a name.</summary>
internal static class TestKernels
{
    public const int GroupSize = 64;

    public static KernelDefinition ScaledAdd { get; } = Tests.ScaledAddKernel.Definition;

    public static KernelCall Call(
        BufferView<float> x, BufferView<float> y, float scale, int tile = 8, LaunchShape? shape = null) => new DriverCall(ScaledAdd)
        {
            Types = [ElementType.Float32],
            Constants = [tile],
            Arguments = [KernelArgument.View(x), KernelArgument.View(y), KernelArgument.Scalar(scale), KernelArgument.Scalar(true),
            KernelArgument.Scalar(7L << 40)],
            Shape = shape ?? LaunchShape.Cover(y.Length, GroupSize),
        };

    /// <summary>A kernel without parameters, whose text the device's compiler makes of its name.</summary>
    public static KernelCall CallOf(string name) =>
        new DriverCall(new KernelDefinition(name, "Broken.cs:7", [], [], typeof(Tests))) { Shape = new LaunchShape(1, 1) };

    /// <summary>PTX of a kernel without parameters.</summary>
    public static string Ptx(string name) => $".version 7.6\n.target sm_80\n.address_size 64\n.visible .entry {name}()\n{{\n\tret;\n}}\n";
}
