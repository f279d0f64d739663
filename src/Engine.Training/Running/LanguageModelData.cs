using Engine.Common.Keys;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Running;

/// <summary>What evaluating a run's language model, or maker of sentence vectors, needs besides the model.</summary>
/// <param name="Folder">The model's folder.</param>
/// <param name="Architecture">Its architecture for the run's task.</param>
/// <param name="Validation">The evaluation of what the run holds out; null where it holds out nothing.</param>
/// <param name="Notes">What a user should know of the rows: samples that were cut or dropped.</param>
internal sealed record LanguageModelData(ModelFolder Folder, Architecture Architecture, Evaluator? Validation, IReadOnlyList<string> Notes)
{
    /// <summary>Reads the validation data, laid out and cut as the run's own evaluations have it.</summary>
    /// <param name="run">A run with <c>task: causal-lm</c>, <c>masked-lm</c> or <c>sentence-similarity</c>.</param>
    /// <param name="adapterFolder">The adapter that is evaluated, a PEFT folder, or null.</param>
    /// <exception cref="ArgumentException">Columns, or a format, that hold no texts for this task.</exception>
    /// <exception cref="Model.Batching.DataFileException">The data cannot be used.</exception>
    public static LanguageModelData Read(RunConfiguration run, string? adapterFolder)
    {
        RequireTexts(run);
        run = RunRules.ResolveEvaluation(run);
        ModelFolder folder = RunData.OpenModel(run);
        Architecture architecture =
            ModelFolder.Adapted(RunData.CreateArchitecture(run, folder, RunData.HeadOf(run.Task)), adapterFolder);
        var encoder = new RunEncoder(run, folder, architecture);
        Evaluator? validation = encoder.Validation(labels: null);
        return new LanguageModelData(folder, architecture, validation, encoder.Notes);
    }

    /// <summary>Loads the model.</summary>
    /// <param name="type">How its matrices are stored; null: as its run had it.</param>
    /// <inheritdoc cref="EvaluationModel.Load"/>
    public EvaluationModel Load(Device device, TrainedModel trained, WeightType? type = null) =>
        EvaluationModel.Load(device, Folder, Architecture, trained.Adapter, trained.Seed, type ?? trained.Dtype);

    private static void RequireTexts(RunConfiguration run)
    {
        IReadOnlyList<DataFormat> formats = run.Data.HeldOut is { } files ? run.Data.FormatsOf(files) : [];
        if (formats.Any(format => format.HoldsAny(DataContents.Batches)))
        {
            throw new ArgumentException(
                "The run was trained on prebatched data, which is not evaluated; give texts, and say how they are written.");
        }

        if (run.Task != TaskKind.CausalLanguageModel)
        {
            return;
        }

        if ((run.Data.Text ?? run.Data.TextPair ?? run.Data.Label) is not null)
        {
            throw new ArgumentException(
                "A causal language model's data is known by its keys (messages, prompt with completion, ...), "
                    + $"and columns are named ({Setting.Of("data.text")}, {Setting.Of("data.text_pair")}, {Setting.Of("data.label")}); "
                    + "leave them out.");
        }

        const DataContents Read = DataContents.Records | DataContents.Texts;
        if (formats.Any(format => !format.HoldsAny(Read)))
        {
            throw new ArgumentException(
                $"Tables are not read for a causal language model; the format {DataFormats.Names(DataFormats.Holding(Read), "or")} was "
                    + "expected.");
        }
    }
}
