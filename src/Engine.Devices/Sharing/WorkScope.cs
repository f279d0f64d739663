namespace Engine.Devices.Sharing;

/// <summary>
/// Work that calls back into the program while it runs. The scope covers this thread and what it starts with tasks and awaits, so that a
/// call made by a callback is known from the calls of others: it must not wait for the end of the work that it is part of.
/// </summary>
internal sealed class WorkScope : IDisposable
{
    private static readonly AsyncLocal<WorkScope?> Current = new();

    private readonly object owner;
    private readonly WorkScope? outer;
    private volatile bool ended;

    private WorkScope(object owner, WorkScope? outer)
    {
        this.owner = owner;
        this.outer = outer;
    }

    /// <summary>Whether the caller is inside of any work that has not ended.</summary>
    public static bool IsInsideAny => IsWithin(null);

    /// <summary>Begins work; to be disposed on the same thread.</summary>
    /// <param name="owner">What the work has for itself until it ends.</param>
    public static WorkScope Enter(object owner)
    {
        var scope = new WorkScope(owner, Current.Value);
        Current.Value = scope;
        return scope;
    }

    /// <summary>Whether the caller is inside of work, not ended, on an object.</summary>
    public static bool IsInside(object owner) => IsWithin(owner);

    public void Dispose()
    {
        // Tasks that a callback started may live on with a copy of the scope: for them too the work is over.
        ended = true;
        Current.Value = outer;
    }

    /// <param name="owner">Null: any.</param>
    private static bool IsWithin(object? owner)
    {
        for (WorkScope? scope = Current.Value; scope is not null; scope = scope.outer)
        {
            if (!scope.ended && (owner is null || ReferenceEquals(scope.owner, owner)))
            {
                return true;
            }
        }

        return false;
    }
}
