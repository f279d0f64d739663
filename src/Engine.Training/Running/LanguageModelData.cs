using Engine.Model;
using Engine.Model.Architectures;
using Engine.Training.Configuration;

namespace Engine.Training.Running;

/// <summary>What evaluating a run's language model needs besides the model.</summary>
/// <param name="Folder">The model's folder.</param>
/// <param name="Architecture">Its architecture for the run's task.</param>
/// <param name="Validation">The evaluation of <c>data.validation</c>; null where the run has none.</param>
/// <param name="Notes">What a user should know of the rows: samples that were cut or dropped.</param>
public sealed record LanguageModelData(ModelFolder Folder, Architecture Architecture, Evaluator? Validation, IReadOnlyList<string> Notes)
{
    /// <summary>Reads the validation data, laid out and cut as the run's own evaluations have it.</summary>
    /// <param name="run">A run with <c>task: causal-lm</c> or <c>masked-lm</c> whose data is not prebatched.</param>
    /// <param name="adapterFolder">The adapter that is evaluated, a PEFT folder, or null.</param>
    /// <exception cref="Model.Batching.DataFileException">The data cannot be used.</exception>
    public static LanguageModelData Read(RunConfiguration run, string? adapterFolder)
    {
        run = RunRules.ResolveEvaluation(run);
        ModelFolder folder = ModelFolder.Open(run.Model);
        Architecture architecture = ModelFolder.Adapted(folder.CreateArchitecture(RunData.HeadOf(run.Task)), adapterFolder);
        var encoder = new RunEncoder(run, folder, architecture);
        Evaluator? validation = encoder.Validation(null);
        return new LanguageModelData(folder, architecture, validation, encoder.Notes);
    }
}
