using Engine.Devices.Cpu;

namespace Engine.Devices.Tests;

/// <summary>A kernel with hand-written text in the dialect and a hand-written work-group function.</summary>
internal sealed class HandWrittenCall(KernelDefinition definition, Action<int, int, int>? group = null) : KernelCall
{
    public override KernelDefinition Definition { get; } = definition;

    public override void RunGroup(int groupX, int groupY, int groupZ) =>
        (group ?? throw new InvalidOperationException("This kernel has no managed form."))(groupX, groupY, groupZ);
}

/// <summary>Kernels of the device tests, in the calling convention of compiled ones.</summary>
internal static unsafe class TestKernels
{
    public const int GroupSize = 64;

    /// <summary>y = scale * x + y.</summary>
    public static readonly KernelDefinition ScaledAdd = new(
        "Tests_ScaledAdd",
        "TestKernels.cs:12",
        [],
        [
            new KernelParameter("x", KernelParameterKind.View, ElementType.Float32, null),
            new KernelParameter("tile", KernelParameterKind.Specialized, ElementType.Int32, null),
            new KernelParameter("y", KernelParameterKind.View, ElementType.Float32, null),
            new KernelParameter("scale", KernelParameterKind.Scalar, ElementType.Float32, null),
        ],
        """
        KERNEL void Tests_ScaledAdd(
            GLOBAL float* x_base, i64 x_offset, i64 x_length, GLOBAL float* y_base, i64 y_offset, i64 y_length, float scale)
        {
            GLOBAL float* x = VIEW(float, x_base, x_offset);
            GLOBAL float* y = VIEW(float, y_base, y_offset);
            i64 i = ((i64)GROUP_ID(0) * (i64)GROUP_SIZE) + (i64)ITEM_ID;
            if (i < y_length) { y[i] = scale * x[i] + y[i]; }
        }
        """);

    /// <summary>Writes each group's three indices, and the length it was told, to its own four integers.</summary>
    public static readonly KernelDefinition GroupIndices = new(
        "Tests_GroupIndices",
        "TestKernels.cs:34",
        ["T"],
        [
            new KernelParameter("output", KernelParameterKind.View, ElementType.Int32, null),
            new KernelParameter("small", KernelParameterKind.Scalar, ElementType.UInt8, null),
            new KernelParameter("wide", KernelParameterKind.Scalar, ElementType.Int64, null),
            new KernelParameter("fraction", KernelParameterKind.Scalar, null, "T"),
        ],
        """
        KERNEL void Tests_GroupIndices(GLOBAL int* output_base, i64 output_offset, i64 length, u8 small, i64 wide, double fraction)
        {
            GLOBAL int* output = VIEW(int, output_base, output_offset);
            int group = GROUP_ID(0) + GROUP_COUNT(0) * (GROUP_ID(1) + GROUP_COUNT(1) * GROUP_ID(2));
            if (ITEM_ID == 0)
            {
                output[4 * group] = GROUP_ID(0);
                output[4 * group + 1] = GROUP_ID(1) + (int)small;
                output[4 * group + 2] = GROUP_ID(2) + (int)(wide >> 32);
                output[4 * group + 3] = (int)length + (int)fraction;
            }
        }
        """);

    public static KernelCall CallScaledAdd(BufferView<float> x, BufferView<float> y, float scale, LaunchShape? shape = null) => new HandWrittenCall(
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

    public static KernelCall CallGroupIndices(BufferView<int> output, LaunchShape shape, byte small, long wide, double fraction) => new HandWrittenCall(
        GroupIndices,
        (x, y, z) =>
        {
            int* to = Address(output) + (4 * (x + (shape.GroupsX * (y + (shape.GroupsY * z)))));
            to[0] = x;
            to[1] = y + small;
            to[2] = z + (int)(wide >> 32);
            to[3] = (int)output.Length + (int)fraction;
        })
    {
        Types = [ElementType.Float64],
        Arguments = [KernelArgument.View(output), KernelArgument.Scalar(small), KernelArgument.Scalar(wide), KernelArgument.Scalar(fraction)],
        Shape = shape,
    };

    /// <summary>A kernel without parameters.</summary>
    public static KernelCall CallOf(string name, string body) => new HandWrittenCall(new KernelDefinition(name, "Broken.cs:7", [], [], body))
    {
        Shape = new LaunchShape(1, 1),
    };

    private static T* Address<T>(BufferView<T> view)
        where T : unmanaged => view.Buffer is null ? null : CpuDevice.Pointer(view);
}
