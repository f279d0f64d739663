using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Sharpness;

/// <summary>An adapter whose sharpness is measured, and the run that says on what.</summary>
/// <param name="Name">What reports call it.</param>
/// <param name="Adapter">Its PEFT folder.</param>
/// <param name="Run">Model, task, and as <c>data.validation</c> the evaluation set; its <c>per_device_eval_batch_size</c> and
/// <c>data.validation_limit</c> count.</param>
/// <param name="Seed">What the adapter's run drew parameters from that no file gives; null: every parameter must be in the files.</param>
public sealed record SharpnessSubject(string Name, string Adapter, RunConfiguration Run, ulong? Seed)
{
    /// <summary>An adapter on the data of its run, or on other data.</summary>
    /// <param name="name">What reports call it.</param>
    /// <exception cref="Common.ConfigurationException">There is no data, or columns of labelled texts are not named.</exception>
    /// <exception cref="Common.Files.ModelFileException">No base model is known, or its files are broken.</exception>
    /// <exception cref="Model.Batching.DataFileException">The data files cannot be found.</exception>
    internal static SharpnessSubject Of(string name, GivenAdapter adapter, SharpnessSetup setup)
    {
        string model = setup.Model ?? adapter.Run?.Model ?? TrainedModel.BaseOf(adapter.Folder);
        TaskKind task = adapter.Task(model);
        string purpose = $"measure the loss of {name} on";
        DataConfiguration data = !task.IsLanguageModel()
            ? setup.Data.Labelled(adapter.Run?.Data, purpose)
            : setup.Data.Required(adapter.Run?.Data, purpose);
        RunConfiguration start = adapter.Run ?? new RunConfiguration { Model = model, Output = adapter.Folder, Data = data, Task = task };
        RunConfiguration run = start with
        {
            Model = model,
            Data = data with { ValidationLimit = setup.Rows },
            PerDeviceEvalBatchSize = setup.BatchSize,
            MaxLength = setup.MaxLength ?? start.MaxLength,
            Dtype = setup.Dtype ?? start.Dtype,
        };
        return new SharpnessSubject(name, adapter.Folder, run, adapter.Run?.Seed);
    }

    /// <summary>The adapter that a finished run wrote, on the run's validation data.</summary>
    /// <param name="rows">Only the first rows of it, this many; null: as the run has it.</param>
    public static SharpnessSubject OfRun(string name, RunConfiguration run, int? rows = null) => new(
        name,
        new RunFolder(run.Output).AdapterPath,
        run with { Data = run.Data with { ValidationLimit = rows ?? run.Data.ValidationLimit } },
        run.Seed);
}
