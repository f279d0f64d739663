using Engine.Devices;

namespace Engine.Kernels.Tests;

/// <summary>Kernels for matrix units as cards run them, instruction by instruction, against double precision.</summary>
[Collection(Collection)]
public sealed class SimulatedCardTests
{
    /// <summary>Tests that keep hundreds of threads busy, one after another.</summary>
    public const string Collection = "simulated card";

    [Theory]
    [InlineData(MatMulLayout.NT, ElementType.BFloat16)]
    [InlineData(MatMulLayout.NN, ElementType.Float16)]
    public void Products_agree(MatMulLayout layout, ElementType type)
        => MatMulTests.CheckMatrixUnits(new SimulatedCard(), new MatMulShape(65, 39, 50, layout) { Alpha = -0.75f, StrideC = 40, Activation = ActivationKind.GeluErf }, true, type);

    /// <summary>Two blocks of keys and a head whose last tiles are not full; one token.</summary>
    [Fact]
    public void Attention_agrees()
    {
        AttentionTests.CheckMatrixUnits(new SimulatedCard(), new AttentionCase([20], [70], 1, 1, 40, causal: true, dropout: 0.25f), ElementType.Float16);
        AttentionTests.CheckMatrixUnits(new SimulatedCard(), new AttentionCase([1], [1], 1, 1, 1), ElementType.BFloat16);
    }
}
