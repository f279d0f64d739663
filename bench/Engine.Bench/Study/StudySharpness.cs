using Engine.Devices;
using Engine.Optim.Sharpness;
using Engine.Training.Configuration;
using Engine.Training.Sharpness;

namespace Engine.Bench.Study;

/// <summary>
/// How flat the loss is around a run's final weights. By the papers' measures: in the full weights, the mean rise under filter-normalised
/// noise of one, two and four times the size that Flat-LoRA trains with, and the loss along a random filter-normalised direction, on many
/// rows. By ours: the steepest ascent in the full weights and in the adapter, on the 32 rows of the earlier replication.
/// </summary>
internal static class StudySharpness
{
    private const int ManyRows = 256, FewRows = 32, Pairs = 6, Points = 9;
    private const double TrainingNoise = 0.05;

    /// <summary>Null where it was interrupted.</summary>
    public static IReadOnlyDictionary<string, double?>? Measure(
        Device device, string name, RunConfiguration run, CancellationToken cancellation)
    {
        var figures = new Dictionary<string, double?>();
        foreach (int times in (ReadOnlySpan<int>)[1, 2, 4])
        {
            SharpnessInstrument[] instruments = times == 1
                ? [SharpnessInstrument.Expected, SharpnessInstrument.Line]
                : [SharpnessInstrument.Expected];
            if (Look(ManyRows, new SharpnessOptions
            {
                Instruments = instruments,
                Spaces = [SharpnessSpace.Weights],
                Sigma = times * TrainingNoise,
                Samples = Pairs,
                Points = Points,
            }) is not { } looked)
            {
                return null;
            }

            SpaceReport weights = looked.Of(SharpnessSpace.Weights)!;
            Add($"noise-{times}x", weights.Expected!.Value);
            if (weights.Line is { } line)
            {
                figures["loss"] = weights.Loss;
                for (int i = 0; i < Points; i++)
                {
                    Add(FormattableString.Invariant($"line{line.Coordinates[i]:+0.00;-0.00;+0.00}"), line.Losses[0][i] - weights.Loss);
                }
            }
        }

        if (Look(FewRows, new SharpnessOptions { Instruments = [SharpnessInstrument.WorstCase] }) is not { } ours)
        {
            return null;
        }

        Add("ascent-weights", ours.Of(SharpnessSpace.Weights)!.WorstCase!.Ascent);
        Add("ascent-adapter", ours.Of(SharpnessSpace.Adapter)!.WorstCase!.Ascent);
        return figures;

        AdapterReport? Look(int rows, SharpnessOptions options)
        {
            var subject = SharpnessSubject.OfRun(name, run, Math.Min(rows, run.Data.ValidationLimit ?? rows));
            AdapterReport report = new SharpnessAnalysis(device, options).Measure(subject, null, cancellation);
            return report.Complete ? report : null;
        }

        void Add(string figure, double value) => figures[figure] = double.IsFinite(value) ? value : null;
    }
}
