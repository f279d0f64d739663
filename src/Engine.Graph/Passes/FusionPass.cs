using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Passes;

/// <summary>
/// Folds simple chains into their producer, so that memory is passed over once: an activation or a residual sum into the product
/// before it, a residual sum into dropout. Runs after differentiation.
/// </summary>
internal static class FusionPass
{
    public static void Run(GraphBuilder graph)
    {
        List<Node> live = Liveness.LiveNodes(graph);
        var places = new NodePlaces(live, graph.Outputs);
        foreach (Node node in live)
        {
            switch (node.Operator)
            {
                case ActivationOperator activation:
                    FuseActivation(places, node, activation.Kind);
                    break;
                case AddOperator:
                    FuseSum(places, node);
                    break;
            }
        }

        graph.Reorder(places.Nodes);
    }

    private static void FuseActivation(NodePlaces places, Node node, ActivationKind kind)
    {
        Tensor input = node.Inputs[0];
        if (input.Producer is not
            {
                Operator: MatMulOperator
                {
                    Activation: ActivationKind.None, HasResidual: false,
                    WindowOutput: null
                } product
            } producer)
        {
            return;
        }

        bool keep = places.Readers(input).Any(reader => reader != node);
        Tensor[] outputs = keep ? [node.Outputs[0], input] : [node.Outputs[0]];
        places.Replace(producer, new Node(product.With(residual: false, kind, keep), [.. producer.Inputs], outputs));
        places.Remove(node);
    }

    private static void FuseSum(NodePlaces places, Node node)
    {
        for (int side = 0; side < 2; side++)
        {
            Tensor input = node.Inputs[side];
            Tensor residual = node.Inputs[1 - side];
            if (input == residual || places.Readers(input).Count != 1 || input.Producer is not { } producer)
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
            if (fused is not null && !places.IsWrittenBetween(producer, node))
            {
                places.Replace(node, new Node(fused, [.. producer.Inputs, residual], [node.Outputs[0]]));
                places.Remove(producer);
                return;
            }
        }
    }
}
