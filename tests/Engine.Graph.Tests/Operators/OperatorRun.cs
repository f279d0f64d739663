using Engine.Devices;
using Engine.Graph.Passes;

namespace Engine.Graph.Tests.Operators;

/// <summary>
/// An operator case on a device. Guards lie around every variable, the arena is filled with NaN beforehand (so a read of what nothing wrote
/// shows) and has a guard behind it.
/// </summary>
internal sealed class OperatorRun : IDisposable
{
    private const int GuardElements = 64;
    private const float Guard = -1.2345679e30f;
    private const byte ArenaFill = 0xFF;
    private const int ArenaGuardBytes = 4096;

    private readonly StorageBlock block = new("test");
    private readonly List<Variable> guards = [];
    private readonly Variable[] variables;
    private readonly Tensor[] outputs;
    private readonly Plan plan;
    private readonly DeviceBuffer arena;
    private readonly long arenaBytes;

    public OperatorRun(Device device, OperatorCase problem, bool fuse)
    {
        variables = [.. problem.Inputs.Select((input, i) => Reserve($"input{i}", input.Shape, input.Type))];
        for (int i = 0; i < variables.Length; i++)
        {
            if (problem.Inputs[i].Role != InputRole.Constant)
            {
                variables[i].Gradient = Reserve($"gradient{i}", variables[i].Shape, ElementType.Float32);
            }
        }

        var graph = new GraphBuilder();
        Tensor[] inputs = [.. variables.Select((variable, i) =>
            problem.Inputs[i].Role == InputRole.Activation ? graph.Source(variable) : graph.Read(variable))];
        outputs = problem.Build(graph, inputs);
        foreach (Tensor output in outputs)
        {
            graph.Output(output);
        }

        Variable probe = Reserve("probe", outputs[0].Shape, ElementType.Float32);
        if (problem.Differentiable)
        {
            GradientBuilder.Differentiate(graph, problem.LossScale is null ? graph.Probe(outputs[0], probe) : outputs[0]);
        }

        if (fuse)
        {
            FusionPass.Run(graph);
        }

        guards.Add(block.Reserve("guard", new Shape(GuardElements)));
        block.Allocate(device);
        foreach (Variable guard in guards)
        {
            guard.View<float>().Write(Enumerable.Repeat(Guard, GuardElements).ToArray());
        }

        for (int i = 0; i < variables.Length; i++)
        {
            problem.Inputs[i].Upload(variables[i]);
        }

        probe.View<float>().Write(problem.ProbeWeights);
        PlanLayout layout = Planner.Layout(device, graph);
        Operators = [.. layout.Nodes.Select(node => node.Operator)];
        arenaBytes = layout.ArenaBytes;
        arena = device.Allocate(arenaBytes + ArenaGuardBytes, "arena");
        arena.Fill(ArenaFill, 0, arena.Bytes);
        plan = Plan.Create(device, layout, arena);
    }

    /// <summary>The operators of the plan in the order in which they run.</summary>
    public IReadOnlyList<Operator> Operators { get; }

    public int Launches => plan.Launches;

    /// <summary>What the plan runs, with its costs.</summary>
    public IReadOnlyList<ProfiledWork> Work => plan.Work;

    public void Replay()
    {
        plan.Replay();
        foreach (Variable guard in guards)
        {
            Assert.Equal(-1, guard.View<float>().ToArray().AsSpan().IndexOfAnyExcept(Guard));
        }

        Assert.Equal(-1, arena.View<byte>(arenaBytes).ToArray().AsSpan().IndexOfAnyExcept(ArenaFill));
    }

    public float[] Output(int index) => plan.Output<float>(outputs[index]).ToArray();

    /// <summary>The gradient summed so far for an input; null for a constant.</summary>
    public float[]? Gradient(int input) => variables[input].Gradient?.View<float>().ToArray();

    public void Dispose()
    {
        plan.Dispose();
        arena.Dispose();
        block.Dispose();
    }

    private Variable Reserve(string name, Shape shape, ElementType type)
    {
        guards.Add(block.Reserve("guard", new Shape(GuardElements)));
        return block.Reserve(name, shape, type);
    }
}
