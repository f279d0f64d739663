using Engine.Compiler.Tests.Kernels;
using Engine.Devices;

namespace Engine.Compiler.Tests;

/// <summary>
/// The C# printed of small kernels, for ILGPU and for the managed executor, as files that a change of the printers must change with it.
/// After a change that is wanted, run the tests with ENGINE_PIN=1 and review the difference.
/// </summary>
public class PinnedTextTests
{
    private static readonly string Folder = Path.Combine(InMemory.RepositoryRoot, "tests", "Engine.Compiler.Tests");

    private static readonly Lazy<IReadOnlyDictionary<string, string>> Generated =
        new(() => InMemory.Compile(File.ReadAllText(Path.Combine(Folder, "Kernels", "SmallKernels.cs"))).Generated);

    public static TheoryData<string> Kernels { get; } =
        ["SmallKernels_Scale", "SmallKernels_RowScale", "Engine.Compiler.Tests.Kernels.SmallKernels.RowOperands_1.Operands",
            "SmallKernels_GroupSum", "SmallKernels_WarpSum", "SmallKernels_OuterProduct", "SmallKernels_Turn", "SmallKernels_TileProduct"];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void The_printed_text_is_the_pinned_one(string name)
    {
        string path = Path.Combine(Folder, "Pinned", name + ".txt");
        string text = Generated.Value[name + ".g.cs"];
        if (Environment.GetEnvironmentVariable("ENGINE_PIN") == "1")
        {
            File.WriteAllText(path, text);
        }

        Assert.Equal(File.ReadAllText(path), text);
    }

    [Fact]
    public void A_definition_tells_the_fields_of_operands_where_they_are_passed() => Assert.Equal(
        [
            new KernelParameter("X", KernelParameterKind.View, null, "T"),
            new KernelParameter("Y", KernelParameterKind.View, ElementType.Float32, null),
            new KernelParameter("Bias", KernelParameterKind.View, ElementType.Float32, null),
            new KernelParameter("Stride", KernelParameterKind.Scalar, ElementType.Int64, null),
            new KernelParameter("Day", KernelParameterKind.Scalar, ElementType.Int32, null),
            new KernelParameter("Negative", KernelParameterKind.Scalar, ElementType.UInt8, null),
            new KernelParameter("factor", KernelParameterKind.Scalar, ElementType.Float32, null),
            new KernelParameter("columns", KernelParameterKind.Specialized, ElementType.Int32, null),
        ],
        SmallKernels.RowScaleKernel.Definition.Parameters.ToArray());

    [Fact]
    public void A_definition_tells_each_parameter_in_order()
    {
        KernelDefinition kernel = ControlFlowKernels.HelpersKernel.Definition;
        Assert.Equal(["T"], kernel.TypeParameters.ToArray());
        Assert.Equal(
            [
                new KernelParameter("x", KernelParameterKind.View, null, "T"),
                new KernelParameter("y", KernelParameterKind.View, ElementType.Float32, null),
                new KernelParameter("count", KernelParameterKind.Scalar, ElementType.Int32, null),
                new KernelParameter("squares", KernelParameterKind.Specialized, ElementType.UInt8, null),
            ],
            kernel.Parameters.ToArray());
    }
}
