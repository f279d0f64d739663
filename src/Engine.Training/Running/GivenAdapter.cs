using Engine.Model;
using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Model.Peft;
using Engine.Training.Configuration;

namespace Engine.Training.Running;

/// <summary>An adapter as a path names it: a PEFT folder, a run that wrote one, or that run's file.</summary>
/// <param name="Folder">The PEFT folder.</param>
/// <param name="Run">The run that wrote it; null where it came from elsewhere.</param>
internal sealed record GivenAdapter(string Folder, RunConfiguration? Run)
{
    /// <summary>What a path may be, for help texts.</summary>
    public const string Description =
        "PEFT adapter folder, or the folder of a run that wrote one, to put on the model; a run's own adapter needs none.";

    /// <summary>What reports call it: the run's folder, or its own.</summary>
    public string Name => Run is null ? FolderName(Folder) : FolderName(Run.Output);

    /// <summary>Finds out what a path is.</summary>
    /// <exception cref="ModelFileException">There is no adapter.</exception>
    public static GivenAdapter Find(string path)
    {
        if (File.Exists(path))
        {
            path = RunConfiguration.Load(path).Output;
        }

        RunFolder run = new(path);
        if (File.Exists(run.ConfigurationPath))
        {
            return Directory.Exists(run.AdapterPath)
                ? new GivenAdapter(run.AdapterPath, RunConfiguration.Load(run.ConfigurationPath))
                : throw new ModelFileException(run.AdapterPath, "there is no such folder; a run with an adapter writes it when it ends.");
        }

        if (!File.Exists(Path.Combine(path, AdapterConfig.FileName)))
        {
            throw new ModelFileException(path, Directory.Exists(path)
                ? $"the folder is no adapter ({AdapterConfig.FileName}) and no run (config.yaml)."
                : "there is no such folder; an adapter's or a run's was expected.");
        }

        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        return Path.GetDirectoryName(full) is { } parent && new RunFolder(parent) is var above && above.AdapterPath == full
            && File.Exists(above.ConfigurationPath)
            ? new GivenAdapter(path, RunConfiguration.Load(above.ConfigurationPath))
            : new GivenAdapter(path, null);
    }

    /// <summary>What the adapter does: the run's task, else what PEFT's task type or the model's configuration says.</summary>
    public TaskKind Task(string model)
    {
        if (Run is not null)
        {
            return Run.Task;
        }

        return TaskOf(ModelFolder.Open(model).CreateArchitecture(Folder).Head);
    }

    /// <summary>The task of a head.</summary>
    internal static TaskKind TaskOf(HeadKind head) => head switch
    {
        HeadKind.SequenceClassification => TaskKind.SequenceClassification,
        HeadKind.Regression => TaskKind.Regression,
        HeadKind.TokenClassification => TaskKind.TokenClassification,
        HeadKind.MultiLabelClassification => TaskKind.MultiLabelClassification,
        HeadKind.QuestionAnswering => TaskKind.QuestionAnswering,
        HeadKind.MultipleChoice => TaskKind.MultipleChoice,
        HeadKind.Embedding or HeadKind.Ranking or HeadKind.Similarity => TaskKind.SentenceSimilarity,
        HeadKind.MaskedLm => TaskKind.MaskedLanguageModel,
        _ => TaskKind.CausalLanguageModel,
    };

    /// <summary>Names that tell adapters apart: their own, or their folders where two are alike.</summary>
    public static IReadOnlyList<string> Names(IReadOnlyList<GivenAdapter> adapters) =>
        [.. adapters.Select(adapter => adapters.Count(other => other.Name == adapter.Name) > 1 ? adapter.Folder : adapter.Name)];

    /// <summary>The name of a folder.</summary>
    public static string FolderName(string path) => Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)));
}
