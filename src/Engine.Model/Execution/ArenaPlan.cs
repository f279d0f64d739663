using Engine.Devices;
using Engine.Graph;

namespace Engine.Model.Execution;

/// <summary>A layout and its plan in an arena, bound again where the arena has moved.</summary>
/// <param name="tensors">The trainable tensors of which a replay may serve a part (<see cref="ActiveSet"/>); null: every replay is whole.</param>
public sealed class ArenaPlan(Device device, PlanLayout layout, IReadOnlyList<Variable>? tensors = null) : IDisposable
{
    private Plan? plan;
    private int generation;

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
