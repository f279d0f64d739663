using System.Text.Json;
using System.Text.Json.Serialization;

namespace Engine.Bench.Study;

/// <summary>What the perturbations of a run came to over the second half of its steps, in which radii have settled.</summary>
/// <param name="Known">Steps whose rise of the loss was measured.</param>
/// <param name="Mean">Mean rise of the loss, L(w + e) - L(w), on the step's own batch.</param>
/// <param name="Share">The same over the mean of L(w) in those steps.</param>
/// <param name="Loss">Mean of L(w) in those steps.</param>
/// <param name="BatchDeviation">
/// How far the reported loss scatters from one batch to the next: the root of half the mean square of the difference of neighbouring steps,
/// so that its trend does not count. A rise far below it is inert.
/// </param>
/// <param name="Radius">Mean radius, where a step has one of its own.</param>
/// <param name="LargestRadius">The largest radius of the whole run.</param>
/// <param name="Reached">Bi-LoRA: mean of the auxiliary's norm over the radius.</param>
internal sealed record RealisedRise(
    int Known, double Mean, double Share, double Loss, double BatchDeviation, double? Radius = null, double? LargestRadius = null,
    double? Reached = null);

/// <summary>A finished run of the study, a line of docs/results/flatness.jsonl.</summary>
/// <param name="Part">Part of the study.</param>
/// <param name="Method">Its name.</param>
/// <param name="Setting">Its parameters; empty: none.</param>
/// <param name="Seed">Its seed.</param>
/// <param name="Commit">Of the program that measured it.</param>
/// <param name="Device">What it was trained on.</param>
/// <param name="Steps">Optimizer steps.</param>
/// <param name="Seconds">Of the training's steps, on a machine that does other work.</param>
/// <param name="TrainLoss">Mean of the reported loss over the last tenth of the steps; of one-pass methods under their
/// perturbation.</param>
/// <param name="Metrics">Of the final weights on the part's evaluation set; null where one is not defined.</param>
internal sealed record StudyLine(
    string Part,
    string Method,
    string Setting,
    ulong Seed,
    string Commit,
    string Device,
    long Steps,
    double Seconds,
    double TrainLoss,
    IReadOnlyDictionary<string, double?> Metrics)
{
    /// <summary>Of everything: training, evaluation, sharpness; null where the run was made in more than one sitting.</summary>
    public double? ProcessorSeconds { get; init; }

    /// <summary>
    /// Accuracy on test sets that training and its evaluation set do not resemble, by name; null where the part has none.
    /// </summary>
    public IReadOnlyDictionary<string, double>? Shifted { get; init; }

    /// <summary>Null for a method that does not perturb.</summary>
    public RealisedRise? Rise { get; init; }

    /// <summary>Rises of the loss around the final weights, by figure; null where the part measures none.</summary>
    public IReadOnlyDictionary<string, double?>? Sharpness { get; init; }

    private static readonly JsonSerializerOptions Format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectRequiredConstructorParameters = true,
    };

    /// <summary>The lines of a file; none where it is not there.</summary>
    /// <exception cref="InvalidDataException">A line is none, such as one that a kill cut off; the message says which.</exception>
    public static IReadOnlyList<StudyLine> Read(string path) => !File.Exists(path) ? [] : [.. File.ReadLines(path).Select((line, i) =>
    {
        try
        {
            return JsonSerializer.Deserialize<StudyLine>(line, Format)!;
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException(
                $"{path}, line {i + 1} is no run of the study; delete it, and the run is measured again.", exception);
        }
    })];

    /// <summary>Adds the line to a file.</summary>
    public void Append(string path) => File.AppendAllText(path, JsonSerializer.Serialize(this, Format) + "\n");
}
