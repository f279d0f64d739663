using Engine.Devices;
using Engine.Graph;

namespace Engine.Model.Execution;

/// <summary>A layout and its plan in an arena, bound again where the arena has moved.</summary>
/// <param name="tensors">The trainable tensors of which a replay may serve a part (<see cref="ActiveSet"/>); null: every replay is
/// whole.</param>
internal sealed class ArenaPlan(Device device, PlanLayout layout, IReadOnlyList<Variable>? tensors = null) : IDisposable
{
    /// <summary>
    /// Host memory of one node of a plan: the node, its tensors, their places and its launches. A generous estimate, since drivers keep
    /// something for each launch too.
    /// </summary>
    private const long BytesPerNode = 4096;

    private Plan? plan;
    private int generation;

    /// <summary>About how many bytes of host memory the plan takes once it is bound.</summary>
    public long HostBytes => layout.Nodes.Count * BytesPerNode;

    /// <summary>Bytes of arena the plan needs.</summary>
    public long ArenaBytes => layout.ArenaBytes;

    /// <summary>The plan, bound to the arena's memory as it lies now.</summary>
    public Plan In(Arena arena)
    {
        DeviceBuffer memory = arena.Require(layout.ArenaBytes);
        if (plan is null || generation != arena.Generation)
        {
            plan?.Dispose();
            plan = Plan.Create(device, layout, memory, tensors);
            generation = arena.Generation;
        }

        return plan;
    }

    public void Dispose() => plan?.Dispose();
}
