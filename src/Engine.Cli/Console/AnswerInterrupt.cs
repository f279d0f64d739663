using System.Runtime.InteropServices;

namespace Engine.Cli.Console;

/// <summary>
/// Ctrl-C in a conversation: it stops an answer. Between answers, where it may come a moment too late, the first one only says how to leave
/// and the second ends the process.
/// </summary>
internal sealed class AnswerInterrupt : IDisposable
{
    private readonly PosixSignalRegistration registration;
    private readonly Action betweenAnswers;
    private readonly Lock guard = new();
    private CancellationTokenSource? answer;
    private bool warned;

    /// <param name="betweenAnswers">Says how to leave; run on a thread of the runtime's.</param>
    public AnswerInterrupt(Action betweenAnswers)
    {
        this.betweenAnswers = betweenAnswers;
        registration = PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle);
    }

    /// <summary>Runs an answer, which Ctrl-C cancels.</summary>
    public T During<T>(Func<CancellationToken, T> run)
    {
        using var source = new CancellationTokenSource();
        lock (guard)
        {
            (answer, warned) = (source, false);
        }

        try
        {
            return run(source.Token);
        }
        finally
        {
            lock (guard)
            {
                answer = null;
            }
        }
    }

    public void Dispose() => registration.Dispose();

    private void Handle(PosixSignalContext context)
    {
        lock (guard)
        {
            context.Cancel = answer is not null || !warned;
            if (answer is not null)
            {
                answer.Cancel();
            }
            else if (!warned)
            {
                warned = true;
                betweenAnswers();
            }
        }
    }
}
