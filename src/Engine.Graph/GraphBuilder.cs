using Engine.Devices;

namespace Engine.Graph;

/// <summary>
/// A step's computation as it is written down: operators' extension methods add nodes in the order in which they run.
/// </summary>
public sealed class GraphBuilder
{
    private readonly List<Node> nodes = [];
    private readonly List<Tensor> outputs = [];
    private readonly Dictionary<Variable, Tensor> variables = [];

    /// <summary>
    /// The type of products: those with weights stored in it, and those of attention, are computed on the device's matrix units, their
    /// operands rounded to it. Float32: every product is in float32.
    /// </summary>
    public ElementType Products { get; init; } = ElementType.Float32;

    internal IReadOnlyList<Node> Nodes => nodes;

    /// <summary>Tensors that can be read after a replay.</summary>
    public IReadOnlyList<Tensor> Outputs => outputs;

    /// <summary>The tensor that reads a variable.</summary>
    public Tensor Read(Variable variable)
    {
        if (!variables.TryGetValue(variable, out Tensor? tensor))
        {
            tensor = new Tensor(variable.Name, variable.Shape, variable.Type, variable);
            variables.Add(variable, tensor);
        }

        return tensor;
    }

    /// <summary>Keeps a tensor's memory to the end of the step, so that it can be read after a replay.</summary>
    public Tensor Output(Tensor tensor)
    {
        if (!outputs.Contains(tensor))
        {
            outputs.Add(tensor);
        }

        return tensor;
    }

    /// <summary>Adds a node with one float32 output.</summary>
    internal Tensor Add(Operator @operator, Shape shape, params Tensor[] inputs) => Add(@operator, inputs, shape)[0];

    /// <summary>Adds a node with float32 outputs of the given shapes.</summary>
    internal IReadOnlyList<Tensor> Add(Operator @operator, Tensor[] inputs, params Shape[] shapes)
    {
        var results = new Tensor[shapes.Length];
        for (int i = 0; i < shapes.Length; i++)
        {
            results[i] = new Tensor($"{@operator.Name}.{nodes.Count}", shapes[i], ElementType.Float32, null);
        }

        var node = new Node(@operator, inputs, results);
        nodes.Add(node);
        return node.Outputs;
    }

    /// <summary>Computes a node again: a new node with the same operator and inputs.</summary>
    internal IReadOnlyList<Tensor> Repeat(Node node) =>
        Add(node.Operator, [.. node.Inputs], [.. node.Outputs.Select(output => output.Shape)]);

    /// <summary>Keeps these nodes, in this order.</summary>
    internal void Reorder(List<Node> kept)
    {
        nodes.Clear();
        nodes.AddRange(kept);
    }

    internal static Tensor NewTensor(string name, Shape shape, ElementType type = ElementType.Float32) => new(name, shape, type, null);
}
