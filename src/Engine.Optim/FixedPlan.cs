using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Passes;
using Engine.Model.Execution;

namespace Engine.Optim;

/// <summary>The plan of a graph that has one shape.</summary>
internal sealed class FixedPlan : IDisposable
{
    private readonly ArenaPlan plan;

    /// <param name="tensors">The trainable tensors of which a run may serve a part; null: every run is whole.</param>
    public FixedPlan(Device device, GraphBuilder graph, IReadOnlyList<Variable>? tensors = null)
    {
        FusionPass.Run(graph);
        plan = new ArenaPlan(device, Planner.Layout(device, graph), tensors);
    }

    public long ArenaBytes => plan.ArenaBytes;

    public void Run(Arena arena, Profile? profile, ActiveSet? active = null) => plan.In(arena).Replay(active, profile);

    public void Dispose() => plan.Dispose();
}
