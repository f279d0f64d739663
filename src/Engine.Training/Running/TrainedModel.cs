using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Generation;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Training.Configuration;

namespace Engine.Training.Running;

/// <summary>An adapter under the name by which requests ask for it.</summary>
/// <param name="Folder">A PEFT folder.</param>
public sealed record NamedAdapter(string Name, string Folder);

/// <summary>A trained model as a path names it: a run, a model folder or an adapter folder, taken apart.</summary>
/// <param name="Model">The model folder.</param>
/// <param name="Adapter">The adapter folder; null for a fully tuned or an untouched model.</param>
/// <param name="Run">The run it came from; null where it came from elsewhere.</param>
public sealed record TrainedModel(string Model, string? Adapter, RunConfiguration? Run)
{
    /// <summary>What a path may be, for help texts.</summary>
    public const string Description = "A run file, the folder of a run, a model folder, or an adapter folder (its base model is then the "
        + "one it names).";

    /// <summary>What the run drew parameters from that no file gives; only an adapter's base model may lack any.</summary>
    public ulong? Seed => Adapter is null ? null : Run?.Seed;

    /// <summary>What reports call it: its run's folder, else its adapter's, else its own.</summary>
    public string Name => GivenAdapter.FolderName(Run?.Output ?? Adapter ?? Model);

    /// <summary>How its frozen matrices are stored: as its run had it.</summary>
    public WeightType Dtype => Run?.Dtype ?? WeightType.Auto;

    /// <summary>
    /// The folder that says how sentence vectors are made: the pretrained model's, which a fully tuned run's does not repeat.
    /// </summary>
    internal string SentenceFolder => Run?.Model ?? Model;

    /// <summary>What a run has made.</summary>
    /// <param name="weights">The adapter's folder, or that of the fully tuned model.</param>
    public static TrainedModel Of(RunConfiguration run, string weights) =>
        run.Adapter is null ? new(weights, null, run) : new(run.Model, weights, run);

    /// <summary>Finds out what a path is.</summary>
    /// <param name="path">File or folder.</param>
    /// <param name="adapter">An adapter to put on the model, in place of a run's own: its folder or that of a run that wrote it; null for
    /// none.</param>
    /// <exception cref="ModelFileException">There is nothing to be used; the message says what was expected.</exception>
    public static TrainedModel Resolve(string path, string? adapter = null)
    {
        adapter = adapter is null ? null : GivenAdapter.Find(adapter).Folder;
        if (File.Exists(path))
        {
            RunConfiguration run = RunConfiguration.Load(path);
            return OfRun(run, new RunFolder(run.Output), adapter);
        }

        RunFolder folder = new(path);
        if (File.Exists(folder.ConfigurationPath))
        {
            return OfRun(RunConfiguration.Load(folder.ConfigurationPath), folder, adapter);
        }

        if (adapter is null && File.Exists(Path.Combine(path, AdapterConfig.FileName)))
        {
            return new TrainedModel(BaseOf(path), path, null);
        }

        return File.Exists(Path.Combine(path, ModelConfig.FileName))
            ? new TrainedModel(path, adapter, null)
            : throw new ModelFileException(path, Directory.Exists(path)
                ? $"the folder is no run (config.yaml), no model ({ModelConfig.FileName}) and no adapter ({AdapterConfig.FileName})."
                : "there is no such file or folder; a run file, a run's folder, a model folder or an adapter folder was expected. "
                    + $"{LocalPath.HubHint}");
    }

    private static TrainedModel OfRun(RunConfiguration run, RunFolder folder, string? adapter)
    {
        if (adapter is not null)
        {
            return new TrainedModel(run.Model, adapter, run);
        }

        string weights = run.Adapter is null ? folder.ModelPath : folder.AdapterPath;
        return Directory.Exists(weights)
            ? Of(run, weights)
            : throw new ModelFileException(weights, "there is no such folder yet; the run writes it when it ends: train it first.");
    }

    /// <summary>
    /// Merges the adapter into its base model, W + scale B A in float32, and writes a Hugging Face folder that needs no adapter.
    /// </summary>
    /// <param name="output">A folder that is empty or not there yet.</param>
    /// <returns>What a user should know, in words.</returns>
    /// <exception cref="ArgumentException">There is no adapter.</exception>
    /// <exception cref="ModelFileException">Base and adapter do not fit, or a parameter is in neither.</exception>
    /// <exception cref="IOException">The output could not be written, or holds something already.</exception>
    public IReadOnlyList<string> WriteMerged(string output, MergeOptions? options = null) =>
        AdapterMerge.Write(ModelFolder.Open(Model), RequireAdapter(), output, options ?? new MergeOptions());

    /// <summary>
    /// Writes the adapter anew, of the same rank, after a change of its merged weights, such as <c>IntruderMitigation.Revise</c>.
    /// </summary>
    /// <param name="output">A folder that is empty or not there yet.</param>
    /// <returns>What a user should know, in words.</returns>
    /// <exception cref="ArgumentException">There is no adapter.</exception>
    /// <exception cref="ModelFileException">The adapter does not fit its base model, or is no product of B and A alone.</exception>
    /// <exception cref="IOException">The output could not be written, or holds something already.</exception>
    public IReadOnlyList<string> WriteAdapter(string output, WeightRevision revision) =>
        AdapterRevision.Write(ModelFolder.Open(Model), RequireAdapter(), output, revision);

    private string RequireAdapter() => Adapter ?? throw new ArgumentException(Run is null
        ? $"{Model} is a model without an adapter, so that there is nothing to merge; give the adapter, too."
        : $"{Run.Output} is a run that trained every parameter: {Model} is a whole model already.");

    /// <summary>Opens a causal language model with adapters, of which the first is the one of requests that name none.</summary>
    /// <param name="adapters">Adapters by name, in place of the model's own; null or empty: its own, where it has one.</param>
    /// <param name="contextLength">The most tokens of a prompt with its answer; null: the model's positions.</param>
    /// <param name="type">How matrices are stored; null: as its run had it.</param>
    /// <param name="allowMissing">Accept adapters that lack tensors or have too many.</param>
    /// <param name="notes">What a user should know of the weights and the adapters.</param>
    /// <exception cref="ConfigurationException">It is the run of a classifier or regressor.</exception>
    /// <exception cref="ModelFileException">The model is no causal language model, or an adapter does not fit it.</exception>
    public Generator OpenGenerator(
        Device device, out IReadOnlyList<string> notes, IReadOnlyList<NamedAdapter>? adapters = null, int? contextLength = null,
        WeightType? type = null, bool allowMissing = false)
    {
        if (Run is { } run && !run.Task.IsLanguageModel())
        {
            throw new ConfigurationException($"{run.Output} is the run of a classifier or regressor, which goes on with no texts.");
        }

        NamedAdapter[] loaded = adapters is { Count: > 0 }
            ? [.. adapters]
            : Adapter is { } own ? [new(GivenAdapter.Find(own).Name, own)] : [];
        Generator generator = Generator.Open(device, Model, contextLength, type ?? Dtype, loaded.FirstOrDefault()?.Folder);
        try
        {
            List<string> said = [.. generator.Notes];
            foreach (NamedAdapter adapter in loaded)
            {
                said.AddRange(generator.AddAdapter(adapter.Name, adapter.Folder, allowMissing));
                generator.UseAdapter(generator.Adapter ?? adapter.Name);
            }

            notes = said;
            return generator;
        }
        catch
        {
            generator.Dispose();
            throw;
        }
    }

    /// <summary>Sees that the model's run, where there is one, is that of a classifier or regressor.</summary>
    /// <exception cref="ConfigurationException">It is the run of a language model.</exception>
    internal void RequireLabels()
    {
        if (Run is { Task: TaskKind.SentenceSimilarity })
        {
            throw new ConfigurationException(
                $"{Run.Output} is the run of a model that makes vectors of texts, and labels are given by classifiers and regressors; it "
                    + "embeds texts, and evaluated it gives how well their cosines fit.");
        }

        if (Run is { } run && run.Task.IsLanguageModel())
        {
            throw new ConfigurationException(
                $"{run.Output} is the run of a language model, and labels are given by classifiers and regressors; evaluated it gives loss "
                    + "and perplexity, and a causal one goes on with texts.");
        }
    }

    /// <summary>The model an adapter says it was trained on.</summary>
    /// <exception cref="ModelFileException">It names none, or none that is here.</exception>
    public static string BaseOf(string adapter)
    {
        string? model = AdapterConfig.Read(adapter).BaseModelNameOrPath;
        return model is not null && Directory.Exists(model)
            ? model
            : throw new ModelFileException(adapter, model is null
                ? "the adapter does not say which model it was trained on; give the model's folder, and this one as the adapter."
                : $"the adapter was trained on '{model}', and there is no such folder here; "
                    + $"give the model's folder, and this one as the adapter. {LocalPath.HubHint}")
            {
                Settings = ["Adapter"],
            };
    }
}
