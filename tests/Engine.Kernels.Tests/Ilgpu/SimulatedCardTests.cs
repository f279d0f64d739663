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

    private static readonly string[] AttentionKernels =
        ["AttentionBackwardMatrixUnits_Keys", "AttentionBackwardMatrixUnits_Queries", "AttentionForwardMatrixUnits_Forward"];

    /// <summary>
    /// B's rows are whole copies of 16 bytes, and B's last block in both directions is not full; or they are not, and B passes through
    /// registers.
    /// </summary>
    public static TheoryData<MatMulLayout, ElementType, int, int, bool> Products { get; } = WantedDevices.Long
        ? new()
        {
            { MatMulLayout.NN, ElementType.Float16, 72, 50, true },
            { MatMulLayout.NT, ElementType.BFloat16, 39, 72, true },
            { MatMulLayout.NN, ElementType.Float16, 39, 50, false },
            { MatMulLayout.NT, ElementType.BFloat16, 39, 50, false },
        }
        : new() { { MatMulLayout.NN, ElementType.Float16, 24, 50, true } };

    [Theory]
    [MemberData(nameof(Products))]
    public void Products_agree(MatMulLayout layout, ElementType type, int n, int k, bool inCopies) => Run(ProductKernels, card =>
    {
        var shape = new MatMulShape(65, n, k, layout) { Alpha = -0.75f, StrideC = 80, Activation = ActivationKind.GeluErf };
        MatMulCheck.MatrixUnits(card, shape, true, type);
        Assert.Equal(inCopies, InCopies(card.Ran[^1]));
    });

    /// <summary>
    /// A copy of 16 bytes lies at a multiple of them: each row, each matrix of a batch, and where B begins in its buffer.
    /// </summary>
    [Theory]
    [InlineData(16, 0, 0, 0, true)]
    [InlineData(20, 0, 0, 0, false)]
    [InlineData(16, 24, 0, 0, true)]
    [InlineData(16, 20, 0, 0, false)]
    [InlineData(16, 0, 136, 0, true)]
    [InlineData(16, 0, 132, 0, false)]
    [InlineData(16, 0, 0, 16, true)]
    [InlineData(16, 0, 0, 8, false)]
    public void Rows_of_B_are_copied_where_they_begin_at_multiples_of_16_bytes(
        int k, int stride, int batchStride, int byteOffset, bool inCopies)
    {
        var shape = new MatMulShape(1, 5, k, MatMulLayout.NT) { StrideB = stride, Batch = 2, BatchStrideB = batchStride };
        Assert.Equal(inCopies, MatMulMatrixUnits.InCopies(shape, byteOffset));
    }

    /// <summary>Two blocks of keys and a head whose last tiles are not full; one token.</summary>
    [Fact]
    [Trait("Category", "Long")]
    public void Attention_agrees()
    {
        Run(AttentionKernels, card =>
            AttentionTests.CheckMatrixUnits(
                card, new AttentionCase([20], [70], 1, 1, 40, causal: true, dropout: 0.25f), ElementType.Float16));
        Run(AttentionKernels, card => AttentionTests.CheckMatrixUnits(card, new AttentionCase([1], [1], 1, 1, 1), ElementType.BFloat16));
        Run(AttentionKernels, card =>
            AttentionTests.CheckMatrixUnits(
                card, new AttentionCase([90], [90], 1, 1, 16, causal: true, window: 20, softCap: 2f, biasStep: 1), ElementType.BFloat16));
    }

    [Fact]
    public void Every_kernel_with_tiles_is_run() => Assert.Equal(
        KernelRegistry.All.Where(kernel => kernel.UsesTiles).Select(kernel => kernel.Name).Order(StringComparer.Ordinal),
        AttentionKernels.Concat(ProductKernels).Order(StringComparer.Ordinal));

    /// <summary>Whether the variant of a product copies B.</summary>
    private static bool InCopies(KernelCall call) =>
        call.Definition.Parameters.Where(parameter => parameter.Kind == KernelParameterKind.Specialized)
            .Zip(call.Variant.Constants).Single(constant => constant.First.Name == "inCopies").Second == 1;

    /// <summary>Checks on a card of its own, which must run these kernels with tiles and no others.</summary>
    private static void Run(string[] kernels, Action<SimulatedCard> check)
    {
        var card = new SimulatedCard();
        check(card);
        Assert.Equal(
            kernels, card.Ran.Where(call => call.Definition.UsesTiles)
                .Select(call => call.Definition.Name).Distinct().Order(StringComparer.Ordinal));
    }
}
