using Engine.Graph.Operators;

namespace Engine.Graph.Passes;

/// <summary>
/// Only what the loss reads is computed: taking rows commutes with row-wise operators and with attention's queries, so each
/// TakeRows is moved towards the inputs while nothing else reads the tensor it takes from. Runs before differentiation. A dropout on the
/// way numbers the elements of the taken rows, so its mask is another draw than without the pass.
/// </summary>
internal static class RowSelectionPass
{
    public static void Run(GraphBuilder graph)
    {
        var order = new LinkedList<Node>(Liveness.LiveNodes(graph));
        Dictionary<Tensor, List<Node?>> readers = Liveness.Readers(graph.Outputs, order);
        while (PushOne(order, readers))
        {
        }

        graph.Reorder([.. order]);
        graph.Reorder(Liveness.LiveNodes(graph));
    }

    /// <summary>Moves the first TakeRows that can be moved past the node it takes from, which nothing needs any more then.</summary>
    private static bool PushOne(LinkedList<Node> order, Dictionary<Tensor, List<Node?>> readers)
    {
        for (LinkedListNode<Node>? place = order.First; place is not null; place = place.Next)
        {
            Node take = place.Value;
            if (take.Operator is not TakeRowsOperator { Selection: var selection }
                || take.Inputs[0].Producer is not { } producer
                || !producer.Outputs.All(output => OnlyTaken(output, take, readers)))
            {
                continue;
            }

            Node[]? replacement = producer.Operator is AttentionOperator attention
                ? SelectQueries(order, place, producer, attention, take, selection)
                : SelectRows(order, place, producer, take, selection);
            if (replacement is not null)
            {
                Replace(order, readers, place, producer, replacement);
                return true;
            }
        }

        return false;
    }

    private static void Replace(
        LinkedList<Node> order, Dictionary<Tensor, List<Node?>> readers, LinkedListNode<Node> take, Node producer, Node[] replacement)
    {
        foreach (Node gone in (ReadOnlySpan<Node>)[take.Value, producer])
        {
            foreach (Tensor input in gone.Inputs)
            {
                readers[input].Remove(gone);
            }
        }

        foreach (Node added in replacement)
        {
            order.AddBefore(take, added);
            foreach (Tensor input in added.Inputs)
            {
                if (!readers.TryGetValue(input, out List<Node?>? list))
                {
                    readers.Add(input, list = []);
                }

                list.Add(added);
            }
        }

        order.Remove(take);
        order.Remove(producer);
    }

    private static bool OnlyTaken(Tensor tensor, Node take, Dictionary<Tensor, List<Node?>> readers) =>
        readers.GetValueOrDefault(tensor, []).All(reader => reader == take);

    private static Node[]? SelectRows(
        LinkedList<Node> order, LinkedListNode<Node> place, Node producer, Node take, RowSelectionInputs selection)
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
            inputs[index] = Take(order, place, added, inputs[index], selection);
        }

        int rows = take.Outputs[0].Shape[0];
        Tensor[] outputs = [.. producer.Outputs.Select((output, i) =>
            i == 0 ? take.Outputs[0] : GraphBuilder.NewTensor(output.Name, new Shape([rows, .. output.Shape.Dimensions[1..]])))];
        added.Add(new Node(producer.Operator, inputs, outputs));
        return [.. added];
    }

    /// <summary>
    /// Where how far a query sees is not where it stands (rows that keep their padding), the selection does not say its row of a bias: such
    /// a TakeRows stays where it is.
    /// </summary>
    private static Node[]? SelectQueries(
        LinkedList<Node> order, LinkedListNode<Node> place, Node producer, AttentionOperator attention, Node take,
        RowSelectionInputs selection)
    {
        var added = new List<Node>();
        Tensor[] inputs = [.. producer.Inputs];
        if (attention.BiasIndex > 0)
        {
            if (inputs[attention.BiasIndex + 1] != inputs[5])
            {
                return null;
            }

            inputs[attention.BiasIndex + 1] = selection.Position;
        }

        inputs[0] = Take(order, place, added, inputs[0], selection);
        inputs[3] = selection.RowStart;
        inputs[5] = selection.Position;
        int queries = take.Outputs[0].Shape[0];
        var settings = attention.Settings with { QueryTokens = queries, MaxQueryLength = selection.MaxPerRow };
        Tensor denominators = GraphBuilder.NewTensor(producer.Outputs[1].Name, new Shape(queries, settings.Heads));
        added.Add(new Node(new AttentionOperator(settings), inputs, [take.Outputs[0], denominators]));
        return [.. added];
    }

    /// <summary>
    /// The taken rows of a tensor: those of a TakeRows that is there already, then in front of the place, or of a new one.
    /// </summary>
    private static Tensor Take(
        LinkedList<Node> order, LinkedListNode<Node> place, List<Node> added, Tensor tensor, RowSelectionInputs selection)
    {
        bool IsSame(Node node) => node.Operator is TakeRowsOperator && node.Inputs[0] == tensor && node.Inputs[1] == selection.Index;
        Node? same = order.Concat(added).FirstOrDefault(IsSame);
        if (same is null)
        {
            var shape = new Shape([(int)selection.Index.Shape.Count, .. tensor.Shape.Dimensions[1..]]);
            same = new Node(new TakeRowsOperator(selection), [tensor, selection.Index], [GraphBuilder.NewTensor("TakeRows", shape)]);
            added.Add(same);
        }

        for (LinkedListNode<Node>? later = place.Next; later is not null; later = later.Next)
        {
            if (later.Value == same)
            {
                order.Remove(later);
                order.AddBefore(place, later);
                break;
            }
        }

        return same.Outputs[0];
    }
}
