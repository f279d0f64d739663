using Engine.Devices;
using Engine.Graph.Operators;
using Engine.Graph.Passes;
using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests;

public sealed class GradientBuilderTests
{
    [Fact]
    public void Frozen_parameters_get_no_gradient_and_the_rest_the_same_as_when_all_are_trained()
    {
        using Device device = TestDevices.Open("cpu");
        using var all = new EncoderGraph(_ => true);
        using var some = new EncoderGraph(
            name => name.Contains("query", StringComparison.Ordinal) || name.StartsWith("head", StringComparison.Ordinal));
        GradientBuilder.Differentiate(all.Graph, all.Loss);
        GradientBuilder.Differentiate(some.Graph, some.Loss);
        Dictionary<string, float[]> expected = all.Run(device).Gradients, actual = some.Run(device).Gradients;
        Assert.Equal(6, actual.Count);
        Assert.All(actual, pair => Assert.Equal(expected[pair.Key], pair.Value));
        Assert.All(actual.Values, Numbers.RequireComputed);
        Assert.Equal(3, Products<SumProductOperator>(some).Count());
        Assert.Equal(3, Products<SumColumnsOperator>(some).Count());
        Assert.Empty(Products<LayerNormParameterGradientOperator>(some));
    }

    [Fact]
    public void Nothing_below_the_lowest_trainable_parameter_is_differentiated()
    {
        using var encoder = new EncoderGraph(name => name == "1.inner.weight");
        int forward = encoder.Graph.Nodes.Count;
        GradientBuilder.Differentiate(encoder.Graph, encoder.Loss);
        string[] backward = [.. encoder.Graph.Nodes.Skip(forward).Select(node => node.Operator.Name)];

        // From the head: its input's gradient, the taken rows, the second norm, the outer product, the activation; then the weight's own.
        Assert.Equal(["MatMul", "TakeRowsGradient", "LayerNormGradient", "MatMul", "GeluErfGradient", "MatMul"], backward);
    }

    [Fact]
    public void A_head_that_is_trained_alone_leaves_the_encoder_without_a_backward_pass()
    {
        using var encoder = new EncoderGraph(name => name.StartsWith("head", StringComparison.Ordinal));
        int forward = encoder.Graph.Nodes.Count;
        GradientBuilder.Differentiate(encoder.Graph, encoder.Loss);
        Assert.Equal(["MatMul", "SumColumns"], encoder.Graph.Nodes.Skip(forward).Select(node => node.Operator.Name));
    }

    [Fact]
    public void A_loss_without_trainable_parameters_is_refused()
    {
        using var encoder = new EncoderGraph(_ => false);
        Assert.Contains(
            "trainable",
            Assert.Throws<InvalidOperationException>(() => GradientBuilder.Differentiate(encoder.Graph, encoder.Loss)).Message);
    }

    [Fact]
    public void A_perturbed_weight_is_made_again_for_the_backward_pass_and_not_kept()
    {
        using Device device = TestDevices.Open("cpu");
        using var block = new StorageBlock("test");
        Variable x = block.Reserve("x", new Shape(2, 64)), weight = block.Reserve("weight", new Shape(64, 64)),
            deviation = block.Reserve("deviation", new Shape(64));
        Variable random = block.Reserve("random", new Shape(RandomState.Count), ElementType.UInt32),
            probe = block.Reserve("probe", new Shape(2, 64));
        x.Gradient = block.Reserve("gradient", x.Shape);
        var graph = new GraphBuilder();
        Tensor y = graph.Source(x);
        for (int layer = 0; layer < 6; layer++)
        {
            y = graph.Linear(y, graph.PerturbWeight(graph.Read(weight), graph.Read(deviation), graph.Read(random), (uint)layer));
        }

        GradientBuilder.Differentiate(graph, graph.Probe(y, probe));
        PlanLayout layout = Planner.Layout(device, graph);
        Assert.Equal(12, layout.Nodes.Count(node => node.Operator is PerturbWeightOperator));
        Assert.InRange(layout.ArenaBytes, weight.Bytes, 2 * weight.Bytes);
    }

    private static IEnumerable<Node> Products<T>(EncoderGraph encoder)
        where T : Operator => encoder.Graph.Nodes.Where(node => node.Operator is T);
}
