using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.Files;
using Engine.Model.Peft;
using Engine.Model.Safetensors;
using Engine.Model.Tokenizers;

namespace Engine.Model.Generation;

/// <summary>
/// A decoder that goes on with texts: a model folder, and any number of adapters between which it can be switched. Calls from several threads
/// wait for one another.
/// </summary>
public sealed class Generator : IDisposable
{
    /// <summary>Memory for fewer tokens than this is not worth growing.</summary>
    private const int SmallestCapacity = 256;

    /// <summary>Texts that run side by side; more wait for a place.</summary>
    private const int MaxRows = 16;

    private readonly Device device;
    private readonly TransformerModel baseModel;
    private readonly SortedDictionary<string, TransformerModel> adapters = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim gate = new(1, 1);
    private TransformerModel current;
    private BatchDecoder? decoder;

    private Generator(Device device, TransformerModel model, Tokenizer? tokenizer, GenerationOptions defaults, int contextLength, IReadOnlyList<string> notes)
    {
        this.device = device;
        baseModel = current = model;
        Tokenizer = tokenizer;
        Defaults = defaults;
        ContextLength = contextLength;
        Notes = notes;
    }

    public Architecture Architecture => baseModel.Architecture;

    /// <summary>Null where the folder has none: then prompts are tokens, and answers have no text.</summary>
    public Tokenizer? Tokenizer { get; }

    /// <summary>What the model's folder says of generation.</summary>
    public GenerationOptions Defaults { get; }

    /// <summary>The most tokens of a prompt with its answer.</summary>
    public int ContextLength { get; }

    /// <summary>What a user should know of the weights.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>The adapters that are loaded.</summary>
    public IReadOnlyCollection<string> AdapterNames => adapters.Keys;

    /// <summary>The adapter in use; null for the model alone.</summary>
    public string? Adapter { get; private set; }

    /// <summary>Loads a model.</summary>
    /// <param name="modelFolder">A Hugging Face folder of a causal language model.</param>
    /// <param name="contextLength">The most tokens of a prompt with its answer; null: the model's positions.</param>
    /// <param name="type">How the model's matrices are stored on the device.</param>
    /// <param name="vocabularyOf">
    /// A PEFT folder whose vocabulary, and tokenizer, the model takes where they are others than its own; adapters of that vocabulary alone fit it then. Null: its own.
    /// </param>
    /// <exception cref="ModelFileException">The folder cannot be used; the message says why.</exception>
    public static Generator Open(Device device, string modelFolder, int? contextLength = null, WeightType type = WeightType.Auto, string? vocabularyOf = null)
    {
        ModelFolder folder = ModelFolder.Open(modelFolder);
        Architecture architecture = ModelFolder.WithVocabularyOf(folder.CreateArchitecture(), vocabularyOf);
        if (architecture.Head != HeadKind.CausalLm)
        {
            throw new ModelFileException(folder.FolderPath, $"{architecture.Name} does not generate text; a causal language model such as Qwen2ForCausalLM was expected.");
        }

        if (!folder.HasWeights)
        {
            throw new ModelFileException(folder.FolderPath, $"the folder has no weights ({Checkpoint.SingleFileName}), and a model drawn at random writes nothing of sense.");
        }

        int context = contextLength ?? architecture.MaxLength;
        if (context < 2 || context > architecture.MaxLength)
        {
            throw new ArgumentException($"The context length is {context}; 2 to {architecture.MaxLength}, the model's positions, was expected.", nameof(contextLength));
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

    /// <summary>Loads an adapter beside those that are loaded; the base model's memory serves all of them.</summary>
    /// <param name="name">The name to switch to it by.</param>
    /// <param name="folder">A PEFT folder.</param>
    /// <param name="allowMissing">Accept tensors that the file lacks or has too many.</param>
    /// <returns>What was left open, in words.</returns>
    /// <exception cref="ArgumentException">The name is taken.</exception>
    /// <exception cref="ModelFileException">The adapter does not fit the model.</exception>
    public IReadOnlyList<string> AddAdapter(string name, string folder, bool allowMissing = false)
    {
        gate.Wait();
        try
        {
            if (adapters.ContainsKey(name))
            {
                throw new ArgumentException($"There is an adapter named '{name}' already; give this one another name.", nameof(name));
            }

            using AdapterFile file = AdapterFile.Read(folder);
            if (AdapterTask.Read(folder) is HeadKind.SequenceClassification)
            {
                throw AdapterTask.Other(folder, $"a language model's ({AdapterConfig.CausalLanguageModel}) was expected; 'engine predict' uses a classifier's");
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
            gate.Release();
        }
    }

    /// <summary>Goes on with an adapter, or with the model alone.</summary>
    /// <param name="name">An adapter's name; null for none.</param>
    /// <exception cref="ArgumentException">There is no adapter of that name; the message lists those there are.</exception>
    public void UseAdapter(string? name)
    {
        gate.Wait();
        try
        {
            current = name is null
                ? baseModel
                : adapters.GetValueOrDefault(name) ?? throw new ArgumentException(adapters.Count == 0
                    ? $"There is no adapter named '{name}'; none is loaded."
                    : $"There is no adapter named '{name}'; loaded are {string.Join(", ", adapters.Keys)}.");
            Adapter = name;
            decoder?.Runner.Use(current);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>The tokens of a prompt.</summary>
    /// <param name="addSpecialTokens">As the tokenizer adds them; a chat template writes its own.</param>
    /// <exception cref="ArgumentException">The folder has no tokenizer.</exception>
    public int[] Encode(string prompt, bool addSpecialTokens = true) =>
        [.. (Tokenizer ?? throw new ArgumentException("The model's folder has no tokenizer; give the prompt as tokens."))
            .Encode(prompt, new EncodeOptions { AddSpecialTokens = addSpecialTokens }).Ids];

    /// <summary>Goes on with prompts, side by side.</summary>
    /// <param name="progress">Told of every token as it comes.</param>
    /// <returns>The answers in the order of the requests.</returns>
    /// <exception cref="ArgumentException">A prompt that does not fit the context, or an option out of its range.</exception>
    /// <exception cref="OperationCanceledException">Cancelled between two tokens.</exception>
    public IReadOnlyList<GeneratedText> Generate(
        IReadOnlyList<GenerationRequest> requests, Action<GeneratedPiece>? progress = null, CancellationToken cancellation = default)
    {
        gate.Wait(cancellation);
        try
        {
            return Run(requests, progress, cancellation);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Goes on with a prompt and gives each token's text as it comes. The work runs on the thread pool; leaving the enumeration ends it.</summary>
    /// <exception cref="ArgumentException">The prompt does not fit the context, or an option is out of its range.</exception>
    /// <exception cref="OperationCanceledException">Cancelled between two tokens.</exception>
    public async IAsyncEnumerable<GeneratedPiece> StreamAsync(
        GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var pieces = Channel.CreateUnbounded<GeneratedPiece>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        Task work = Task.Run(() => Write(request, pieces.Writer, stopping.Token), CancellationToken.None);
        try
        {
            await foreach (GeneratedPiece piece in pieces.Reader.ReadAllAsync(cancellation).ConfigureAwait(false))
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

    public void Dispose()
    {
        decoder?.Runner.Dispose();
        foreach (TransformerModel adapter in adapters.Values)
        {
            adapter.Dispose();
        }

        baseModel.Dispose();
        gate.Dispose();
    }

    /// <summary>Generates into a channel, which hands the reader what goes wrong.</summary>
    private void Write(GenerationRequest request, ChannelWriter<GeneratedPiece> pieces, CancellationToken cancellation)
    {
        try
        {
            Generate([request], piece => pieces.TryWrite(piece), cancellation);
            pieces.Complete();
        }
        catch (Exception failure)
        {
            pieces.Complete(failure);
        }
    }

    private IReadOnlyList<GeneratedText> Run(IReadOnlyList<GenerationRequest> requests, Action<GeneratedPiece>? progress, CancellationToken cancellation)
    {
        RunningText[] texts = [.. requests.Select((request, i) => new RunningText(i, request, Tokenizer, Architecture.OutputSize, ContextLength))];
        if (texts.Length > 0)
        {
            int longest = requests.Max(request => request.PromptIds.Count + request.Options.MaxNewTokens);
            Decoder(Math.Min(texts.Length, MaxRows), Math.Min(longest, ContextLength)).Run(texts, progress, cancellation);
        }

        return [.. texts.Select(text => text.Result())];
    }

    /// <summary>A decoder with room for so many texts of so many tokens; a larger one takes the place of one that is too small.</summary>
    private BatchDecoder Decoder(int rows, int tokens)
    {
        if (decoder is null || decoder.Runner.Rows < rows || decoder.Runner.Capacity < tokens)
        {
            int capacity = SmallestCapacity;
            while (capacity < Math.Max(tokens, decoder?.Runner.Capacity ?? 0))
            {
                capacity *= 2;
            }

            rows = Math.Max(rows, decoder?.Runner.Rows ?? 0);
            decoder?.Runner.Dispose();
            decoder = null;
            decoder = new BatchDecoder(new DecodingRunner(device, current, rows, Math.Min(capacity, ContextLength)));
        }

        return decoder;
    }
}
