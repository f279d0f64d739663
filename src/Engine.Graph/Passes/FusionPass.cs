using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Passes;

/// <summary>
/// Folds simple chains into their producer, so that memory is passed over once: an activation or a residual sum into the product
/// before it, a residual sum into dropout. Runs after differentiation.
/// </summary>
public static class FusionPass
{
    public static void Run(GraphBuilder graph)
    {
        graph.Reorder(Liveness.LiveNodes(graph));
        foreach (Node node in graph.Nodes.ToArray())
        {
            switch (node.Operator)
            {
                case ActivationOperator activation:
                    FuseActivation(graph, node, activation.Kind);
                    break;
                case AddOperator:
                    FuseSum(graph, node);
                    break;
            }
        }
    }

    private static void FuseActivation(GraphBuilder graph, Node node, ActivationKind kind)
    {
        Tensor input = node.Inputs[0];
        if (input.Producer is not { Operator: MatMulOperator { Activation: ActivationKind.None, HasResidual: false, WindowOutput: null } product } producer)
        {
            return;
        }

        bool keep = Liveness.Readers(graph, graph.Nodes)[input].Any(reader => reader != node);
        Tensor[] outputs = keep ? [node.Outputs[0], input] : [node.Outputs[0]];
        graph.Replace(producer, new Node(product.With(residual: false, kind, keep), [.. producer.Inputs], outputs));
        graph.Remove(node);
    }

    private static void FuseSum(GraphBuilder graph, Node node)
    {
        Dictionary<Tensor, List<Node?>> readers = Liveness.Readers(graph, graph.Nodes);
        for (int side = 0; side < 2; side++)
        {
            Tensor input = node.Inputs[side];
            Tensor residual = node.Inputs[1 - side];
            if (input == residual || readers[input].Count != 1 || input.Producer is not { } producer)
            {
                continue;
            }

            Operator? fused = producer.Operator switch
            {
                MatMulOperator { Activation: ActivationKind.None, HasResidual: false, WindowOutput: null } product =>
                    product.With(residual: true, ActivationKind.None, keepsPreactivation: false),
                DropoutOperator { HasResidual: false } dropout => dropout.WithResidual(),
                _ => null,
            };
            if (fused is not null && !IsWrittenBetween(graph, producer, node))
            {
                graph.Replace(node, new Node(fused, [.. producer.Inputs, residual], [node.Outputs[0]]));
                graph.Remove(producer);
                return;
            }
        }
    }

    /// <summary>Whether something after the first node and before the last writes a variable that the first reads: then it cannot run later.</summary>
    private static bool IsWrittenBetween(GraphBuilder graph, Node first, Node last) => graph.Nodes
        .SkipWhile(node => node != first)
        .TakeWhile(node => node != last)
        .Where(node => node.Operator.HasEffects)
        .SelectMany(node => node.Inputs)
        .Any(touched => touched.Variable is { } variable
            && first.Inputs.Any(input => input.Variable is { } read && read.Overlaps(variable)));
}
