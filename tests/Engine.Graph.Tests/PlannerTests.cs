using Engine.Devices;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests;

/// <summary>The planner on random graphs: a replay is simulated in which every tensor's memory carries the tensor's number.</summary>
public sealed class PlannerTests
{
    [Theory]
    [MemberData(nameof(Seeds))]
    public void Tensors_that_are_needed_are_never_overwritten(int seed)
    {
        using Device device = TestDevices.Open("cpu");
        GraphBuilder graph = RandomGraph(seed);
        PlanLayout layout = Planner.Layout(device, graph);
        var memory = new SimulatedArena(layout);
        foreach (Node node in layout.Nodes)
        {
            Tensor? replaced = node.Inputs.FirstOrDefault(
                input => input.Variable is null && layout.Offsets[input] == layout.Offsets[node.Outputs[0]]);
            memory.WriteWorkspace(node);
            foreach (Tensor input in node.Inputs.Where(input => input.Variable is null))
            {
                memory.Check(input);
            }

            foreach (Tensor output in node.Outputs)
            {
                memory.Write(output);
            }

            memory.CheckWorkspace(node);
            Assert.All(node.Outputs, memory.Check);
            foreach (Tensor input in node.Inputs.Where(input => input.Variable is null && input != replaced))
            {
                memory.Check(input);
            }
        }

        Assert.All(graph.Outputs, memory.Check);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Arena_is_no_larger_than_all_tensors_together_and_aligned(int seed)
    {
        using Device device = TestDevices.Open("cpu");
        PlanLayout layout = Planner.Layout(device, RandomGraph(seed));
        long together = layout.Nodes.Sum(
            node => node.Outputs.Sum(output => Aligned(output.Bytes)) + Aligned(node.Operator.WorkspaceBytes(device, node)));
        Assert.InRange(layout.ArenaBytes, layout.LiveBytes, together);
        Assert.All(layout.Offsets.Values, offset => Assert.Equal(0, offset % Device.Alignment));
        Assert.All(layout.Workspaces.Values, slot => Assert.Equal(0, slot.Offset % Device.Alignment));
    }

    [Fact]
    public void One_graph_gets_one_layout()
    {
        using Device device = TestDevices.Open("cpu");
        PlanLayout[] layouts = [.. Enumerable.Range(0, 2).Select(_ => Planner.Layout(device, RandomGraph(5)))];
        long[][] offsets =
            [.. layouts.Select(layout => layout.Nodes.SelectMany(node => node.Outputs).Select(output => layout.Offsets[output]).ToArray())];
        Assert.Equal(offsets[0], offsets[1]);
    }

    [Fact]
    public void A_chain_runs_in_the_memory_of_two_tensors()
    {
        using Device device = TestDevices.Open("cpu");
        var graph = new GraphBuilder();
        Tensor x = graph.Add(new PlannedOperator(-1, 0), new Shape(1024));
        for (int i = 0; i < 10; i++)
        {
            x = graph.Add(new PlannedOperator(-1, 0), x.Shape, x);
        }

        graph.Output(x);
        PlanLayout layout = Planner.Layout(device, graph);
        Assert.Equal(2 * 4096, layout.ArenaBytes);
        Assert.Equal(2 * 4096, layout.LiveBytes);
    }

    [Theory]
    [InlineData(false, false, true)]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    public void An_input_gives_up_its_memory_only_when_nothing_reads_it_later(bool readLater, bool isOutput, bool inPlace)
    {
        using Device device = TestDevices.Open("cpu");
        var graph = new GraphBuilder();
        Tensor x = graph.Add(new PlannedOperator(-1, 0), new Shape(64));
        Tensor y = graph.Add(new PlannedOperator(0, 0), x.Shape, x);
        graph.Output(readLater ? graph.Add(new PlannedOperator(-1, 0), x.Shape, y, x) : y);
        if (isOutput)
        {
            graph.Output(x);
        }

        PlanLayout layout = Planner.Layout(device, graph);
        Assert.Equal(inPlace, layout.Offsets[x] == layout.Offsets[y]);
    }

    [Fact]
    public void An_operator_never_works_in_place_on_an_input_it_reads_twice_or_on_a_variable()
    {
        using Device device = TestDevices.Open("cpu");
        using var block = new StorageBlock("test");
        var graph = new GraphBuilder();
        Tensor x = graph.Add(new PlannedOperator(0, 0), new Shape(64), graph.Read(block.Reserve("variable", new Shape(64))));
        Tensor y = graph.Output(graph.Add(new PlannedOperator(0, 0), x.Shape, x, x));
        PlanLayout layout = Planner.Layout(device, graph);
        Assert.NotEqual(layout.Offsets[x], layout.Offsets[y]);
    }

    [Fact]
    public void What_nothing_needs_is_not_planned()
    {
        using Device device = TestDevices.Open("cpu");
        var graph = new GraphBuilder();
        Tensor x = graph.Add(new PlannedOperator(-1, 0), new Shape(64));
        graph.Add(new PlannedOperator(-1, 0), x.Shape, x);
        graph.Output(x);
        Assert.Single(Planner.Layout(device, graph).Nodes);
    }

    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 16)];

    /// <summary>
    /// Sixty nodes of one to three inputs out of the last dozen tensors, one to three outputs, some in place, some with scratch memory.
    /// </summary>
    private static GraphBuilder RandomGraph(int seed)
    {
        int draws = 0;
        int Draw(int limit) => (int)(Numbers.Uniform(seed, draws++) * limit);
        var graph = new GraphBuilder();
        List<Tensor> tensors = [graph.Add(new PlannedOperator(-1, 0), new Shape(1 + Draw(100)))];
        for (int i = 0; i < 60; i++)
        {
            Tensor[] inputs = [.. Enumerable.Range(0, 1 + Draw(3)).Select(_ => tensors[^(1 + Draw(Math.Min(12, tensors.Count)))])];
            bool inPlace = Draw(2) == 0;
            Shape[] shapes = [.. Enumerable.Range(0, 1 + Draw(3))
                .Select(output => output == 0 && inPlace ? inputs[0].Shape : new Shape(Draw(100)))];
            tensors.AddRange(graph.Add(new PlannedOperator(inPlace ? 0 : -1, Draw(3) == 0 ? Draw(700) : 0), inputs, shapes));
            if (Draw(10) == 0)
            {
                graph.Output(tensors[^1]);
            }
        }

        graph.Output(tensors[^1]);
        return graph;
    }

    private static long Aligned(long bytes) => (bytes + Device.Alignment - 1) / Device.Alignment * Device.Alignment;

    /// <summary>Who wrote each byte of the arena last.</summary>
    private sealed class SimulatedArena(PlanLayout layout)
    {
        private readonly object?[] owners = new object?[layout.ArenaBytes];

        public void Write(Tensor tensor) => Range(tensor).Fill(tensor);

        public void WriteWorkspace(Node node) => Range(node).Fill(node);

        public void Check(Tensor tensor) => Check(Range(tensor), tensor);

        public void CheckWorkspace(Node node) => Check(Range(node), node);

        private static void Check(Span<object?> bytes, object owner)
        {
            foreach (object? found in bytes)
            {
                if (!ReferenceEquals(found, owner))
                {
                    Assert.Fail($"the memory of {owner} was written by {found ?? "nothing"}");
                }
            }
        }

        private Span<object?> Range(Tensor tensor) => owners.AsSpan((int)layout.Offsets[tensor], (int)tensor.Bytes);

        private Span<object?> Range(Node node) => layout.Workspaces.TryGetValue(node, out (long Offset, long Bytes) slot)
            ? owners.AsSpan((int)slot.Offset, (int)slot.Bytes)
            : [];
    }
}
