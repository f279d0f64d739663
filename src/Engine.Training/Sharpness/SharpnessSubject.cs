using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Sharpness;

/// <summary>An adapter whose sharpness is measured, and the run that says on what.</summary>
/// <param name="Name">What reports call it.</param>
/// <param name="Adapter">Its PEFT folder.</param>
/// <param name="Run">Model, task, and as <c>data.validation</c> the evaluation set; its <c>per_device_eval_batch_size</c> and <c>data.validation_limit</c> count.</param>
/// <param name="Seed">What the adapter's run drew parameters from that no file gives; null: every parameter must be in the files.</param>
public sealed record SharpnessSubject(string Name, string Adapter, RunConfiguration Run, ulong? Seed)
{
    /// <summary>The adapter that a finished run wrote, on the run's validation data.</summary>
    /// <param name="rows">Only the first rows of it, this many; null: as the run has it.</param>
    public static SharpnessSubject OfRun(string name, RunConfiguration run, int? rows = null) => new(
        name,
        new RunFolder(run.Output).AdapterPath,
        run with { Data = run.Data with { ValidationLimit = rows ?? run.Data.ValidationLimit } },
        run.Seed);
}
