using System.Collections.Immutable;
using Engine.Devices;
using Engine.Tests;

namespace Engine.Kernels.Tests;

public class DeviceTextTests
{
    public static TheoryData<string, string> ClassesAndTargets { get; } = DeviceTextCompiler.ClassesAndTargets(KernelRegistry.All);

    [ClangTheory]
    [MemberData(nameof(ClassesAndTargets))]
    public void Every_kernel_compiles_for_AMD_and_to_PTX(string className, string target)
    {
        string? errors = DeviceTextCompiler.Errors(KernelRegistry.All, className, target);
        Assert.True(errors is null, errors);
    }

    [ClangTheory]
    [InlineData("sm_80", "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32")]
    [InlineData("gfx90a", "v_mfma_f32_16x16x16")]
    [InlineData("gfx1100", "v_wmma_f32_16x16x16_bf16")]
    public void Every_kernel_for_matrix_units_uses_them(string target, string instruction) => Assert.All(KernelRegistry.All.Where(kernel => kernel.UsesTiles), kernel =>
    {
        // Heads of 64 elements in groups of 256 items, no dropout.
        ImmutableArray<long> constants =
        [
            .. kernel.Parameters.Where(p => p.Kind == KernelParameterKind.Specialized).Select(p => p.Name switch { "headSize" => 64L, "elements" => 16, _ => 0 }),
        ];
        Assert.Contains(instruction, DeviceTextCompiler.Assembly(kernel, [ElementType.BFloat16], constants, target), StringComparison.Ordinal);
    });
}
