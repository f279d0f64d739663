using Engine.Common.Keys;
using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Forms;

namespace Engine.Optim.Methods;

/// <summary>
/// EffiLoRA (arXiv 2512.00878): one A for all layers that read inputs of one width, several heads B in each that a router mixes by the
/// text, and a reducer that holds the heads of less important layers still.
/// </summary>
public sealed record EffiLora : Method
{
    internal const string MethodName = "effilora";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Heads B of a layer.</summary>
    [Key(Minimum = 1, Maximum = 256)]
    public int Heads { get; init; } = 3;

    /// <summary>Share of the layers whose heads train; 1: all, there is no reducer.</summary>
    [Key(Minimum = 0, Above = true, Maximum = 1)]
    public double ActiveShare { get; init; } = 1;

    /// <summary>Steps for which the reducer's choice of layers stays; all train in the first so many.</summary>
    [Key(Minimum = 1)]
    public int ReducerInterval { get; init; } = 100;

    /// <summary>Temperature of the reducer's draw: a small one takes the most important layers, a large one any.</summary>
    [Key(Minimum = 0, Above = true)]
    public double ReducerTemperature { get; init; } = 1;

    /// <summary>Seed of the reducer's draws; their counter is the optimizer step, so a resumed run draws the same.</summary>
    [Key(Minimum = 0)]
    public ulong SelectionSeed { get; init; } = 42;

    /// <summary>Safetensors file with start values of trained tensors, such as <c>LAYER.lora_gate.weight</c>.</summary>
    [Key(IsPath = true, Default = "drawn from seed")]
    public string? Init { get; init; }

    internal override AdapterForm Form => new EffiForm(Heads);

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new EffiLoraMethod(this);
}

/// <summary>
/// The reducer's choice is an active set: gradients and updates of the other layers' B are left out of the replay. A layer's importance is
/// the moving average of the norm of its B's gradient; one that is frozen in a step keeps its own.
/// </summary>
internal sealed class EffiLoraMethod(EffiLora settings) : AdapterMethod(settings, settings.Init)
{
    /// <summary>Weight of the past in a layer's importance.</summary>
    private const double Memory = 0.9;

    private double[] importance = [];

    /// <summary>1 for a layer whose heads train.</summary>
    private double[] trains = [];

    /// <summary>The interval whose layers are drawn: a step that is taken back takes its draw back too, and the next one draws.</summary>
    private readonly double[] drawn = new double[1];

    /// <summary>Where the layers' B stand in the active set.</summary>
    private int[] places = [];
    private double[] keys = [];
    private ActiveSet? active;
    private TensorSegments? heads;
    private Variable? squares;

    public override bool UpdatesInPart => settings.ActiveShare < 1;

    public override IReadOnlyList<(string Name, double[] Values)> HostState =>
        UpdatesInPart ? [("effilora.importance", importance), ("effilora.trains", trains), ("effilora.drawn", drawn)] : [];

    /// <summary>Whether the heads of a layer train in the step that was prepared last.</summary>
    internal bool Trains(LoraLinear layer) => trains.Length == 0 || trains[layer.Index] > 0;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        if (!UpdatesInPart)
        {
            return;
        }

        IReadOnlyList<LoraLinear> layers = context.Model.Adapters;
        Variable[] tensors = [.. context.Trainables.Entries.Select(entry => entry.Value)];
        active = new ActiveSet(tensors);
        places = [.. layers.Select(layer => Array.IndexOf(tensors, layer.B))];
        importance = new double[layers.Count];
        keys = new double[layers.Count];
        trains = [.. Enumerable.Repeat(1.0, layers.Count)];
        heads = context.Segments(layers.Select(layer => ($"{layer.Module}.lora_B.weight", layer.B)));
        squares = context.Reports.Reserve("effilora.squares", new Shape(layers.Count));
    }

    public override void Prepare(long step)
    {
        if (active is null)
        {
            return;
        }

        long interval = step / settings.ReducerInterval;
        if (interval > drawn[0])
        {
            Draw(step);
            drawn[0] = interval;
        }

        for (int i = 0; i < places.Length; i++)
        {
            active[places[i]] = trains[i] > 0;
        }
    }

    public override ActiveSet? ActiveIn(StepPart part) => active;

    public override void OnTransformGradients(GraphBuilder graph, StepCourse course)
    {
        if (heads is not null)
        {
            graph.Store(graph.SegmentNorms(heads, Context.Trainables.Gradients), squares!);
        }
    }

    public override void OnStepEnd(StepReadings readings)
    {
        if (squares is null)
        {
            return;
        }

        ReadOnlySpan<float> norms = readings.Of(squares);
        for (int i = 0; i < importance.Length; i++)
        {
            if (trains[i] > 0)
            {
                importance[i] = (Memory * importance[i]) + ((1 - Memory) * Math.Sqrt(norms[i]));
            }
        }
    }

    /// <summary>
    /// Draws layers without replacement by softmax(importance / (its mean * temperature)): those with the largest logit plus Gumbel noise.
    /// </summary>
    private void Draw(long step)
    {
        var random = new PhiloxGenerator(settings.SelectionSeed, RandomStream.TensorSelection, (uint)step);
        double sum = 0;
        foreach (double value in importance)
        {
            sum += value;
        }

        double mean = sum > 0 ? sum / importance.Length : 1;
        for (int i = 0; i < keys.Length; i++)
        {
            double uniform = PhiloxGenerator.ToUniform(random.Block((ulong)i).X);
            keys[i] = (importance[i] / (mean * settings.ReducerTemperature)) - Math.Log(-Math.Log(Math.Max(uniform, 1e-300)));
        }

        trains.AsSpan().Clear();
        for (int left = Math.Max(1, (int)Math.Round(settings.ActiveShare * trains.Length)); left > 0; left--)
        {
            int best = -1;
            for (int i = 0; i < keys.Length; i++)
            {
                best = trains[i] == 0 && (best < 0 || keys[i] > keys[best]) ? i : best;
            }

            trains[best] = 1;
        }
    }
}
