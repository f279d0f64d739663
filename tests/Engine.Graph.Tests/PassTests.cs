using Engine.Devices;
using Engine.Graph.Operators;
using Engine.Graph.Passes;
using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests;

public sealed class PassTests
{
    /// <summary>
    /// The same float32 arithmetic in another order of rows or with one rounding less: some epsilons (6e-8) of the largest element.
    /// </summary>
    private const double Tolerance = 2e-6;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Selecting_rows_first_changes_no_result_and_saves_work(string deviceName)
    {
        using Device device = TestDevices.Open(deviceName);
        using EncoderGraph whole = Differentiated(selectRows: false), selected = Differentiated(selectRows: true);
        Assert.True(
            ProductRows(selected) < ProductRows(whole), $"{ProductRows(selected)} rows of products instead of {ProductRows(whole)}");
        AssertSame(whole.Run(device), selected.Run(device));
    }

    [Fact]
    public void Selecting_rows_leaves_the_last_layer_only_keys_and_values_of_every_token()
    {
        using EncoderGraph encoder = Differentiated(selectRows: true);
        string[] whole = [.. Forward(encoder).Where(node => node.Outputs[0].Shape.Rows == 16).Select(node => node.Inputs[1].Name)
            .Where(name => name.StartsWith('1'))];
        Assert.Equal(["1.key.weight", "1.value.weight"], whole.Order());
    }

    [Fact]
    public void A_hidden_state_that_is_read_is_computed_for_every_token()
    {
        using EncoderGraph plain = Differentiated(selectRows: false), selected = Differentiated(selectRows: true, hiddenStates: true);
        Assert.Equal(ProductRows(plain), ProductRows(selected));
        Assert.All(selected.HiddenStates, hidden => Assert.Equal(16, hidden.Producer!.Outputs[0].Shape.Rows));
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Fusing_changes_no_result_and_saves_launches(string deviceName)
    {
        using Device device = TestDevices.Open(deviceName);
        using EncoderGraph plain = Differentiated(selectRows: true), fused = Differentiated(selectRows: true);
        FusionPass.Run(fused.Graph);
        var expected = plain.Run(device);
        var actual = fused.Run(device);
        AssertSame(expected, actual);
        Assert.True(actual.Launches < expected.Launches, $"{actual.Launches} launches after fusion, {expected.Launches} before");
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Checkpointing_changes_no_bit_of_any_result_and_saves_memory(string deviceName)
    {
        using Device device = TestDevices.Open(deviceName);
        foreach (bool fuse in (bool[])[false, true])
        {
            using EncoderGraph kept = Differentiated(selectRows: false), repeated = Differentiated(selectRows: false);
            CheckpointPass.Run(repeated.Graph, repeated.Loss, repeated.HiddenStates);
            foreach (EncoderGraph encoder in fuse ? (EncoderGraph[])[kept, repeated] : [])
            {
                FusionPass.Run(encoder.Graph);
            }

            Assert.InRange(Planner.Layout(device, repeated.Graph).LiveBytes, 0, Planner.Layout(device, kept.Graph).LiveBytes - 1);
            var expected = kept.Run(device);
            var actual = repeated.Run(device);
            Assert.Equal(expected.Logits, actual.Logits);
            Assert.Equal(expected.Loss, actual.Loss);
            Assert.All(expected.Gradients, pair => Assert.Equal(pair.Value, actual.Gradients[pair.Key]));
        }
    }

    [Fact]
    public void Checkpointing_keeps_the_boundaries_alone_for_the_backward_pass()
    {
        using EncoderGraph encoder = Differentiated(selectRows: true);
        HashSet<Node> forward = Liveness.WithAncestors([encoder.Loss.Producer!], _ => true);
        CheckpointPass.Run(encoder.Graph, encoder.Loss, encoder.HiddenStates);
        Tensor first = encoder.HiddenStates[0];
        HashSet<Node> firstLayer = Liveness.WithAncestors([first.Producer!], _ => true);
        IEnumerable<Tensor> kept = encoder.Graph.Nodes
            .Where(node => !forward.Contains(node))
            .SelectMany(node => node.Inputs)
            .Where(input => input.Producer is { } producer && firstLayer.Contains(producer));
        Assert.All(kept, tensor => Assert.Same(first.Producer, tensor.Producer));
    }

    [Fact]
    public void A_node_with_effects_is_not_repeated_by_checkpointing()
    {
        using var block = new StorageBlock("test");
        Variable weight = block.Reserve("weight", new Shape(2, 2)), counter = block.Reserve("counter", new Shape(2, 2));
        weight.Gradient = block.Reserve("gradient", weight.Shape);
        var graph = new GraphBuilder();
        Tensor x = graph.Activate(graph.Linear(graph.Read(block.Reserve("x", new Shape(2, 2))), graph.Read(weight)), ActivationKind.Tanh);
        graph.Accumulate(x, counter);
        Tensor boundary = graph.Activate(x, ActivationKind.Tanh);
        Tensor labels = graph.Read(block.Reserve("labels", new Shape(2), ElementType.Int32));
        Tensor loss = graph.Output(
            graph.CrossEntropy(boundary, labels, graph.Read(block.Reserve("scalars", new Shape(StepScalars.Count))), withGradient: true));
        GradientBuilder.Differentiate(graph, loss);
        int products = graph.Nodes.Count(node => node.Operator is MatMulOperator);
        CheckpointPass.Run(graph, loss, [boundary]);
        Assert.Equal(products + 1, graph.Nodes.Count(node => node.Operator is MatMulOperator));
        Assert.Single(graph.Nodes, node => node.Operator is AddToVariableOperator);
    }

    /// <summary>Else the angles that the last layer's backward pass reads would bring back the first layer, long before its turn.</summary>
    [Fact]
    public void What_several_layers_read_is_kept_and_each_layer_repeated_in_its_turn()
    {
        using var block = new StorageBlock("test");
        var graph = new GraphBuilder();
        Tensor angles = graph.RotaryAngles(
            graph.Read(block.Reserve("positions", new Shape(2), ElementType.Int32)),
            graph.Read(block.Reserve("frequencies", new Shape(2), ElementType.UInt64)));
        Tensor first = Layer(graph.Read(block.Reserve("x", new Shape(2, 4)))), second = Layer(first);
        Tensor labels = graph.Read(block.Reserve("labels", new Shape(2), ElementType.Int32));
        Tensor loss = graph.Output(
            graph.CrossEntropy(second, labels, graph.Read(block.Reserve("scalars", new Shape(StepScalars.Count))), withGradient: true));
        GradientBuilder.Differentiate(graph, loss);
        CheckpointPass.Run(graph, loss, [first, second]);
        string[] turns = [.. graph.Nodes.Select(node => node.Operator.Name)
            .Where(name => name.StartsWith("Rotary", StringComparison.Ordinal))];
        Assert.Equal(["RotaryAngles", "Rotary", "Rotary", "Rotary", "RotaryGradient", "Rotary"], turns);

        Tensor Layer(Tensor x)
        {
            Variable weight = block.Reserve("weight", new Shape(4, 4));
            weight.Gradient = block.Reserve("gradient", weight.Shape);
            return graph.Linear(graph.Activate(graph.Rotary(x, angles), ActivationKind.Tanh), graph.Read(weight));
        }
    }

    [Fact]
    public void A_product_is_not_moved_past_an_operator_that_writes_what_it_reads()
    {
        using Device device = TestDevices.Open("cpu");
        using var block = new StorageBlock("test");
        Variable x = block.Reserve("x", new Shape(2, 2)), weight = block.Reserve("weight", new Shape(2, 2));
        Variable overlay = block.Overlay("the same memory", new Shape(4), weight);
        block.Allocate(device);
        x.View<float>().Write([1, 2, 3, 4]);
        weight.View<float>().Write([1, 0, 0, 1]);
        var graph = new GraphBuilder();
        Tensor product = graph.Linear(graph.Read(x), graph.Read(weight));
        graph.Clear(overlay);
        Tensor sum = graph.Output(graph.Add(product, graph.Activate(graph.Read(x), ActivationKind.None)));
        FusionPass.Run(graph);
        PlanLayout layout = Planner.Layout(device, graph);
        using DeviceBuffer arena = device.Allocate(layout.ArenaBytes, "arena");
        using Plan plan = Plan.Create(device, layout, arena);
        plan.Replay();
        Assert.Equal([2f, 4f, 6f, 8f], plan.Output<float>(sum).ToArray());
    }

    public static TheoryData<string> Devices => TestDevices.Names;

    private static EncoderGraph Differentiated(bool selectRows, bool hiddenStates = false)
    {
        var encoder = new EncoderGraph(_ => true);
        if (hiddenStates)
        {
            foreach (Tensor hidden in encoder.HiddenStates)
            {
                encoder.Graph.Output(hidden);
            }
        }

        if (selectRows)
        {
            RowSelectionPass.Run(encoder.Graph);
        }

        GradientBuilder.Differentiate(encoder.Graph, encoder.Loss);
        return encoder;
    }

    private static IEnumerable<Node> Forward(EncoderGraph encoder) =>
        encoder.Graph.Nodes.Where(node => node.Operator is MatMulOperator { Layout: MatMulLayout.NT });

    private static int ProductRows(EncoderGraph encoder) => Forward(encoder).Sum(node => node.Outputs[0].Shape.Rows);

    private static void AssertSame(
        (float[] Logits, float Loss, Dictionary<string, float[]> Gradients, int Launches) expected,
        (float[] Logits, float Loss, Dictionary<string, float[]> Gradients, int Launches) actual)
    {
        Near("logits", expected.Logits, actual.Logits);
        Near("loss", [expected.Loss], [actual.Loss]);
        double largest = expected.Gradients.Values.SelectMany(values => values).Max(Math.Abs);
        foreach ((string name, float[] gradient) in expected.Gradients)
        {
            Near(name, gradient, actual.Gradients[name], largest);
        }
    }

    private static void Near(string what, float[] expected, float[] actual, double? scale = null)
    {
        double allowed = Tolerance * (scale ?? expected.Max(Math.Abs));
        foreach ((float right, float found) in expected.Zip(actual))
        {
            if (!(Math.Abs(right - found) <= allowed))
            {
                Assert.Fail($"{what}: {found:R} instead of {right:R}");
            }
        }
    }
}
