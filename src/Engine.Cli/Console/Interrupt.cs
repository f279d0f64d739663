using System.Runtime.InteropServices;

namespace Engine.Cli.Console;

/// <summary>
/// Lets the first Ctrl-C (or the first request to terminate) end the work at the next good place, and the second end the process.
/// </summary>
internal sealed class Interrupt : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly List<PosixSignalRegistration> registrations = [];
    private readonly Action onFirst;

    /// <param name="onFirst">Run at the first Ctrl-C, on a thread of the runtime's: says what happens now.</param>
    public Interrupt(Action onFirst)
    {
        this.onFirst = onFirst;
        foreach (PosixSignal signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGTERM])
        {
            registrations.Add(PosixSignalRegistration.Create(signal, Handle));
        }
    }

    /// <summary>Cancelled at the first Ctrl-C.</summary>
    public CancellationToken Token => source.Token;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in registrations)
        {
            registration.Dispose();
        }

        source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        if (!source.IsCancellationRequested)
        {
            context.Cancel = true;
            onFirst();
            source.Cancel();
        }
        else if (!System.Console.IsOutputRedirected)
        {
            // The process ends here, and a bar that was being drawn has hidden the cursor.
            System.Console.CursorVisible = true;
        }
    }
}
