using Engine.Devices.Sharing;
using Engine.Model.Execution;
using Engine.Tokenizers;

namespace Engine.Model.Generation;

/// <summary>
/// One call of a generator, from before it waits for its turn to its end: its requests with their models, the answers as they come, and
/// what ends it early. A call that waits may be taken along by one that runs.
/// </summary>
internal sealed class GenerationCall : IDisposable
{
    private readonly SharedLifetime generator;
    private readonly AdapterSet adapters;
    private readonly DeviceTurns turns;
    private readonly Action<GeneratedPiece>? progress;
    private readonly CancellationToken cancellationToken;
    private readonly CancellationTokenSource ending;
    private readonly CancellationTokenSource waiting;
    private readonly TaskCompletionSource<GeneratedText[]> answers = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ExecutionContext? context = ExecutionContext.Capture();
    private int taken;
    private int left;

    /// <param name="generator">The generator's lifetime.</param>
    /// <param name="turns">The device's.</param>
    /// <exception cref="ObjectDisposedException">The generator is disposed.</exception>
    /// <exception cref="ArgumentException">There is no adapter of a request's name, or a request cannot be answered.</exception>
    public GenerationCall(
        SharedLifetime generator,
        AdapterSet adapters,
        DeviceTurns turns,
        Tokenizer? tokenizer,
        int contextLength,
        IReadOnlyList<GenerationRequest> requests,
        Action<GeneratedPiece>? progress,
        CancellationToken cancellationToken)
    {
        foreach (GenerationRequest request in requests)
        {
            RunningText.Check(request, tokenizer, contextLength);
        }

        this.generator = generator;
        this.adapters = adapters;
        this.turns = turns;
        this.progress = progress;
        this.cancellationToken = cancellationToken;
        generator.Enter();
        try
        {
            Models = adapters.Hold(requests);
        }
        catch
        {
            generator.Leave();
            throw;
        }

        Texts = [.. requests.Select((request, i) => new RunningText(i, request, this, Models[i], tokenizer, contextLength))];
        left = Texts.Count;
        Tokens = Math.Min(contextLength, Texts.Select(text => text.Prompt.Length + text.Room).DefaultIfEmpty(0).Max());
        ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, generator.Closing);
        waiting = CancellationTokenSource.CreateLinkedTokenSource(ending.Token);
    }

    /// <summary>The model of each request.</summary>
    public TransformerModel[] Models { get; }

    /// <summary>The answers as they come, in the order of the requests.</summary>
    public IReadOnlyList<RunningText> Texts { get; }

    /// <summary>The most tokens that a prompt and its answer may have.</summary>
    public int Tokens { get; }

    /// <summary>The answers when all have ended, or the error that ended them.</summary>
    public Task<GeneratedText[]> Answers => answers.Task;

    /// <summary>The caller's wish, or the generator's disposal.</summary>
    public CancellationToken Ending => ending.Token;

    /// <summary>As <see cref="Ending"/>, or another call takes this one along.</summary>
    public CancellationToken WaitingEnds => waiting.Token;

    /// <summary>Whether the call runs, or has run.</summary>
    public bool IsTaken => Volatile.Read(ref taken) > 0;

    /// <summary>Whether nothing more is to be done for the call.</summary>
    public bool IsOver => answers.Task.IsCompleted;

    /// <summary>Takes the call to run it, or to give it up; false for all but the first.</summary>
    public bool TryTake()
    {
        bool first = Interlocked.Exchange(ref taken, 1) == 0;
        if (first && left == 0)
        {
            answers.TrySetResult([]);
        }

        return first;
    }

    /// <summary>Ends the wait for a turn of its own.</summary>
    public void StopWaiting() => waiting.Cancel();

    /// <summary>The error of a call that <see cref="Ending"/> ended.</summary>
    public Exception Ended() =>
        cancellationToken.IsCancellationRequested ? new OperationCanceledException(cancellationToken) : generator.Disposed();

    /// <summary>Tells the caller of a token, in the context that it called in; what its callback throws ends the call.</summary>
    /// <param name="isGuest">Another call's thread tells it.</param>
    public void Tell(GeneratedPiece piece, bool isGuest)
    {
        try
        {
            if (progress is not null && isGuest && context is not null)
            {
                ExecutionContext.Run(context, TellInScope, piece);
            }
            else
            {
                progress?.Invoke(piece);
            }
        }
        catch (Exception failure)
        {
            Fail(failure);
            return;
        }

        if (piece.Finish is not null && --left == 0)
        {
            answers.TrySetResult([.. Texts.Select(text => text.Result())]);
        }
    }

    /// <summary>Ends the call with an error.</summary>
    public void Fail(Exception failure) => answers.TrySetException(failure);

    public void Dispose()
    {
        waiting.Dispose();
        ending.Dispose();
        adapters.Release(Models);
        generator.Leave();
    }

    private void TellInScope(object? piece)
    {
        using WorkScope work = WorkScope.Enter(turns);
        progress!((GeneratedPiece)piece!);
    }
}
