using Engine.Compiler.Tests.Kernels;
using Engine.Devices;

namespace Engine.Compiler.Tests;

/// <summary>
/// The printed text of small kernels, as files that a change of the printer must change with it. After a change that is
/// wanted, run the tests with ENGINE_PIN=1 and review the difference.
/// </summary>
public class PinnedTextTests
{
    private static readonly string Folder = Path.Combine(InMemory.RepositoryRoot, "tests", "Engine.Compiler.Tests", "Pinned");

    public static TheoryData<string> Kernels { get; } = ["SmallKernels_Scale", "SmallKernels_GroupSum", "SmallKernels_WarpSum", "SmallKernels_OuterProduct", "SmallKernels_Turn", "SmallKernels_TileProduct"];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void The_printed_text_is_the_pinned_one(string name)
    {
        string path = Path.Combine(Folder, name + ".txt");
        string text = KernelRegistry.All.Single(kernel => kernel.Name == name).Body;
        if (Environment.GetEnvironmentVariable("ENGINE_PIN") == "1")
        {
            File.WriteAllText(path, text);
        }

        Assert.Equal(File.ReadAllText(path), text);
    }

    [Fact]
    public void A_variant_is_its_definitions_then_the_prelude_then_the_body()
    {
        KernelDefinition kernel = ControlFlowKernels.HelpersKernel.Definition;
        string text = DeviceSource.Compose(kernel, [ElementType.BFloat16], [1], DeviceLanguage.OpenCl);
        Assert.StartsWith($"// ControlFlowKernels_Helpers: {kernel.Location}\n#define TYPE_T bf16\n#define CONST_squares (1)\n", text);
        Assert.EndsWith(kernel.Body, text);
        Assert.Equal(text, DeviceSource.Compose(kernel, [ElementType.BFloat16], [1], DeviceLanguage.OpenCl));
    }

    [Fact]
    public void A_variant_needs_the_types_and_constants_of_its_kernel()
    {
        KernelDefinition kernel = ControlFlowKernels.HelpersKernel.Definition;
        string message = Assert.Throws<ArgumentException>(() => DeviceSource.Compose(kernel, [], [1, 2], DeviceLanguage.Cuda)).Message;
        Assert.Contains("has 1 storage types and 1 constants, but got 0 and 2", message);
    }

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
