using Engine.ChatClient;
using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Batching;
using Engine.Model.Chat;
using Engine.Model.Generation;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Microsoft.Extensions.AI;

namespace Engine.FineTuning;

/// <summary>
/// A causal language model that was trained or opened, as an <see cref="IChatClient"/>: conversations are laid out as its run, or its
/// folder, says. Safe for use by several threads, whose requests are answered side by side.
/// </summary>
public sealed class LanguageModel : DelegatingChatClient
{
    private readonly Opened opened;

    private LanguageModel(Opened opened)
        : base(new EngineChatClient(opened.Chat, opened.Trained.Name)) => this.opened = opened;

    /// <summary>
    /// What the training came to: its metrics before and after, and the folder of the weights; null for a model that was opened.
    /// </summary>
    public TrainingOutcome? Training => opened.Training;

    /// <summary>The model without a chat: goes on with texts.</summary>
    public Generator Generator => opened.Chat.Generator;

    /// <summary>Opens a language model; its weights are read and on the device when this returns.</summary>
    /// <param name="path">A run's folder or its file, a model folder, or an adapter's folder whose base model is the one it names.</param>
    /// <param name="adapter">An adapter's folder, to be put on the model; null: the run's own, or none.</param>
    /// <param name="device">The device, which stays the caller's; null: the run's, else the processor.</param>
    /// <returns>The model; the caller disposes it.</returns>
    /// <exception cref="ModelFileException">There is no such model, or it is no causal language model.</exception>
    /// <exception cref="ConfigurationException">The run's file is broken, or the run is one of another task.</exception>
    /// <exception cref="DeviceException">The device is not there, or its memory does not hold the model.</exception>
    public static LanguageModel Open(string path, string? adapter = null, Device? device = null) =>
        Holding.Open(path, adapter, device, (holding, trained) => new LanguageModel(Opened.Of(holding, trained)));

    /// <summary>Opens a language model with several adapters, a context or layout of its own, or another storage.</summary>
    /// <param name="path">A run's folder or its file, a model folder, or an adapter's folder whose base model is the one it names.</param>
    /// <param name="options">Adapters, context, layout, storage and device.</param>
    /// <returns>The model; the caller disposes it.</returns>
    /// <exception cref="ArgumentException">Two adapters have one name.</exception>
    /// <inheritdoc cref="Open(string, string?, Device?)" path="/exception"/>
    public static LanguageModel Open(string path, LanguageModelOptions options)
    {
        string? first = options.Adapters.FirstOrDefault()?.Folder;
        return Holding.Open(
            path, first, options.Device, (holding, trained) => new LanguageModel(Opened.Of(holding, trained, options: options)));
    }

    /// <summary>
    /// Loss of what is learned of each example, laid out and cut as the model's run does, and its exponential: <c>loss</c> and
    /// <c>perplexity</c>. A second copy of the weights is on the device meanwhile.
    /// </summary>
    /// <param name="examples">Conversations, completions or texts, one kind; messages call an entry <c>examples[17]</c>.</param>
    /// <param name="cancellationToken">Stops before the next batch.</param>
    /// <returns>The metrics by name; the loss is the mean cross-entropy of a token in nats.</returns>
    /// <exception cref="ArgumentException">There are no examples, or a message holds something else than text.</exception>
    /// <exception cref="DataFileException">The examples are of several kinds, or have no answer to learn.</exception>
    /// <exception cref="ModelFileException">The model's files are not there any more.</exception>
    /// <exception cref="DeviceException">The device's memory does not hold a second copy.</exception>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    /// <exception cref="OperationCanceledException">Cancelled while waiting, or between two batches.</exception>
    /// <exception cref="ObjectDisposedException">The model's device was disposed, before or meanwhile.</exception>
    public Task<IReadOnlyDictionary<string, double>> EvaluateAsync(
        IEnumerable<LanguageExample> examples, CancellationToken cancellationToken = default) =>
        LanguageEvaluation.EvaluateAsync(
            opened.Holding.Device,
            opened.Trained,
            TaskKind.CausalLanguageModel,
            nameof(examples),
            examples.ToAsyncEnumerable(),
            ExampleWriter.Write,
            data => data,
            cancellationToken);

    internal static Task<LanguageModel> TrainAsync(RunPlace place, FineTuneOptions? options, CancellationToken cancellationToken) =>
        TrainingTask.TrainAndOpenAsync(
            place, options, (holding, trained, outcome) => new LanguageModel(Opened.Of(holding, trained, outcome)), cancellationToken);

    /// <summary>Frees the model, and the device where it was opened for it.</summary>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (disposing)
        {
            opened.Dispose();
        }
    }

    /// <summary>The model with all that goes with it.</summary>
    private sealed record Opened(ChatGenerator Chat, TrainedModel Trained, TrainingOutcome? Training, Holding Holding) : IDisposable
    {
        public static Opened Of(
            Holding holding, TrainedModel trained, TrainingOutcome? training = null, LanguageModelOptions? options = null)
        {
            Generator generator = trained.OpenGenerator(
                holding.Device, out _, options?.Adapters, options?.ContextLength, options?.Dtype, options?.AllowMissing ?? false);
            try
            {
                // A model that was never made for conversations goes on with their texts.
                ChatTemplate? template = options?.ChatTemplate is { } choice ? choice.Template(trained.Model)
                    : trained.Run?.ChatTemplateName is { } layout ? ChatTemplate.Named(layout, trained.Model)
                    : ChatTemplate.FindOf(trained.Model);
                return new Opened(new ChatGenerator(generator, template), trained, training, holding);
            }
            catch
            {
                generator.Dispose();
                throw;
            }
        }

        public void Dispose()
        {
            Chat.Generator.Dispose();
            Holding.Dispose();
        }
    }
}
