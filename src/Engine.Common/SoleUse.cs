namespace Engine.Common;

/// <summary>
/// Guards an object that serves one thread at a time: a call that comes while another thread's runs is refused before it changes anything.
/// Calls of different threads one after another are no fault.
/// </summary>
/// <param name="name">The object, for errors: "A streaming decoder".</param>
public sealed class SoleUse(string name)
{
    private readonly Lock gate = new();

    /// <summary>Begins a call; allocates nothing.</summary>
    /// <exception cref="InvalidOperationException">Another thread's call runs.</exception>
    public Lock.Scope Enter()
    {
        if (!gate.TryEnter())
        {
            throw new InvalidOperationException(
                $"{name} serves one thread at a time, and another thread is using it; give each thread its own.");
        }

        try
        {
            // Held already: this only makes the scope.
            return gate.EnterScope();
        }
        finally
        {
            gate.Exit();
        }
    }

    /// <summary>Waits for the call that runs, for <c>Dispose</c>, which must not fail.</summary>
    public Lock.Scope Wait() => gate.EnterScope();
}
