using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>
/// FMLoRA's and EFMLoRA's invariants, as far as they are about steps and not about one perturbation (those are the kernel's).
/// </summary>
public sealed class LowRankAscentTests
{
    private const double Rho = 0.3;

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void On_a_loss_linear_in_the_weight_fm_lora_changes_the_gradient_of_a_alone(string device)
    {
        var recorder = new Recorder();
        using var plain = new ToyRun(device, new LinearModel(), LinearModel.Adapter, new PlainMethod());
        using var run = new ToyRun(device, new LinearModel(), LinearModel.Adapter, recorder.Beside(new FmLoraMethod(new() { Rho = Rho })));
        LinearModel.Saturate(plain);
        double[,] g = LinearModel.Saturate(run);
        plain.Step();
        run.Step();
        LoraLinear layer = run.Model.Adapters[0];
        Assert.Equal(plain.Model.Adapters[0].B.Gradient!.View<float>().ToArray(), layer.B.Gradient!.View<float>().ToArray());

        // G_A = s (B + E_B)^T G; sums of 15 products in float32.
        double[,] b = LowRankReference.Matrix(Part(recorder.Seen, layer.B), layer.B.Shape.Rows, layer.Rank);
        Assert.NotEqual(Part(run.Values, layer.B), Part(recorder.Seen, layer.B));
        double[] expected =
            [.. LowRankReference.Scale(LowRankReference.Multiply(LowRankReference.Transpose(b), g), layer.Scale).Cast<double>()];
        Numbers.Near(expected, layer.A.Gradient!.View<float>().ToArray(), 1e-5, 1e-6);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void With_beta_one_efm_lora_runs_under_the_last_steps_perturbation_and_no_other(string device)
    {
        var (seenByFm, seenByEfm) = (new Recorder(), new Recorder());
        using var fm = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, seenByFm.Beside(new FmLoraMethod(new() { Rho = Rho })));
        TrainingMethod newest = seenByEfm.Beside(new EfmLoraMethod(new() { Rho = Rho, Beta = 1 }));
        using var efm = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, newest);
        fm.Step();
        float[] start = efm.Values;
        efm.Step();
        Assert.Equal(start, seenByEfm.Seen);
        efm.Step();
        Assert.Equal(seenByFm.Seen, seenByEfm.Seen);

        // The third step runs under what the second one's point gives, and nothing of the first.
        float[] second = Average(efm);
        efm.Step();
        Variable b = efm.Model.Trainables!.AdapterB;
        Assert.Equal(Part(start, b).Zip(second, (value, e) => value + e), Part(seenByEfm.Seen, b));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void The_average_starts_with_the_first_perturbation_and_takes_the_share_beta_of_each_new_one(string device)
    {
        const double Beta = 0.3;
        using var newest = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new EfmLoraMethod(new() { Rho = Rho, Beta = 1 }));
        using var run = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new EfmLoraMethod(new() { Rho = Rho, Beta = Beta }));
        newest.Step();
        run.Step();
        float[] first = Average(newest);
        Assert.Equal(first, Average(run));
        newest.Step();
        run.Step();
        Numbers.Near([.. first.Zip(Average(newest), (old, now) => ((1 - Beta) * old) + (Beta * now))], Average(run), 1e-6, 1e-7);
    }

    private static float[] Average(ToyRun run) =>
        run.Session.MethodState.Variables.Single(variable => variable.Name == "perturbation").View<float>().ToArray();

    /// <summary>The trainable values of one tensor.</summary>
    private static float[] Part(float[] values, Variable tensor) =>
        values[(int)(tensor.ByteOffset / sizeof(float))..][..(int)tensor.Shape.Count];
}
