using System.Runtime.InteropServices;

namespace Engine.Cli.Console;

/// <summary>Lets the first Ctrl-C (or the first request to terminate) end the work at the next good place, and the second end the process.</summary>
internal sealed class Interrupt : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly List<PosixSignalRegistration> registrations = [];
    private readonly string message;
    private readonly TextWriter notes;

    /// <param name="message">Said at the first Ctrl-C.</param>
    public Interrupt(string message, TextWriter notes)
    {
        this.message = message;
        this.notes = notes;
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
            notes.WriteLine(message);
            source.Cancel();
        }
        else if (!System.Console.IsOutputRedirected)
        {
            // The process ends here, and a bar that was being drawn has hidden the cursor.
            System.Console.CursorVisible = true;
        }
    }
}
