using Engine.Devices;
using Engine.Devices.Sharing;
using Engine.Model.Adapters;
using Engine.Model.Loading;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Model.Peft;

namespace Engine.Training.Running;

/// <summary>
/// A trained model on a device, to be run over data without training: a model folder with or without an adapter. Safe for use by several
/// threads: each batch waits for its turn on the device (<see cref="Device.Turns"/>).
/// </summary>
public sealed class EvaluationModel : IDisposable
{
    private readonly Device device;
    private readonly TransformerModel model;
    private readonly Arena arena;
    private readonly SharedLifetime lifetime;

    /// <summary>Inputs and plans of all calls, with room for the largest batch so far; used by whoever has the arena.</summary>
    private (BatchShape Capacity, BatchInputs Inputs, ModelRunner Runner)? kept;

    private EvaluationModel(Device device, TransformerModel model, IReadOnlyList<string> notes)
    {
        this.device = device;
        this.model = model;
        Notes = notes;
        arena = new Arena(device);
        lifetime = new SharedLifetime($"The model {model.Architecture.Name} with its predictor", Release);
    }

    /// <summary>What a user should know of the weights, such as a head that no file gave.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Loads a model.</summary>
    /// <param name="folder">The base model, or a fully tuned one.</param>
    /// <param name="architecture">The folder's architecture for the task, as the adapter needs it
    /// (<see cref="ModelFolder.Adapted"/>).</param>
    /// <param name="adapterFolder">A PEFT folder, or null.</param>
    /// <param name="seed">What an adapter's run drew parameters from that no file gives: its base model is then the same. Null: every
    /// parameter must be in the files.</param>
    /// <param name="type">How the model's matrices are stored.</param>
    /// <exception cref="ModelFileException">Files are missing or broken, weights are quantized, or parameters are in no file.</exception>
    internal static EvaluationModel Load(
        Device device, ModelFolder folder, Architecture architecture, string? adapterFolder, ulong? seed, WeightType type)
    {
        folder.RequireWeights();
        using AdapterFile? file = adapterFolder is null ? null : AdapterFile.Read(adapterFolder);
        var tuning = new Tuning.Frozen(file is null ? null : ModelAdapters.Tuning(architecture, file));
        var model = new TransformerModel(architecture, tuning, folder.StorageOf(type));
        try
        {
            model.Allocate(device);
            IReadOnlyList<string> notes =
                ModelLoading.LoadWeights(model, folder, seed, model.SavedParameters.Select(parameter => parameter.Name));
            if (file is not null)
            {
                notes = [.. notes, .. ModelLoading.Notes(ModelAdapters.Load(model, file))];
            }

            return new EvaluationModel(device, model, notes);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The task's metrics over a set.</summary>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The model or its device was disposed, before or meanwhile.</exception>
    internal EvaluationResult Evaluate(Evaluator evaluator, CancellationToken cancellationToken = default)
    {
        using var call = new Call(this, evaluator, cancellationToken);
        return call.Ending(token => evaluator.Evaluate(call.Run, token));
    }

    /// <summary>The logits of a set without labels, [rows, output size] in file order.</summary>
    /// <inheritdoc cref="Evaluate"/>
    internal float[] Predict(Evaluator evaluator, CancellationToken cancellationToken = default)
    {
        using var call = new Call(this, evaluator, cancellationToken);
        return call.Ending(token => evaluator.Predict(call.Run, token));
    }

    /// <summary>As <see cref="Predict"/>, on the thread pool; waiting for a turn holds no thread.</summary>
    /// <inheritdoc cref="Evaluate"/>
    internal async Task<float[]> PredictAsync(Evaluator evaluator, CancellationToken cancellationToken = default)
    {
        using var call = new Call(this, evaluator, cancellationToken);
        return await call.EndingAsync(token => evaluator.PredictAsync(call.RunAsync, token)).ConfigureAwait(false);
    }

    /// <summary>
    /// Frees the model. Calls that wait, and those under way at their next batch, end with an <see cref="ObjectDisposedException"/>; this
    /// returns when the last of them has ended, or at once where a callback of work on a device calls it.
    /// </summary>
    public void Dispose() => lifetime.Close();

    private void Release()
    {
        Forget();
        arena.Dispose();
        model.Dispose();
    }

    private void Forget()
    {
        kept?.Runner.Dispose();
        kept?.Inputs.Dispose();
        kept = null;
    }

    private ModelRunner RunnerFor(BatchShape shape)
    {
        BatchShape capacity = kept is null ? shape : kept.Value.Capacity.Max(shape);
        if (kept is null || capacity != kept.Value.Capacity)
        {
            Forget();
            var inputs = new BatchInputs(model.Architecture, capacity);
            inputs.Block.Allocate(device);
            kept = (capacity, inputs, new ModelRunner(device, model, inputs, arena, new RunnerOptions()));
        }

        return kept.Value.Runner;
    }

    /// <summary>
    /// One call. Its batches run in turns with others' and share the arena, so what a batch leaves there is read in the batch's turn.
    /// </summary>
    private sealed class Call : IDisposable
    {
        private readonly EvaluationModel owner;
        private readonly CancellationToken cancellationToken;
        private readonly CancellationTokenSource ending;
        private readonly BatchShape largest;

        public Call(EvaluationModel owner, Evaluator evaluator, CancellationToken cancellationToken)
        {
            this.owner = owner;
            this.cancellationToken = cancellationToken;
            largest = evaluator.Shapes.Aggregate((a, b) => a.Max(b));
            owner.lifetime.Enter();
            ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, owner.lifetime.Closing);
        }

        public void Run(RaggedBatch batch, string source, Action<ModelRun> read)
        {
            using Turn turn = owner.device.Turns.Take(ending.Token);
            RunAndRead(batch, source, read);
        }

        public Task RunAsync(RaggedBatch batch, string source, Action<ModelRun> read) => owner.device.Turns.RunAsync(
            () =>
            {
                RunAndRead(batch, source, read);
                return true;
            },
            ending.Token);

        /// <summary>Does what a cancellation or the model's disposal ends, and tells them apart.</summary>
        public TResult Ending<TResult>(Func<CancellationToken, TResult> work)
        {
            try
            {
                return work(ending.Token);
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                throw Ended();
            }
        }

        /// <inheritdoc cref="Ending"/>
        public async Task<TResult> EndingAsync<TResult>(Func<CancellationToken, Task<TResult>> work)
        {
            try
            {
                return await work(ending.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (ending.IsCancellationRequested)
            {
                throw Ended();
            }
        }

        public void Dispose()
        {
            ending.Dispose();
            owner.lifetime.Leave();
        }

        private Exception Ended() =>
            cancellationToken.IsCancellationRequested ? new OperationCanceledException(cancellationToken) : owner.lifetime.Disposed();

        private void RunAndRead(RaggedBatch batch, string source, Action<ModelRun> read)
        {
            using Lock.Scope use = owner.arena.Enter();
            read(owner.RunnerFor(largest).Run(batch, source));
        }
    }
}
