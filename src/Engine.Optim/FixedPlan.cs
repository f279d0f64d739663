using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Passes;
using Engine.Model.Execution;

namespace Engine.Optim;

/// <summary>A plan of one shape, bound again where the arena has moved.</summary>
internal sealed class FixedPlan : IDisposable
{
    private readonly Device device;
    private readonly PlanLayout layout;
    private readonly IReadOnlyList<Variable>? tensors;
    private Plan? plan;
    private int generation;

    /// <param name="tensors">The trainable tensors of which a run may serve a part; null: every run is whole.</param>
    public FixedPlan(Device device, GraphBuilder graph, IReadOnlyList<Variable>? tensors = null)
    {
        this.device = device;
        this.tensors = tensors;
        FusionPass.Run(graph);
        layout = Planner.Layout(device, graph);
    }

    public long ArenaBytes => layout.ArenaBytes;

    public void Run(Arena arena, Profile? profile, ActiveSet? active = null)
    {
        DeviceBuffer memory = arena.Require(layout.ArenaBytes);
        if (plan is null || generation != arena.Generation)
        {
            plan?.Dispose();
            plan = Plan.Create(device, layout, memory, tensors);
            generation = arena.Generation;
        }

        plan.Replay(active, profile);
    }

    public void Dispose() => plan?.Dispose();
}
