using Engine.Kernels.Tests;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>HaLoRA beside what is no regulariser: nothing, and a method of two passes.</summary>
public sealed class HaLoraTests
{
    private static readonly AdamWOptions Optimizer = new() { LearningRate = 0.05, WeightDecay = 0.1 };

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Without_mu_it_is_lora_bit_for_bit_and_its_part_of_the_loss_is_nothing(string device)
    {
        using var plain = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new PlainMethod(), Optimizer);
        using var run = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new HaLora { Mu = 0 }.CreatePlugIn(), Optimizer);
        for (int step = 0; step < 3; step++)
        {
            StepReport report = run.Step(0.05);
            Assert.Equal((plain.Step(0.05).Loss, 0.0), (report.Loss, report.AdapterLoss));
        }

        run.RequireTrained();
        Assert.Equal(plain.Values, run.Values);
    }

    /// <summary>
    /// The regulariser is no part of what SAM climbs, nor of the rise that is reported; it is added once, where the weights are.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Beside_sam_its_gradient_is_added_to_the_second_passs(string device)
    {
        (StepReport Report, float[] Gradients) Step(params Method[] methods)
        {
            TrainingMethod method = new Together(methods).CreatePlugIn();
            using var run = new ToyRun(device, new TwoLayerModel(), ToyRun.UndroppedAdapters, method, Optimizer);
            return (run.Step(), run.Gradients);
        }

        var penalty = new HaLora { Mu = 0.1 };
        var sam = new LoraSam { Rho = 0.1 };
        (StepReport alone, float[] without) = Step(sam);
        (StepReport both, float[] together) = Step(sam, penalty);
        Assert.Equal(alone.LossRise, both.LossRise);
        Assert.Equal(alone.Loss, both.Loss - both.AdapterLoss, 1e-12);
        Assert.True(both.AdapterLoss > 0);

        (_, float[] descent) = Step(new LoraSam { Rho = 0 });
        (_, float[] regularised) = Step(new LoraSam { Rho = 0 }, penalty);
        double[] added = [.. regularised.Zip(descent, (with, task) => (double)with - task)];
        Numbers.RequireComputed([.. added.Select(value => (float)value)]);
        Numbers.Near([.. without.Zip(added, (task, own) => task + own)], together, 1e-5, 1e-6);
    }
}
