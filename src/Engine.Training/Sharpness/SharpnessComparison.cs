using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Optim.Sharpness;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Sharpness;

/// <summary>What a comparison of sharpness came to.</summary>
/// <param name="Results">What was measured of each adapter.</param>
/// <param name="JsonPath">The results' file, <c>sharpness.json</c>.</param>
/// <param name="PagePath">The results as a page for people, <c>sharpness.html</c>.</param>
/// <param name="Interrupted">It was cancelled; what was measured before is there.</param>
public sealed record SharpnessOutcome(SharpnessResults Results, string JsonPath, string PagePath, bool Interrupted);

/// <summary>
/// Adapters whose sharpness is measured side by side: on one base model, one evaluation set and the same random directions. Everything that
/// they are measured with is looked at before any of the work.
/// </summary>
public sealed class SharpnessComparison
{
    private const string JsonName = "sharpness.json";
    private const string PageName = "sharpness.html";

    private readonly SharpnessOptions options;

    /// <param name="adapters">PEFT folders, folders of runs that wrote one, or files of such runs.</param>
    /// <param name="setup">On what they are measured; null: on each run's model and validation data.</param>
    /// <param name="options">What is measured; null: everything.</param>
    /// <exception cref="ConfigurationException">A number out of its range, no data, or adapters of several models or data sets.</exception>
    /// <exception cref="ModelFileException">A file is missing or broken, or adapter and model do not fit.</exception>
    /// <exception cref="Model.Batching.DataFileException">The data cannot be used.</exception>
    public SharpnessComparison(IReadOnlyList<string> adapters, SharpnessSetup? setup = null, SharpnessOptions? options = null)
    {
        this.options = options ?? new SharpnessOptions();
        this.options.Validate();
        Subjects = Find(adapters, setup ?? new SharpnessSetup());
        Notes = [.. Subjects.SelectMany(SharpnessAnalysis.Require)];
    }

    /// <summary>The adapters, each with the run that says on what it is measured.</summary>
    public IReadOnlyList<SharpnessSubject> Subjects { get; }

    /// <summary>What a user should know of the data.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>
    /// Measures one adapter after another, and writes <c>sharpness.json</c> and <c>sharpness.html</c>, anew after every adapter. Cancelled,
    /// it returns what was measured before.
    /// </summary>
    /// <param name="output">The folder of the two files.</param>
    /// <param name="progress">Told of passes on the thread that measures.</param>
    /// <exception cref="TrainingException">The device has too little memory.</exception>
    /// <exception cref="IOException">The folder cannot be written, or holds such files of somebody else.</exception>
    public SharpnessOutcome Measure(
        Device device, string output, IProgress<SharpnessProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using OutputFolder held = OutputFolder.Open(output);
        held.Claim(JsonName, PageName);
        var analysis = new SharpnessAnalysis(device, options);
        RunConfiguration first = Subjects[0].Run;
        var results = new SharpnessResults(device.ToString(), first.Model, first.Data.HeldOut!.ToString(), options, []);
        string json = Path.Combine(output, JsonName), page = Path.Combine(output, PageName);
        foreach (SharpnessSubject subject in Subjects.TakeWhile(_ => !cancellationToken.IsCancellationRequested))
        {
            results = results with { Adapters = [.. results.Adapters, analysis.Measure(subject, progress, cancellationToken)] };
            results.Write(json);
            results.WritePage(page);
        }

        return new SharpnessOutcome(results, json, page, cancellationToken.IsCancellationRequested);
    }

    private static SharpnessSubject[] Find(IReadOnlyList<string> adapters, SharpnessSetup setup)
    {
        if (adapters.Count == 0 || setup.Rows < 1 || setup.BatchSize < 1)
        {
            throw new ConfigurationException(
                $"rows is {setup.Rows} and batch size {setup.BatchSize}, for {adapters.Count} adapters; at least 1 of each was expected.")
            {
                Settings = [nameof(setup.Rows), nameof(setup.BatchSize)],
            };
        }

        GivenAdapter[] given = [.. adapters.Select(GivenAdapter.Find)];
        SharpnessSubject[] subjects =
            [.. given.Zip(GivenAdapter.Names(given), (adapter, name) => SharpnessSubject.Of(name, adapter, setup))];
        foreach (SharpnessSubject subject in subjects)
        {
            RequireSame("model", nameof(setup.Model), subjects[0], subject, run => [run.Model]);
            RequireSame("evaluation data", nameof(setup.Data), subjects[0], subject, run => run.Data.HeldOut!.Paths);
        }

        return subjects;
    }

    private static void RequireSame(
        string what, string setting, SharpnessSubject first, SharpnessSubject other, Func<RunConfiguration, IReadOnlyList<string>> paths)
    {
        IReadOnlyList<string> one = paths(first.Run), two = paths(other.Run);
        if (!one.Select(Path.GetFullPath).SequenceEqual(two.Select(Path.GetFullPath)))
        {
            throw new ConfigurationException(
                $"Adapters are compared on one {what}, but that of {first.Name} is {string.Join(", ", one)} and that of {other.Name} "
                + $"{string.Join(", ", two)}; say which, or measure them apart.")
            {
                Settings = [setting],
            };
        }
    }
}
