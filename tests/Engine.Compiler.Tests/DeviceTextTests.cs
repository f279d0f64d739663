using System.Text.RegularExpressions;
using Engine.Compiler.Tests.Kernels;
using Engine.Devices;
using Engine.Tests;

namespace Engine.Compiler.Tests;

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

    /// <summary>The kernel multiplies one tile; NVIDIA's instruction has 8 columns, so there are two.</summary>
    [ClangTheory]
    [InlineData("sm_80", ElementType.BFloat16, @"mma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.bf16\.bf16\.f32", 2)]
    [InlineData("sm_80", ElementType.Float16, @"mma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.f16\.f16\.f32", 2)]
    [InlineData("sm_90", ElementType.BFloat16, @"mma\.sync\.aligned\.m16n8k16\.row\.col\.f32\.bf16\.bf16\.f32", 2)]
    [InlineData("sm_75", ElementType.BFloat16, @"mma\.sync", 0)]
    [InlineData("gfx90a", ElementType.BFloat16, @"v_mfma_f32_16x16x16_?bf16", 1)]
    [InlineData("gfx90a", ElementType.Float16, @"v_mfma_f32_16x16x16_?f16", 1)]
    [InlineData("gfx1100", ElementType.BFloat16, @"v_wmma_f32_16x16x16_bf16", 1)]
    [InlineData("gfx1100", ElementType.Float16, @"v_wmma_f32_16x16x16_f16", 1)]
    [InlineData("gfx1030", ElementType.BFloat16, @"v_w?mf?ma", 0)]
    public void A_tile_is_one_product_of_the_matrix_unit(string target, ElementType type, string instruction, int count)
    {
        string assembly = DeviceTextCompiler.Assembly(SmallKernels.TileProductKernel.Definition, [type], [], target);
        Assert.Equal(count, Regex.Count(assembly, instruction));
    }
}
