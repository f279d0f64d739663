using Engine.Devices;
using Engine.Tests;

namespace Engine.Compiler.Tests;

public class DeviceTextTests
{
    public static TheoryData<string, string> KernelsAndTargets()
    {
        var data = new TheoryData<string, string>();
        foreach (KernelDefinition kernel in KernelRegistry.All)
        {
            foreach (string target in DeviceTextCompiler.Targets)
            {
                data.Add(kernel.Name, target);
            }
        }

        return data;
    }

    [ClangTheory]
    [MemberData(nameof(KernelsAndTargets))]
    public void Every_kernel_compiles_for_AMD_and_to_PTX(string name, string target)
    {
        KernelDefinition kernel = KernelRegistry.All.Single(k => k.Name == name);
        foreach (ElementType storage in kernel.TypeParameters.IsEmpty ? [ElementType.Float32] : new[] { ElementType.Float32, ElementType.Float16, ElementType.BFloat16, ElementType.Int8 })
        {
            string? errors = DeviceTextCompiler.Errors(
                kernel,
                [.. kernel.TypeParameters.Select(_ => storage)],
                [.. kernel.Parameters.Where(p => p.Kind == KernelParameterKind.Specialized).Select(_ => 4L)],
                target);
            Assert.True(errors is null, errors);
        }
    }
}
