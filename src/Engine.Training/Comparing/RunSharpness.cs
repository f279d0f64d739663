using System.Text.Json;
using Engine.Common.Files;
using Engine.Common;
using Engine.Model.Peft;
using Engine.Optim;
using Engine.Optim.Sharpness;
using Engine.Training.Sharpness;

namespace Engine.Training.Comparing;

/// <summary>What a comparison measures of every run's sharpness.</summary>
/// <param name="Instruments">Those whose results are single figures.</param>
/// <param name="Rows">Rows of the validation data that the loss is the mean over.</param>
public sealed record SharpnessRequest(IReadOnlyList<SharpnessInstrument> Instruments, int Rows)
{
    /// <summary>The figures by instrument, with how a report has them; all are smaller where the loss is flatter.</summary>
    private static readonly (SharpnessInstrument Instrument, string Name, Func<SpaceReport, double?> Value)[] Figures =
    [
        (SharpnessInstrument.Expected, "expected", report => report.Expected?.Value),
        (SharpnessInstrument.WorstCase, "one-step", report => report.WorstCase?.OneStep),
        (SharpnessInstrument.WorstCase, "ascent", report => report.WorstCase?.Ascent),
        (SharpnessInstrument.Eigenvalue, "eigenvalue", report => report.Eigenvalue?.Value),
        (SharpnessInstrument.Critical, "critical", report => report.Critical?.Value),
        (SharpnessInstrument.Trace, "trace", report => report.Trace?.Value),
    ];

    /// <summary>Every figure, in the order of columns.</summary>
    internal static IReadOnlyList<string> FigureNames { get; } = [.. Figures.Select(figure => figure.Name)];

    /// <summary>Reads <c>expected,worst-case</c>.</summary>
    /// <exception cref="ConfigurationException">No such instrument, one without a single figure, or no row.</exception>
    public static SharpnessRequest Parse(string list, int rows)
    {
        SharpnessInstrument[] instruments =
            [.. list.Split(',', StringSplitOptions.TrimEntries).Select(SharpnessNames.Instrument).Distinct().Order()];
        foreach (SharpnessInstrument instrument in instruments.Where(instrument => Figures.All(figure => figure.Instrument != instrument)))
        {
            throw new ConfigurationException(
                $"The instrument {SharpnessNames.Of(instrument)} has no single figure to compare; expected some of "
                + $"{string.Join(", ", Figures.Select(figure => SharpnessNames.Of(figure.Instrument)).Distinct())}. The others are "
                + "measured of adapters side by side (docs/sharpness.md).");
        }

        return rows >= 1
            ? new SharpnessRequest(instruments, rows)
            : throw new ConfigurationException($"Sharpness is asked for on {rows} rows; at least 1 was expected.");
    }

    /// <summary>The settings of the instruments; both spaces are looked at.</summary>
    public SharpnessOptions Options => new() { Instruments = Instruments };

    /// <summary>The same for an adapter: one that cannot be merged has no whole weights to look at.</summary>
    internal SharpnessOptions OptionsFor(AdapterConfig adapter) =>
        adapter.Form?.Unmergeable is null ? Options : Options with { Spaces = [SharpnessSpace.Adapter] };

    /// <summary>What decides the figures, as text.</summary>
    internal string Description => JsonSerializer.Serialize(new { Rows, Options });

    /// <summary>The figures of a report, by space and name.</summary>
    internal SortedDictionary<string, SortedDictionary<string, double?>> FiguresOf(AdapterReport report) => new(report.Spaces.ToDictionary(
        space => SharpnessNames.Of(space.Space),
        space => new SortedDictionary<string, double?>(Figures
            .Where(figure => Instruments.Contains(figure.Instrument))
            .ToDictionary(
                figure => figure.Name, figure => figure.Value(space) is { } value && double.IsFinite(value) ? value : (double?)null))));
}

/// <summary>The sharpness of a finished run's adapter, kept in its folder.</summary>
/// <param name="Asked">What decided the figures.</param>
/// <param name="Spaces">Figures by space (<c>adapter</c>, <c>weights</c>) and name; null where one is not finite.</param>
public sealed record RunSharpness(string Asked, SortedDictionary<string, SortedDictionary<string, double?>> Spaces)
{
    internal const string FileName = "sharpness.json";

    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>What was measured of a run by the same request; null where that is not there.</summary>
    internal static RunSharpness? Find(string folder, SharpnessRequest request)
    {
        string path = Path.Combine(folder, FileName);
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize<RunSharpness>(File.ReadAllBytes(path)) is { } found && found.Asked == request.Description
                ? found
                : null;
        }
        catch (JsonException exception)
        {
            throw new Running.TrainingException(
                $"{path} cannot be read ({exception.Message.TrimEnd('.')}). Delete it to measure anew.", exception);
        }
    }

    internal void Write(string folder)
    {
        using OutputFolder output = OutputFolder.Open(folder);
        output.Claim(FileName);
        AtomicFile.WriteAllBytes(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(this, Indented));
    }
}
