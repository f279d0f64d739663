using Engine.Devices;
using Engine.Tests;

namespace Engine.Kernels.Tests;

public class DeviceTextTests
{
    public static TheoryData<string, string> KernelsAndTargets { get; } = DeviceTextCompiler.KernelsAndTargets(KernelRegistry.All);

    [ClangTheory]
    [Trait("Category", "Long")]
    [MemberData(nameof(KernelsAndTargets))]
    public void Every_kernel_compiles_for_AMD(string name, string target)
    {
        string? errors = DeviceTextCompiler.Errors(KernelRegistry.All.Single(kernel => kernel.Name == name), target);
        Assert.True(errors is null, errors);
    }
}
