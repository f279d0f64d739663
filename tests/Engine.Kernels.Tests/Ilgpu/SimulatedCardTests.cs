using Engine.Devices;
using Engine.Tests;

namespace Engine.Kernels.Tests;

/// <summary>Kernels for matrix units as cards run them, instruction by instruction, against double precision.</summary>
[Collection(Collection)]
public sealed class SimulatedCardTests
{
    /// <summary>Tests that keep hundreds of threads busy, one after another.</summary>
    public const string Collection = "simulated card";

    private static readonly string[] ProductKernels = ["MatMulMatrixUnits_Multiply"];

    private static readonly string[] AttentionKernels = ["AttentionBackwardMatrixUnits_Keys", "AttentionBackwardMatrixUnits_Queries", "AttentionForwardMatrixUnits_Forward"];

    public static TheoryData<MatMulLayout, ElementType> Products { get; } = WantedDevices.Long
        ? new() { { MatMulLayout.NN, ElementType.Float16 }, { MatMulLayout.NT, ElementType.BFloat16 } }
        : new() { { MatMulLayout.NN, ElementType.Float16 } };

    [Theory]
    [MemberData(nameof(Products))]
    public void Products_agree(MatMulLayout layout, ElementType type) => Run(ProductKernels, card =>
        MatMulTests.CheckMatrixUnits(card, new MatMulShape(65, 39, 50, layout) { Alpha = -0.75f, StrideC = 40, Activation = ActivationKind.GeluErf }, true, type));

    /// <summary>Two blocks of keys and a head whose last tiles are not full; one token.</summary>
    [Fact]
    [Trait("Category", "Long")]
    public void Attention_agrees()
    {
        Run(AttentionKernels, card => AttentionTests.CheckMatrixUnits(card, new AttentionCase([20], [70], 1, 1, 40, causal: true, dropout: 0.25f), ElementType.Float16));
        Run(AttentionKernels, card => AttentionTests.CheckMatrixUnits(card, new AttentionCase([1], [1], 1, 1, 1), ElementType.BFloat16));
    }

    [Fact]
    public void Every_kernel_with_tiles_is_run() => Assert.Equal(
        KernelRegistry.All.Where(kernel => kernel.UsesTiles).Select(kernel => kernel.Name).Order(StringComparer.Ordinal), AttentionKernels.Concat(ProductKernels).Order(StringComparer.Ordinal));

    /// <summary>Checks on a card of its own, which must run these kernels with tiles and no others.</summary>
    private static void Run(string[] kernels, Action<SimulatedCard> check)
    {
        var card = new SimulatedCard();
        check(card);
        Assert.Equal(kernels, card.Ran.Where(call => call.Definition.UsesTiles).Select(call => call.Definition.Name).Distinct().Order(StringComparer.Ordinal));
    }
}
