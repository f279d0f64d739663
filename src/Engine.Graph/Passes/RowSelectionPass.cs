using Engine.Graph.Operators;

namespace Engine.Graph.Passes;

/// <summary>
/// Only what the loss reads is computed: taking rows commutes with row-wise operators and with attention's queries, so each
/// TakeRows is moved towards the inputs while nothing else reads the tensor it takes from. Runs before differentiation. A dropout on the way
/// numbers the elements of the taken rows, so its mask is another draw than without the pass.
/// </summary>
public static class RowSelectionPass
{
    public static void Run(GraphBuilder graph)
    {
        while (PushOne(graph))
        {
        }

        graph.Reorder(Liveness.LiveNodes(graph));
    }

    private static bool PushOne(GraphBuilder graph)
    {
        List<Node> live = Liveness.LiveNodes(graph);
        Dictionary<Tensor, List<Node?>> readers = Liveness.Readers(graph, live);
        foreach (Node take in live)
        {
            if (take.Operator is not TakeRowsOperator { Selection: var selection }
                || take.Inputs[0].Producer is not { } producer
                || !producer.Outputs.All(output => OnlyTaken(output, take, readers)))
            {
                continue;
            }

            Node[]? replacement = producer.Operator is AttentionOperator attention
                ? SelectQueries(graph, live, producer, attention, take, selection)
                : SelectRows(graph, live, producer, take, selection);
            if (replacement is not null)
            {
                graph.Replace(take, replacement);
                return true;
            }
        }

        return false;
    }

    private static bool OnlyTaken(Tensor tensor, Node take, Dictionary<Tensor, List<Node?>> readers) =>
        readers.GetValueOrDefault(tensor, []).All(reader => reader == take);

    private static Node[]? SelectRows(GraphBuilder graph, List<Node> live, Node producer, Node take, RowSelectionInputs selection)
    {
        IReadOnlyList<int> rowInputs = producer.Operator.RowInputs;
        if (rowInputs.Count == 0)
        {
            return null;
        }

        var added = new List<Node>();
        Tensor[] inputs = [.. producer.Inputs];
        foreach (int index in rowInputs)
        {
            inputs[index] = Take(live, added, inputs[index], selection);
        }

        int rows = take.Outputs[0].Shape[0];
        Tensor[] outputs = [.. producer.Outputs.Select((output, i) =>
            i == 0 ? take.Outputs[0] : GraphBuilder.NewTensor(output.Name, new Shape([rows, .. output.Shape.Dimensions[1..]])))];
        added.Add(new Node(producer.Operator, inputs, outputs));
        return [.. added];
    }

    private static Node[] SelectQueries(
        GraphBuilder graph, List<Node> live, Node producer, AttentionOperator attention, Node take, RowSelectionInputs selection)
    {
        var added = new List<Node>();
        Tensor[] inputs = [.. producer.Inputs];
        inputs[0] = Take(live, added, inputs[0], selection);
        inputs[3] = selection.RowStart;
        inputs[5] = selection.Position;
        int queries = take.Outputs[0].Shape[0];
        var settings = attention.Settings with { QueryTokens = queries, MaxQueryLength = selection.MaxPerRow };
        Tensor denominators = GraphBuilder.NewTensor(producer.Outputs[1].Name, new Shape(queries, settings.Heads));
        added.Add(new Node(new AttentionOperator(settings), inputs, [take.Outputs[0], denominators]));
        return [.. added];
    }

    /// <summary>The taken rows of a tensor: those of a TakeRows that is there already, or of a new one.</summary>
    private static Tensor Take(List<Node> live, List<Node> added, Tensor tensor, RowSelectionInputs selection)
    {
        Node? same = live.Concat(added).FirstOrDefault(node =>
            node.Operator is TakeRowsOperator && node.Inputs[0] == tensor && node.Inputs[1] == selection.Index);
        if (same is null)
        {
            var shape = new Shape([(int)selection.Index.Shape.Count, .. tensor.Shape.Dimensions[1..]]);
            same = new Node(new TakeRowsOperator(selection), [tensor, selection.Index], [GraphBuilder.NewTensor("TakeRows", shape)]);
            added.Add(same);
        }

        return same.Outputs[0];
    }
}
