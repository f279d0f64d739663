using Engine.Graph.Operators;

namespace Engine.Graph;

/// <summary>
/// Reverse-mode differentiation as a graph transformation: for every node on the way from a trainable variable to the loss
/// its operator adds the nodes of its gradient. Frozen variables get none, and nothing below the lowest trainable one is visited.
/// </summary>
internal sealed class GradientBuilder
{
    private readonly Dictionary<Tensor, Tensor> gradients = [];
    private readonly Dictionary<Tensor, Tensor> repeated = [];
    private readonly HashSet<Tensor> wanted = [];
    private Node? current;

    private GradientBuilder(GraphBuilder graph) => Graph = graph;

    public GraphBuilder Graph { get; }

    /// <summary>The node whose gradient is being built.</summary>
    public Node Node => current ?? throw new InvalidOperationException("No node's gradient is being built.");

    /// <summary>
    /// Adds the backward pass. The loss's operator seeds it: its own gradient rule gets no incoming gradient.
    /// </summary>
    /// <param name="terms">Further losses that are differentiated with it, as one sum.</param>
    public static void Differentiate(GraphBuilder graph, Tensor loss, IReadOnlyList<Tensor>? terms = null)
    {
        var builder = new GradientBuilder(graph);
        Node[] forward = [.. graph.Nodes];
        foreach (Node node in forward)
        {
            if (node.Inputs.Any(builder.IsWanted))
            {
                builder.wanted.UnionWith(node.Outputs);
            }
        }

        if (loss.Producer is null || !builder.wanted.Contains(loss))
        {
            throw new InvalidOperationException("The loss does not depend on any trainable variable.");
        }

        var reached = new HashSet<Node>([loss.Producer, .. (terms ?? []).Select(term => term.Producer!)]);
        for (int i = forward.Length - 1; i >= 0; i--)
        {
            Node node = forward[i];
            if (!node.Outputs.Any(builder.wanted.Contains)
                || !(reached.Contains(node) || node.Outputs.Any(builder.gradients.ContainsKey)))
            {
                continue;
            }

            builder.current = node;
            node.Operator.Gradient(builder);
        }
    }

    /// <summary>Whether a gradient by this input of the current node is needed.</summary>
    public bool Wants(int input) => IsWanted(Node.Inputs[input]);

    /// <summary>The gradient of the loss by an output of the current node.</summary>
    /// <exception cref="InvalidOperationException">The loss does not come from a loss operator, or does not depend on this
    /// output.</exception>
    public Tensor OutputGradient(int output = 0) => gradients.TryGetValue(Node.Outputs[output], out Tensor? gradient)
        ? gradient
        : throw new InvalidOperationException(
            $"{Node.Operator.Name} has no gradient by {Node.Outputs[output]}: a loss must be the first output of a loss operator such "
                + "as CrossEntropy.");

    /// <summary>An input as the backward pass reads it: saved, or computed again where its operator says so.</summary>
    public Tensor Saved(Tensor tensor)
    {
        if (tensor.Producer is not { Operator.RecomputeInBackward: true } producer)
        {
            return tensor;
        }

        if (!repeated.TryGetValue(tensor, out Tensor? again))
        {
            IReadOnlyList<Tensor> outputs = Graph.Repeat(producer);
            for (int i = 0; i < outputs.Count; i++)
            {
                repeated[producer.Outputs[i]] = outputs[i];
            }

            again = repeated[tensor];
        }

        return again;
    }

    /// <summary>Adds a finished tensor to the gradient by an input of the current node.</summary>
    public void Contribute(int input, Tensor gradient) =>
        Contribute(input, existing => existing is null ? gradient : Graph.Add(existing, gradient));

    /// <summary>
    /// Adds to the gradient by an input of the current node. The function receives what has been summed so far (null at first)
    /// and returns the new sum, so that an operator can accumulate inside its own kernel.
    /// </summary>
    public void Contribute(int input, Func<Tensor?, Tensor> sum)
    {
        Tensor tensor = Node.Inputs[input];
        if (!IsWanted(tensor))
        {
            return;
        }

        if (tensor.Variable is not null)
        {
            throw new InvalidOperationException(
                $"{Node.Operator.Name} must sum the gradient of the variable {tensor.Name} itself; see ParameterGradient.");
        }

        gradients[tensor] = sum(gradients.GetValueOrDefault(tensor));
    }

    /// <summary>
    /// The variable into which the gradient by this input is to be summed; null where the input is not a trainable variable.
    /// </summary>
    public Variable? ParameterGradient(int input) => Node.Inputs[input].Variable?.Gradient;

    private bool IsWanted(Tensor tensor) => tensor.Variable?.Gradient is not null || wanted.Contains(tensor);
}
