using Engine.Kernels.Tests;
using Engine.Model.Batching;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>A step whose gradients are not finite leaves a run as it was, so that what is saved then is worth keeping.</summary>
public sealed class FiniteStepTests
{
    private static readonly RaggedBatch Infinite = ToyRun.Batch(token => token == 3 ? float.PositiveInfinity : 0);

    public static TheoryData<string, string> Methods => TestDevices.With<string>([.. MethodCatalog.Names]);

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_step_that_is_not_finite_writes_nothing(string device, string name)
    {
        // A boundary between boosters lies before its step, whatever becomes of that.
        Method method = MethodCatalog.Create(name) is XgbLora boosting ? boosting with { Kappa = 20 } : MethodCatalog.Create(name);
        using ToyRun run = Start(device, method);
        RequireUnchanged(run);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Bi_loras_gradient_ascent_is_held_back_too(string device)
    {
        using ToyRun run = Start(device, new BiLora { AuxiliaryOptimizer = AuxiliaryOptimizer.Sgd });
        RequireUnchanged(run);
    }

    /// <summary>
    /// The auxiliary alone overflows: A2 is so large that G A2^T is not finite, while the loss and the primary's gradients are.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void An_auxiliary_whose_gradients_alone_are_not_finite_stops_the_primary_as_well(string device)
    {
        using ToyRun run = Start(device, new BiLora());
        foreach (Graph.Variable factor in run.Session.MethodState.Variables.Where(
            variable => variable.Name.StartsWith("auxiliary.", StringComparison.Ordinal) && variable.Name[^2] == '.'))
        {
            factor.View<float>().Write([.. Enumerable.Repeat(factor.Name[^1] == 'A' ? 1e37f : 0f, (int)factor.Shape.Count)]);
        }

        float[] values = run.Values;
        double norm = run.Step(0.01, ToyRun.Batch(_ => 1000f)).GradientNorm;
        Assert.False(double.IsFinite(norm));
        Assert.Equal(values, run.Values);
    }

    private static ToyRun Start(string device, Method method)
    {
        var run = new ToyRun(device, new TwoLayerModel(), ToyRun.AdaptersOf(method), method.CreatePlugIn());
        run.Step(0.01);
        run.Step(0.01);
        return run;
    }

    private static void RequireUnchanged(ToyRun run)
    {
        (string, float[])[] before = State();
        double norm = run.Step(0.01, Infinite).GradientNorm;
        Assert.False(double.IsFinite(norm));
        foreach (((string name, float[] old), (_, float[] now)) in before.Zip(State()))
        {
            Assert.True(old.AsSpan().SequenceEqual(now), $"{name} has changed");
        }

        (string, float[])[] State() =>
        [
            .. run.Session.TrainedTensors.Select(tensor => (tensor.Name, tensor.Value.View<float>().ToArray())),
            ("first moments", run.Session.Moments.First.View<float>().ToArray()),
            ("second moments", run.Session.Moments.Second.View<float>().ToArray()),
            .. run.Session.MethodState.Variables
                .Select(variable => (variable.Name, variable.View<float>().ToArray())),
            .. run.Session.HostState
                .Where(state => state.Name != "optimizer.updates")
                .Select(state => (state.Name, state.Values.Select(value => (float)value).ToArray())),
        ];
    }
}
