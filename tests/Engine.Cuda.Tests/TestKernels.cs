using Engine.Devices;

namespace Engine.Cuda.Tests;

/// <summary>A kernel that only a driver sees.</summary>
internal sealed class TextCall(KernelDefinition definition) : KernelCall
{
    public override KernelDefinition Definition { get; } = definition;

    public override void RunGroup(int groupX, int groupY, int groupZ) => throw new InvalidOperationException("This kernel has no managed form.");
}

/// <summary>Kernels in the dialect and the calling convention of compiled ones.</summary>
internal static class TestKernels
{
    public const int GroupSize = 64;

    public static readonly KernelDefinition ScaledAdd = new(
        "Tests_ScaledAdd",
        "TestKernels.cs:12",
        ["T"],
        [
            new KernelParameter("x", KernelParameterKind.View, null, "T"),
            new KernelParameter("tile", KernelParameterKind.Specialized, ElementType.Int32, null),
            new KernelParameter("y", KernelParameterKind.View, ElementType.Float32, null),
            new KernelParameter("scale", KernelParameterKind.Scalar, ElementType.Float32, null),
            new KernelParameter("accumulate", KernelParameterKind.Scalar, ElementType.UInt8, null),
            new KernelParameter("stride", KernelParameterKind.Scalar, ElementType.Int64, null),
        ],
        """
        KERNEL void Tests_ScaledAdd(
            GLOBAL TYPE_T* x_base, i64 x_offset, i64 x_length, GLOBAL float* y_base, i64 y_offset, i64 y_length, float scale, u8 accumulate, i64 stride)
        {
            GLOBAL TYPE_T* x = VIEW(TYPE_T, x_base, x_offset);
            GLOBAL float* y = VIEW(float, y_base, y_offset);
            i64 i = ((i64)GROUP_ID(0) * (i64)GROUP_SIZE) + (i64)ITEM_ID;
            if (i < y_length) { y[i] = scale * LOAD(TYPE_T, x, i * stride) + (accumulate ? y[i] : 0.0f); }
        }
        """);

    public static KernelCall Call(BufferView<float> x, BufferView<float> y, float scale, int tile = 8, LaunchShape? shape = null) => new TextCall(ScaledAdd)
    {
        Types = [ElementType.Float32],
        Constants = [tile],
        Arguments = [KernelArgument.View(x), KernelArgument.View(y), KernelArgument.Scalar(scale), KernelArgument.Scalar(true), KernelArgument.Scalar(7L << 40)],
        Shape = shape ?? LaunchShape.Cover(y.Length, GroupSize),
    };

    /// <summary>A kernel without parameters.</summary>
    public static KernelCall CallOf(string name, string body) => new TextCall(new KernelDefinition(name, "Broken.cs:7", [], [], body)) { Shape = new LaunchShape(1, 1) };
}
