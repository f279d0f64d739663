using Engine.Graph.Operators;
using Engine.Graph.Passes;
using Engine.Kernels;

namespace Engine.Graph.Tests;

/// <summary>What fusing costs, counted in the bytes that it takes: a count that a busy machine does not change.</summary>
public sealed class FusionCostTests
{
    /// <summary>
    /// Four times the layers take four times the work, not sixteen times; lists grow by doubling, so that it may be twice as much.
    /// </summary>
    [Fact]
    public void Fusing_costs_as_much_for_a_layer_of_a_long_graph_as_for_one_of_a_short_graph()
    {
        Cost(10);
        long few = Cost(100), many = Cost(400);
        Assert.InRange(many, few, 8 * few);
    }

    /// <summary>Bytes taken by fusing layers of a product, an activation, and a product with a residual sum behind it.</summary>
    private static long Cost(int layers)
    {
        using var block = new StorageBlock("test");
        var graph = new GraphBuilder();
        Tensor x = graph.Read(block.Reserve("x", new Shape(2, 4)));
        for (int layer = 0; layer < layers; layer++)
        {
            Tensor up = graph.Activate(graph.Linear(x, graph.Read(block.Reserve("up", new Shape(8, 4)))), ActivationKind.Tanh);
            x = graph.Add(graph.Linear(up, graph.Read(block.Reserve("down", new Shape(4, 8)))), x);
        }

        graph.Output(x);
        long before = GC.GetAllocatedBytesForCurrentThread();
        FusionPass.Run(graph);
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(2 * layers, graph.Nodes.Count);
        return bytes;
    }
}
