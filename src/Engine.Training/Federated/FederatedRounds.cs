using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Graph;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim;
using Engine.Optim.Schedules;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Federated;

/// <summary>
/// The rounds of a federated run on one session: each client of a round starts from the server's weights with a fresh optimizer and takes
/// its steps, and the server makes one set of weights of theirs. Between rounds there is nothing but the weights.
/// </summary>
internal sealed class FederatedRounds(RunConfiguration run, FederatedConfiguration federated, RunData data) : StepPlan
{
    /// <summary>mu of LoRA-FAIR where the run file gives none: that of the one public implementation of the closed form.</summary>
    private const double DefaultMu = 0.1;

    private readonly LearningRateSchedule schedule = run.CreateSchedule(federated.Rounds);
    private (long Round, long[] Steps)? counted;

    public FederatedClients Clients { get; } = FederatedClients.Of(run, federated, data);

    /// <summary>A step is a round, and so is an epoch.</summary>
    public override RunLength Length { get; } = new(MicroBatchesPerEpoch: 1, Accumulation: 1, federated.Rounds);

    public override int LongestSteps => Clients.LocalSteps;

    public override IReadOnlyCollection<BatchShape> EvaluationShapes { get; } = data.Validation?.Shapes ?? [];

    public override string Note => Clients.Note;

    public override IReadOnlyCollection<BatchShape> TrainingShapes(Architecture architecture, bool bySample) =>
        Clients.Shapes(architecture, bySample);

    public override double RateAt(long step) => schedule.RateAt((int)step);

    public override void Require(RunConfiguration run, TrainingSession session)
    {
        if (session.CarriesState)
        {
            throw new ConfigurationException(
                $"{Setting.Of("federated")}: method {run.Method?.Name} keeps numbers from one step to the next, or changes base weights, "
                + "and clients start anew in each round; choose a method that does not, or leave it out.");
        }

        if (federated.Aggregation == AggregationKind.LoraFair
            && session.Model.Adapters.FirstOrDefault(layer => layer is not { Form: null, Magnitude: null }) is { } other)
        {
            throw new ConfigurationException(
                $"{Setting.Of("federated.aggregation", "lora-fair")} corrects the product B A of plain LoRA, and {other.Module} has "
                + $"{(other.Form is { } form ? form.Name : "DoRA's magnitudes")} beside it; choose {Setting.Of("aggregation", "fedit")}.");
        }
    }

    /// <summary>
    /// Takes a round; the session has the server's new weights afterwards, or, where a client's loss was not finite or the round was
    /// cancelled, those before.
    /// </summary>
    /// <param name="round">From 0.</param>
    /// <returns>
    /// Of the round as a whole: the mean loss of each client's steps by the clients' rows, likewise the gradients' norm, and all tokens and
    /// labels; where a client's numbers were not finite, that step's.
    /// </returns>
    /// <exception cref="OperationCanceledException">Cancelled between two steps.</exception>
    public override StepReport Take(TrainingSession session, long round, CancellationToken cancellationToken)
    {
        float[] server = session.Trainables.Values.View<float>().ToArray();
        long[] steps = counted is { } known && known.Round == round ? known.Steps : Clients.StepsBefore(round);
        long drawn = steps.Sum();
        int[] chosen = Clients.Of(round);
        double rows = chosen.Sum(client => (double)Clients.All[client].Rows);
        double rate = RateAt(round);
        double[] weights = [.. chosen.Select(client => Clients.All[client].Rows / rows)];
        var results = new List<float[]>();
        double loss = 0, norm = 0;
        long tokens = 0, labels = 0;
        bool updated = false;
        try
        {
            foreach ((int client, double weight) in chosen.Zip(weights))
            {
                Begin(session, server, drawn);
                FederatedClient own = Clients.All[client];
                int count = own.Length.TotalSteps;
                for (int step = 0; step < count; step++)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    StepReport report = session.Step(own.Batches.Step(own.Length, steps[client] + step), rate, own.Batches.Origin);
                    tokens += report.Tokens;
                    labels += report.Labels;
                    if (report.Skipped)
                    {
                        continue;
                    }

                    if (!double.IsFinite(report.Loss) || !double.IsFinite(report.GradientNorm))
                    {
                        Restore(session, server, drawn);
                        return report;
                    }

                    updated = true;
                    loss += weight * report.Loss / count;
                    norm += weight * report.GradientNorm / count;
                }

                steps[client] += count;
                drawn += count;
                results.Add(session.Trainables.Values.View<float>().ToArray());
            }
        }
        catch
        {
            Restore(session, server, drawn);
            throw;
        }

        Restore(session, Aggregated(session, results, weights), drawn);
        counted = (round + 1, steps);
        return updated || labels > 0
            ? new StepReport(loss, norm, tokens, labels)
            : new StepReport(double.NaN, 0, tokens, 0, Skipped: true);
    }

    /// <summary>Adds to a round's line who took part, and for how many steps.</summary>
    public override void AddTo(JsonObject line, long round)
    {
        int[] chosen = Clients.Of(round);
        line["clients"] = new JsonArray([.. chosen.Select(client => (JsonNode)client)]);
        line["client_steps"] = chosen.Sum(client => (long)Clients.All[client].Length.TotalSteps);
    }

    private void Restore(TrainingSession session, float[] weights, long drawn)
    {
        counted = null;
        Begin(session, weights, drawn);
    }

    /// <summary>Gives the session weights and a fresh optimizer.</summary>
    /// <param name="drawn">Steps taken by all clients, so that masks and noise go on.</param>
    private static void Begin(TrainingSession session, float[] weights, long drawn)
    {
        session.Trainables.Values.View<float>().Write(weights);
        session.Restart(drawn);
    }

    private float[] Aggregated(TrainingSession session, List<float[]> results, double[] weights)
    {
        double[] average = Aggregation.Average(results, weights);
        if (federated.Aggregation == AggregationKind.LoraFair)
        {
            foreach (LoraLinear layer in session.Model.Adapters)
            {
                Range a = RangeOf(layer.A), b = RangeOf(layer.B);
                Aggregation.Correct(
                    [.. results.Select(result => ((ReadOnlyMemory<float>)result.AsMemory(a), (ReadOnlyMemory<float>)result.AsMemory(b)))],
                    weights, average.AsSpan(a), average.AsSpan(b), layer.Rank, federated.Mu ?? DefaultMu);
            }
        }

        return [.. average.Select(value => (float)value)];
    }

    private static Range RangeOf(Variable tensor)
    {
        int first = TrainableParameters.OffsetOf(tensor);
        return first..(first + (int)tensor.Shape.Count);
    }
}
