using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Engine.Devices;
using Engine.Devices.Sharing;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Tokenizers;

namespace Engine.Model.Generation;

/// <summary>
/// A decoder that goes on with texts: a model folder, and any number of adapters, of which each request names its own. Safe for use by
/// several threads: calls, of all generators on the device, wait for their turn (<see cref="Device.Turns"/>), and those that wait without a
/// thread run side by side (<see cref="GenerateAsync"/>). A progress callback may add, choose and remove adapters; what
/// generates on this generator from inside of one is refused.
/// </summary>
public sealed class Generator : IDisposable
{
    /// <summary>Memory for fewer tokens than this is not worth growing.</summary>
    private const int SmallestCapacity = 256;

    /// <summary>Texts that run side by side; more wait for a place.</summary>
    private const int MaxRows = 16;

    private readonly Device device;
    private readonly TransformerModel baseModel;
    private readonly AdapterSet adapters;
    private readonly SharedLifetime lifetime;
    private readonly WaitingCalls waiting = new();
    private volatile BatchDecoder? decoder;

    /// <summary>Whether an answer is under way; read and written in a turn.</summary>
    private bool running;

    private Generator(
        Device device, TransformerModel model, Tokenizer? tokenizer, GenerationOptions defaults, int contextLength,
        IReadOnlyList<string> notes)
    {
        this.device = device;
        baseModel = model;
        adapters = new AdapterSet(model);
        lifetime = new SharedLifetime($"The generator of {model.Architecture.Name}", Release);
        Tokenizer = tokenizer;
        Defaults = defaults;
        ContextLength = contextLength;
        Notes = notes;
    }

    /// <summary>The base model's architecture.</summary>
    public Architecture Architecture => baseModel.Architecture;

    /// <summary>Null where the folder has none: then prompts are tokens, and answers have no text.</summary>
    public Tokenizer? Tokenizer { get; }

    /// <summary>What the model's folder says of generation.</summary>
    public GenerationOptions Defaults { get; }

    /// <summary>The most tokens of a prompt with its answer.</summary>
    public int ContextLength { get; }

    /// <summary>What a user should know of the weights.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>The adapters that are loaded, as they are now.</summary>
    public IReadOnlyCollection<string> AdapterNames => adapters.Names;

    /// <summary>The adapter of requests that name none; null for the model alone.</summary>
    public string? Adapter => adapters.Chosen;

    /// <summary>Loads a model.</summary>
    /// <param name="modelFolder">A Hugging Face folder of a causal language model.</param>
    /// <param name="contextLength">The most tokens of a prompt with its answer; null: the model's positions.</param>
    /// <param name="type">How the model's matrices are stored on the device.</param>
    /// <param name="vocabularyOf">
    /// A PEFT folder whose vocabulary, and tokenizer, the model takes where they are others than its own; adapters of that vocabulary alone
    /// fit it then. Null: its own.
    /// </param>
    /// <exception cref="ModelFileException">The folder cannot be used; the message says why.</exception>
    public static Generator Open(
        Device device, string modelFolder, int? contextLength = null, WeightType type = WeightType.Auto, string? vocabularyOf = null)
    {
        ModelFolder folder = ModelFolder.Open(modelFolder);
        Architecture architecture = ModelFolder.WithVocabularyOf(folder.CreateArchitecture(), vocabularyOf);
        if (architecture.Head != HeadKind.CausalLm)
        {
            throw new ModelFileException(
                folder.FolderPath,
                $"{architecture.Name} does not generate text; a causal language model such as Qwen2ForCausalLM was expected.");
        }

        folder.RequireWeights();

        int context = contextLength ?? architecture.MaxLength;
        if (context < 2 || context > architecture.MaxLength)
        {
            throw new ArgumentException(
                $"The context length is {context}; 2 to {architecture.MaxLength}, the model's positions, was expected.",
                nameof(contextLength));
        }

        string tokenizerFolder = folder.TokenizerFolderOf(architecture, vocabularyOf);
        Tokenizer? tokenizer = TokenizerFolder.Holds(tokenizerFolder) ? Tokenizer.Load(tokenizerFolder) : null;
        GenerationOptions defaults = GenerationConfig.Read(folder, tokenizer?.EosId);
        var model = new TransformerModel(architecture, new Tuning.Frozen(), folder.StorageOf(type));
        try
        {
            model.Allocate(device);
            return new Generator(device, model, tokenizer, defaults, context, ModelLoading.LoadWeights(model, folder, seed: 0));
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Loads an adapter beside those that are loaded; the base model's memory serves all of them. Answers go on meanwhile.
    /// </summary>
    /// <param name="name">The name by which requests ask for it.</param>
    /// <param name="folder">A PEFT folder.</param>
    /// <param name="allowMissing">Accept tensors that the file lacks or has too many.</param>
    /// <returns>What was left open, in words.</returns>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    /// <exception cref="ModelFileException">The adapter does not fit the model.</exception>
    public IReadOnlyList<string> AddAdapter(string name, string folder, bool allowMissing = false)
    {
        lifetime.Enter();
        try
        {
            adapters.RequireFree(name);
            using AdapterFile file = AdapterFile.Read(folder);
            if (AdapterTask.Read(folder) is HeadKind.SequenceClassification)
            {
                throw AdapterTask.Other(
                    folder, $"a language model's ({AdapterConfig.CausalLanguageModel}) was expected; a classifier's predicts labels");
            }

            Architecture adapted = AdaptedArchitecture.For(Architecture, file);
            if (adapted.VocabularySize != Architecture.VocabularySize)
            {
                throw new ModelFileException(
                    folder,
                    $"the adapter's vocabulary has {adapted.VocabularySize} tokens and the model's {Architecture.VocabularySize}. "
                    + "A model takes one adapter's vocabulary, that of the first (in code: vocabularyOf); load this one by itself.");
            }

            TransformerModel model = baseModel.WithAdapter(adapted, ModelAdapters.Tuning(adapted, file));
            try
            {
                model.Allocate(device);
                IReadOnlyList<string> notes = ModelLoading.Notes(ModelAdapters.Load(model, file, allowMissing));
                adapters.Add(name, model);
                return notes;
            }
            catch
            {
                model.Dispose();
                throw;
            }
        }
        finally
        {
            lifetime.Leave();
        }
    }

    /// <summary>Frees an adapter.</summary>
    /// <exception cref="ArgumentException">There is no adapter of that name; the message lists those there are.</exception>
    /// <exception cref="InvalidOperationException">Requests go on with it or wait, or it is the one of requests that name none.</exception>
    public void RemoveAdapter(string name)
    {
        lifetime.Enter();
        try
        {
            using TransformerModel model = adapters.Remove(name);
            decoder?.Runner.Forget(model);
        }
        finally
        {
            lifetime.Leave();
        }
    }

    /// <summary>
    /// Chooses the adapter of requests that name none, from the next call on: for programs with one conversation at a time. Where several
    /// threads ask, each request names its adapter.
    /// </summary>
    /// <param name="name">An adapter's name; null for none.</param>
    /// <exception cref="ArgumentException">There is no adapter of that name; the message lists those there are.</exception>
    public void UseAdapter(string? name)
    {
        lifetime.ThrowIfClosed();
        adapters.Chosen = name;
    }

    /// <summary>The tokens of a prompt.</summary>
    /// <param name="addSpecialTokens">As the tokenizer adds them; a chat template writes its own.</param>
    /// <exception cref="ArgumentException">The folder has no tokenizer.</exception>
    public int[] Encode(string prompt, bool addSpecialTokens = true) =>
        [.. (Tokenizer ?? throw new ArgumentException("The model's folder has no tokenizer; give the prompt as tokens."))
            .Encode(prompt, new EncodeOptions { AddSpecialTokens = addSpecialTokens }).Ids];

    /// <summary>
    /// Goes on with prompts, side by side, each with its adapter. Waits for its turn on the calling thread; see
    /// <see cref="GenerateAsync"/>.
    /// </summary>
    /// <param name="progress">Told of every token as it comes, on the calling thread.</param>
    /// <returns>The answers in the order of the requests.</returns>
    /// <exception cref="ArgumentException">A prompt that does not fit the context, an option out of its range, or an adapter that is not
    /// loaded.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two tokens.</exception>
    /// <exception cref="ObjectDisposedException">The generator or its device was disposed, before or meanwhile.</exception>
    /// <exception cref="InvalidOperationException">Called by a progress callback of this generator, whose answers have not
    /// ended.</exception>
    public IReadOnlyList<GeneratedText> Generate(
        IReadOnlyList<GenerationRequest> requests, Action<GeneratedPiece>? progress = null, CancellationToken cancellationToken = default)
    {
        using GenerationCall call = Begin(requests, progress, cancellationToken);
        try
        {
            using Turn turn = device.Turns.Take(call.Ending);
            call.TryTake();
            Run([call], static () => null);
        }
        catch (OperationCanceledException) when (call.Ending.IsCancellationRequested)
        {
            throw call.Ended();
        }

        return call.Answers.GetAwaiter().GetResult();
    }

    /// <summary>
    /// As <see cref="Generate"/>, on the thread pool; waiting for the turn holds no thread. Calls that wait together run side by side, and
    /// one that comes while others run joins them where there is a place for it and nothing else waits for the device.
    /// </summary>
    /// <param name="progress">Told of every token as it comes, on a thread of the pool; what runs side by side waits for it.</param>
    /// <inheritdoc cref="Generate"/>
    public async Task<IReadOnlyList<GeneratedText>> GenerateAsync(
        IReadOnlyList<GenerationRequest> requests, Action<GeneratedPiece>? progress = null, CancellationToken cancellationToken = default)
    {
        using GenerationCall call = Begin(requests, progress, cancellationToken);
        Task<bool> turn = device.Turns.RunAsync(() => Lead(call), call.WaitingEnds);
        if (!turn.IsCompleted)
        {
            waiting.Add(call);
        }

        try
        {
            // Whoever leads goes on with those that joined when its own answers have ended.
            await Task.WhenAny(turn, call.Answers).ConfigureAwait(false);
            if (!call.Answers.IsCompleted && call.TryTake())
            {
                await turn.ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (call.Ending.IsCancellationRequested)
        {
            throw call.Ended();
        }
        finally
        {
            waiting.Remove(call);
        }

        return await call.Answers.ConfigureAwait(false);
    }

    /// <summary>
    /// Goes on with a prompt and gives each token's text as it comes. The work runs on the thread pool and does not wait for its reader;
    /// waiting for its turn holds no thread, and leaving the enumeration ends it.
    /// </summary>
    /// <exception cref="ArgumentException">The prompt does not fit the context, an option is out of its range, or the adapter is not
    /// loaded.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two tokens.</exception>
    /// <exception cref="ObjectDisposedException">The generator or its device was disposed, before or meanwhile.</exception>
    public async IAsyncEnumerable<GeneratedPiece> StreamAsync(
        GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pieces = Channel.CreateUnbounded<GeneratedPiece>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        Task work = WriteAsync(request, pieces.Writer, stopping.Token);
        try
        {
            await foreach (GeneratedPiece piece in pieces.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return piece;
            }
        }
        finally
        {
            await stopping.CancelAsync().ConfigureAwait(false);
            await work.ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Frees the model and its adapters. Calls that wait, and those under way at their next token, end with an
    /// <see cref="ObjectDisposedException"/>; this returns when the last of them has ended, or at once where a progress callback calls it.
    /// </summary>
    public void Dispose() => lifetime.Close();

    private void Release()
    {
        decoder?.Runner.Dispose();
        adapters.Dispose();
        baseModel.Dispose();
    }

    private GenerationCall Begin(
        IReadOnlyList<GenerationRequest> requests, Action<GeneratedPiece>? progress, CancellationToken cancellationToken) =>
        new(lifetime, adapters, device.Turns, Tokenizer, ContextLength, requests, progress, cancellationToken);

    /// <summary>Generates into a channel, which hands the reader what goes wrong.</summary>
    private async Task WriteAsync(GenerationRequest request, ChannelWriter<GeneratedPiece> pieces, CancellationToken cancellationToken)
    {
        try
        {
            await GenerateAsync([request], piece => pieces.TryWrite(piece), cancellationToken).ConfigureAwait(false);
            pieces.Complete();
        }
        catch (Exception failure)
        {
            pieces.Complete(failure);
        }
    }

    /// <summary>Answers a call in its turn, with those that wait and those that join; false where another has taken it along.</summary>
    private bool Lead(GenerationCall call)
    {
        RequireIdle();
        if (!call.TryTake())
        {
            return false;
        }

        // The call may be over while those that joined go on: they keep what the generator holds.
        if (!lifetime.TryEnter())
        {
            call.Fail(lifetime.Disposed());
            return true;
        }

        try
        {
            List<GenerationCall> calls = [call];
            int rows = call.Texts.Count;
            while (waiting.Take(other => rows + other.Texts.Count <= MaxRows, device.Turns) is { } other)
            {
                calls.Add(other);
                rows += other.Texts.Count;
            }

            Run(calls, () => waiting.Take(
                other => other.Texts.Count <= decoder!.FreeRows && other.Tokens <= decoder.Runner.Capacity, device.Turns));
            return true;
        }
        finally
        {
            lifetime.Leave();
        }
    }

    /// <summary>Answers calls side by side, in a turn.</summary>
    /// <param name="next">Another call that joins them; null for none.</param>
    private void Run(List<GenerationCall> calls, Func<GenerationCall?> next)
    {
        RequireIdle();
        running = true;
        try
        {
            using WorkScope work = WorkScope.Enter(device.Turns);
            int rows = calls.Sum(call => call.Texts.Count);
            if (rows > 0)
            {
                Decoder(Math.Min(rows, MaxRows), calls.Max(call => call.Tokens)).Run(calls, next);
            }
        }
        catch (Exception failure)
        {
            calls.ForEach(call => call.Fail(failure));
        }
        finally
        {
            running = false;
        }
    }

    private void RequireIdle()
    {
        if (running)
        {
            throw new InvalidOperationException(
                "A progress callback asks the generator that calls it, whose answers have not ended, for another; ask when they have.");
        }
    }

    /// <summary>A decoder with room for so many texts of so many tokens; a larger one takes the place of one that is too small.</summary>
    private BatchDecoder Decoder(int rows, int tokens)
    {
        BatchDecoder? kept = decoder;
        if (kept is not null && kept.Runner.Rows >= rows && kept.Runner.Capacity >= tokens)
        {
            return kept;
        }

        int capacity = SmallestCapacity;
        while (capacity < Math.Max(tokens, kept?.Runner.Capacity ?? 0))
        {
            capacity *= 2;
        }

        rows = Math.Max(rows, kept?.Runner.Rows ?? 0);
        decoder = null;
        kept?.Runner.Dispose();
        return decoder = new BatchDecoder(new DecodingRunner(device, baseModel, rows, Math.Min(capacity, ContextLength)));
    }
}
