namespace Engine.Graph.Passes;

/// <summary>
/// Activation checkpointing (Chen et al. 2016, arXiv 1604.06174): of a chain of layers only the tensors between them live on to the
/// backward pass. What the backward pass reads of a layer is computed again in front of its first reader, by nodes with the same operators,
/// so with the same dropout masks and to the same bits. Runs between differentiation and fusion.
/// </summary>
/// <remarks>
/// Kept and never repeated: every output of the node that makes a boundary (a norm's statistics are small), what lies behind the last
/// boundary (the backward pass begins there), nodes with effects, and what several layers read, as rotary angles are: it lives that long
/// anyway, and computing it again for the last layer would bring all of the first layer back with it. The variables that layers read must
/// not be written in between.
/// </remarks>
internal static class CheckpointPass
{
    /// <param name="graph">A differentiated graph.</param>
    /// <param name="loss">What was differentiated.</param>
    /// <param name="boundaries">The tensors between layers in their order; those that the loss does not depend on are passed over.</param>
    /// <param name="terms">Further losses that were differentiated with it.</param>
    public static void Run(GraphBuilder graph, Tensor loss, IReadOnlyList<Tensor> boundaries, IReadOnlyList<Tensor>? terms = null)
    {
        graph.Reorder(Liveness.LiveNodes(graph));
        HashSet<Node> forward = Liveness.WithAncestors([loss.Producer!, .. (terms ?? []).Select(term => term.Producer!)], _ => true);
        Dictionary<Node, int> layerOf = Layers(forward, boundaries);
        ILookup<int, Tensor> readBackward = graph.Nodes
            .Where(node => !forward.Contains(node))
            .SelectMany(node => node.Inputs)
            .Distinct()
            .Where(tensor => tensor.Producer is { } producer && layerOf.ContainsKey(producer))
            .ToLookup(tensor => layerOf[tensor.Producer!]);
        var again = new Dictionary<Tensor, Tensor>();
        var nodes = new List<Node>();
        foreach (Node node in graph.Nodes)
        {
            if (forward.Contains(node))
            {
                nodes.Add(node);
                continue;
            }

            foreach (Tensor input in node.Inputs)
            {
                if (input.Producer is { } producer && layerOf.TryGetValue(producer, out int layer) && !again.ContainsKey(input))
                {
                    Repeat(graph, layer, readBackward[layer], layerOf, again, nodes);
                }
            }

            nodes.Add(node.Inputs.Any(again.ContainsKey) ? Rewired(node, [.. node.Outputs], again) : node);
        }

        graph.Reorder(nodes);
    }

    /// <summary>The nodes that may be computed again, each with the number of the boundary in front of which it first serves.</summary>
    private static Dictionary<Node, int> Layers(HashSet<Node> forward, IReadOnlyList<Tensor> boundaries)
    {
        var layerOf = new Dictionary<Node, int>();
        var kept = new HashSet<Node>();
        for (int layer = 0; layer < boundaries.Count; layer++)
        {
            if (boundaries[layer].Producer is not { } last || !forward.Contains(last))
            {
                continue;
            }

            kept.Add(last);
            foreach (Node node in Liveness.WithAncestors([last], node => !layerOf.ContainsKey(node)))
            {
                layerOf.TryAdd(node, layer);
            }
        }

        foreach (Node reader in forward)
        {
            int reading = layerOf.GetValueOrDefault(reader, boundaries.Count);
            kept.UnionWith(reader.Inputs.Select(input => input.Producer)
                .OfType<Node>().Where(producer => layerOf.TryGetValue(producer, out int layer) && layer != reading));
        }

        return layerOf.Where(pair => !kept.Contains(pair.Key) && !pair.Key.Operator.HasEffects).ToDictionary();
    }

    /// <summary>Adds what computes a layer's <paramref name="wanted"/> tensors again, in the order of the forward pass.</summary>
    private static void Repeat(
        GraphBuilder graph, int layer, IEnumerable<Tensor> wanted, Dictionary<Node, int> layerOf, Dictionary<Tensor, Tensor> again,
        List<Node> nodes)
    {
        HashSet<Node> needed = Liveness.WithAncestors(
            wanted.Select(tensor => tensor.Producer!), node => layerOf.TryGetValue(node, out int from) && from == layer);
        foreach (Node node in graph.Nodes.Where(needed.Contains))
        {
            Tensor[] outputs = [.. node.Outputs.Select(output => GraphBuilder.NewTensor(output.Name, output.Shape, output.Type))];
            nodes.Add(Rewired(node, outputs, again));
            for (int i = 0; i < outputs.Length; i++)
            {
                again.Add(node.Outputs[i], outputs[i]);
            }
        }
    }

    /// <summary>The node with other outputs, reading what is computed again in place of what the forward pass computed.</summary>
    private static Node Rewired(Node node, Tensor[] outputs, Dictionary<Tensor, Tensor> again) =>
        new(node.Operator, [.. node.Inputs.Select(input => again.GetValueOrDefault(input, input))], outputs);
}
