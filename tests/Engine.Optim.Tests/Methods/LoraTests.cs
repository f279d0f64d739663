using Engine.Kernels.Tests;
using Engine.Model.Execution;
using Engine.Model.Peft;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>Plain LoRA's invariants: what is about the factors and not about files or kernels.</summary>
public sealed class LoraTests
{
    private const float Scale = 4f;

    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>A power of two scales without rounding.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_scale_moved_from_a_to_b_changes_no_bit_of_the_loss_and_scales_the_gradients_the_other_way(string device)
    {
        using var one = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new PlainMethod());
        using var other = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new PlainMethod());
        foreach (LoraLinear layer in other.Model.Adapters)
        {
            layer.A.View<float>().Write([.. layer.A.View<float>().ToArray().Select(value => value / Scale)]);
            layer.B.View<float>().Write([.. layer.B.View<float>().ToArray().Select(value => value * Scale)]);
        }

        Assert.Equal(one.Step().Loss, other.Step().Loss);
        foreach ((LoraLinear plain, LoraLinear moved) in one.Model.Adapters.Zip(other.Model.Adapters))
        {
            Assert.Equal(plain.A.Gradient!.View<float>().ToArray().Select(g => g * Scale), moved.A.Gradient!.View<float>().ToArray());
            Assert.Equal(plain.B.Gradient!.View<float>().ToArray().Select(g => g / Scale), moved.B.Gradient!.View<float>().ToArray());
        }
    }

    [Fact]
    public void Rslora_of_rank_one_is_lora()
    {
        var config = new AdapterConfig { Rank = 1, LoraAlpha = 3, TargetModules = ModulePattern.Of("query"), TaskType = AdapterConfig.SequenceClassification };
        Assert.Equal(config.ScalingOf("query"), (config with { UseRslora = true }).ScalingOf("query"));
        AdapterConfig wide = config with { Rank = 4 };
        Assert.NotEqual(wide.ScalingOf("query"), (wide with { UseRslora = true }).ScalingOf("query"));
    }
}
