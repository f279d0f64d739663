using Engine.Devices.Sharing;
using Engine.Model.Execution;

namespace Engine.Model.Generation;

/// <summary>One call of a generator, from before it waits for its turn to its end: its requests with their models, and what ends it early.</summary>
internal sealed class GenerationCall : IDisposable
{
    private readonly SharedLifetime generator;
    private readonly AdapterSet adapters;
    private readonly CancellationToken cancellation;
    private readonly CancellationTokenSource ending;

    /// <param name="generator">The generator's lifetime.</param>
    /// <exception cref="ObjectDisposedException">The generator is disposed.</exception>
    /// <exception cref="ArgumentException">There is no adapter of a request's name.</exception>
    public GenerationCall(
        SharedLifetime generator,
        AdapterSet adapters,
        IReadOnlyList<GenerationRequest> requests,
        Action<GeneratedPiece>? progress,
        CancellationToken cancellation)
    {
        this.generator = generator;
        this.adapters = adapters;
        this.cancellation = cancellation;
        Requests = requests;
        Progress = progress;
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

        ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation, generator.Closing);
    }

    public IReadOnlyList<GenerationRequest> Requests { get; }

    /// <summary>The model of each request.</summary>
    public TransformerModel[] Models { get; }

    public Action<GeneratedPiece>? Progress { get; }

    /// <summary>The caller's wish, or the generator's disposal.</summary>
    public CancellationToken Ending => ending.Token;

    /// <summary>The error of a call that <see cref="Ending"/> ended.</summary>
    public Exception Ended() => cancellation.IsCancellationRequested ? new OperationCanceledException(cancellation) : generator.Disposed();

    public void Dispose()
    {
        ending.Dispose();
        adapters.Release(Models);
        generator.Leave();
    }
}
