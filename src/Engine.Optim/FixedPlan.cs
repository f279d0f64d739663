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
    private Plan? plan;
    private int generation;

    public FixedPlan(Device device, GraphBuilder graph)
    {
        this.device = device;
        FusionPass.Run(graph);
        layout = Planner.Layout(device, graph);
    }

    public long ArenaBytes => layout.ArenaBytes;

    public void Run(Arena arena, Profile? profile)
    {
        DeviceBuffer memory = arena.Require(layout.ArenaBytes);
        if (plan is null || generation != arena.Generation)
        {
            plan?.Dispose();
            plan = Plan.Create(device, layout, memory);
            generation = arena.Generation;
        }

        if (profile is null)
        {
            plan.Replay();
        }
        else
        {
            plan.Replay(profile);
        }
    }

    public void Dispose() => plan?.Dispose();
}
