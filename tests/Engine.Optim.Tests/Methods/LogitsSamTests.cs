using Engine.Common;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>SAM on the layer that makes the logits.</summary>
public sealed class LogitsSamTests
{
    private const double Rho = 0.3;

    /// <summary>A perturbation is the difference of two float32 numbers a few times larger than it.</summary>
    private const double Tolerance = 1e-4;

    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>
    /// Predictions are second . first . x, and the gradient by second of the mean of (p - t)^2 is the mean of 2 (p - t) first x, in
    /// float64: e = rho times that over its norm, and the other layer keeps its bits.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void The_output_layer_moves_along_its_own_gradient_and_nothing_else_moves(string device)
    {
        var recorder = new Recorder();
        using var run = new ToyRun(device, new TwoLayerModel(), ToyRun.Layers, recorder.Beside(new LogitsSamMethod(new() { Rho = Rho })));
        double[,] first = Matrix("first.weight"), second = Matrix("second.weight"), table = Matrix("table.weight");
        (float[] before, float[] expected) = (run.Values, new float[run.Values.Length]);
        var gradient = new double[second.Length];
        foreach (int token in ToyRun.Tokens)
        {
            double[] hidden = [.. Enumerable.Range(0, first.GetLength(0)).Select(i =>
                Enumerable.Range(0, first.GetLength(1)).Sum(j => first[i, j] * table[token, j]))];
            double error = hidden.Select((h, i) => h * second[0, i]).Sum() - (0.1f * token);
            for (int i = 0; i < gradient.Length; i++)
            {
                gradient[i] += 2 * error * hidden[i] / ToyRun.Tokens.Length;
            }
        }

        double norm = Math.Sqrt(gradient.Sum(g => g * g));
        run.Step();
        float[] moved = recorder.Seen;
        int at = 0;
        foreach ((string name, Graph.Variable tensor) in run.Model.Trainables!.Entries)
        {
            for (int i = 0; i < tensor.Shape.Count; i++, at++)
            {
                double e = name.StartsWith("second", StringComparison.Ordinal) ? Rho * gradient[i] / norm : 0;
                Assert.Equal(e, moved[at] - (double)before[at], Rho * Tolerance);
                Assert.True(e != 0 || moved[at] == before[at], name);
            }
        }

        double[,] Matrix(string name)
        {
            Graph.Variable weight = run.Model.Parameter(name);
            return LowRankReference.Matrix(weight.View<float>().ToArray(), weight.Shape.Rows, weight.Shape.Columns);
        }
    }

    /// <summary>
    /// The first pass makes no gradient below the output layer: with LoRA on both layers, the perturbation is that of SAM on the last.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void An_adapter_on_the_output_layer_is_perturbed_alone(string device)
    {
        var recorder = new Recorder();
        TrainingMethod method = recorder.Beside(new LogitsSamMethod(new() { Rho = Rho }));
        using var run = new ToyRun(device, new TwoLayerModel(), ToyRun.UndroppedAdapters, method);
        float[] before = run.Values;
        run.Step();
        float[] moved = recorder.Seen;
        int at = 0;
        double square = 0;
        foreach ((string name, Graph.Variable tensor) in run.Model.Trainables!.Entries)
        {
            for (int i = 0; i < tensor.Shape.Count; i++, at++)
            {
                Assert.True(name.StartsWith("second.", StringComparison.Ordinal) || moved[at] == before[at], name);
                square += Math.Pow((double)moved[at] - before[at], 2);
            }
        }

        Assert.Equal(Rho, Math.Sqrt(square), Rho * Tolerance);
    }

    [Fact]
    public void A_frozen_output_layer_is_refused_with_what_trains_it()
    {
        var tuning = new Tuning.Lora([new LoraTarget("first", 2, 2f, 0f)], []);
        string message = Assert.Throws<ConfigurationException>(
            () => new ToyRun("cpu", new TwoLayerModel(), tuning, new LogitsSam().CreatePlugIn())).Message;
        Assert.Contains("the output layer, 'second', and the run trains nothing of it; name it in adapter.modules_to_save", message);
        message = Assert.Throws<ConfigurationException>(
            () => new ToyRun("cpu", new TableModel(), new Tuning.Full(), new LogitsSam().CreatePlugIn())).Message;
        Assert.Contains("this model has none", message);
    }
}
