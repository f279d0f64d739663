using Engine.Devices;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests;

/// <summary>
/// A small post-norm encoder of two layers with a classifier on the first token of each text, as passes see it: ragged rows, a dead tail,
/// and the parameters of one layer trainable or all of them.
/// </summary>
internal sealed class EncoderGraph : IDisposable
{
    public const int Layers = 2;
    public const int Hidden = 8;
    private const int Heads = 2;
    private const int Inner = 12;
    private const int Classes = 3;
    private const int Tokens = 16;
    private static readonly int[] RowStart = [0, 5, 6, 13];

    private readonly StorageBlock block = new("test");
    private readonly Dictionary<string, (Variable Variable, float[] Data)> parameters = [];
    private readonly List<(Variable Variable, Array Data)> inputs = [];
    private readonly List<Tensor> hiddenStates = [];
    private readonly Func<string, bool> trained;

    /// <param name="trained">Whether a parameter, named <c>layer.kind</c>, is trainable.</param>
    public EncoderGraph(Func<string, bool> trained)
    {
        this.trained = trained;
        int rows = RowStart.Length - 1;
        Tensor rowStart = Integers(RowStart);
        Tensor position = Integers(new int[Tokens]);
        Tensor x = Graph.Add(new SourceOperator(), new Shape(Tokens, Hidden), Parameter("input", Tokens, Hidden));
        var attention = new AttentionShape(rows, Tokens, Tokens, Tokens, Tokens, Heads, Heads, Hidden / Heads, 0.5f);
        for (int layer = 0; layer < Layers; layer++)
        {
            Tensor q = Linear(x, $"{layer}.query", Hidden), k = Linear(x, $"{layer}.key", Hidden), v = Linear(x, $"{layer}.value", Hidden);
            Tensor attended = Graph.Attention(attention, q, k, v, rowStart, rowStart, position, null);
            x = Norm(Graph.Add(Linear(attended, $"{layer}.output", Hidden), x), $"{layer}.norm1");
            Tensor inner = Graph.Activate(Linear(x, $"{layer}.inner", Inner), ActivationKind.GeluErf);
            x = Norm(Graph.Add(Linear(inner, $"{layer}.outer", Hidden), x), $"{layer}.norm2");
            hiddenStates.Add(x);
        }

        Tensor first = Graph.TakeRows(
            x, new RowSelectionInputs(Integers(RowStart[..rows]), Integers(0, 1, 2, 3), Integers(new int[rows]), 1));
        Logits = Graph.Output(Linear(first, "head.classifier", Classes));
        float[] scalars = new float[StepScalars.Count];
        scalars[StepScalars.LossScale] = 1;
        Loss = Graph.Output(Graph.CrossEntropy(Logits, Integers(0, 2, 1), Input(scalars), withGradient: true));
    }

    public GraphBuilder Graph { get; } = new();

    public Tensor Logits { get; }

    public Tensor Loss { get; }

    public IReadOnlyList<Tensor> HiddenStates => hiddenStates;

    /// <summary>The gradient variables that exist, by their parameter's name.</summary>
    public IEnumerable<(string Name, Variable Gradient)> Gradients => parameters
        .Where(pair => pair.Value.Variable.Gradient is not null)
        .Select(pair => (pair.Key, pair.Value.Variable.Gradient!));

    public Variable Weight(string name) => parameters[name].Variable;

    /// <summary>Runs the graph once; returns logits, loss and every gradient.</summary>
    /// <param name="afterwards">What to do with the plan then.</param>
    /// <param name="tensors">The tensors of which it may replay a part.</param>
    public (float[] Logits, float Loss, Dictionary<string, float[]> Gradients, int Launches) Run(
        Device device, Action<Plan>? afterwards = null, IReadOnlyList<Variable>? tensors = null)
    {
        PlanLayout layout = Planner.Layout(device, Graph);
        block.Allocate(device);
        foreach ((Variable variable, float[] data) in parameters.Values)
        {
            variable.View<float>().Write(data);
        }

        foreach ((Variable variable, Array data) in inputs)
        {
            if (data is int[] integers)
            {
                variable.View<int>().Write(integers);
            }
            else
            {
                variable.View<float>().Write((float[])data);
            }
        }

        using DeviceBuffer arena = device.Allocate(layout.ArenaBytes, "arena");
        arena.Fill(0xFF, 0, arena.Bytes);
        using Plan plan = Plan.Create(device, layout, arena, tensors);
        plan.Replay();
        var results = (
            plan.Output<float>(Logits).ToArray(),
            plan.Output<float>(Loss).ToArray()[0],
            Gradients.ToDictionary(pair => pair.Name, pair => pair.Gradient.View<float>().ToArray()),
            plan.Launches);
        afterwards?.Invoke(plan);
        return results;
    }

    public void Dispose() => block.Dispose();

    private Tensor Linear(Tensor x, string name, int columns) =>
        Graph.Linear(x, Parameter($"{name}.weight", columns, x.Shape.Columns), Parameter($"{name}.bias", columns));

    private Tensor Norm(Tensor x, string name) =>
        Graph.LayerNorm(x, Parameter($"{name}.weight", Hidden), Parameter($"{name}.bias", Hidden), 1e-5f);

    private Tensor Parameter(string name, params int[] shape)
    {
        Variable variable = block.Reserve(name, new Shape(shape));
        if (trained(name))
        {
            variable.Gradient = block.Reserve($"grad.{name}", variable.Shape);
        }

        parameters.Add(name, (variable, Numbers.Values(parameters.Count, variable.Shape.Count)));
        return Graph.Read(variable);
    }

    private Tensor Integers(params int[] values) => Input(values);

    private Tensor Input(Array data)
    {
        bool integers = data is int[];
        Variable variable = block.Reserve("input", new Shape(data.Length), integers ? ElementType.Int32 : ElementType.Float32);
        inputs.Add((variable, data));
        return Graph.Read(variable);
    }
}
