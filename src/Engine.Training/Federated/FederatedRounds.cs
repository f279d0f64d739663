using System.Text.Json.Nodes;
using Engine.Graph;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Federated;

/// <summary>
/// The rounds of a federated run on one session: each client of a round starts from the server's weights with a fresh optimizer and takes
/// its steps, and the server makes one set of weights of theirs. Between rounds there is nothing but the weights.
/// </summary>
internal sealed class FederatedRounds(FederatedClients clients, FederatedConfiguration federated, TrainingSession session)
{
    /// <summary>mu of LoRA-FAIR where the run file gives none: that of the one public implementation of the closed form.</summary>
    private const double DefaultMu = 0.1;

    private (long Round, long[] Steps)? counted;

    private Variable Weights => session.Trainables.Values;

    /// <summary>
    /// Takes a round; the session has the server's new weights afterwards, or, where a client's loss was not finite or the round was
    /// cancelled, those before.
    /// </summary>
    /// <param name="round">From 0.</param>
    /// <param name="learningRate">Of all its steps.</param>
    /// <returns>
    /// Of the round as a whole: the mean loss of each client's steps by the clients' rows, likewise the gradients' norm, and all tokens and
    /// labels; where a client's numbers were not finite, that step's.
    /// </returns>
    /// <exception cref="OperationCanceledException">Cancelled between two steps.</exception>
    public StepReport Take(long round, double learningRate, CancellationToken cancellation)
    {
        float[] server = Weights.View<float>().ToArray();
        long[] steps = counted is { } known && known.Round == round ? known.Steps : clients.StepsBefore(round);
        long drawn = steps.Sum();
        int[] chosen = clients.Of(round);
        double rows = chosen.Sum(client => (double)clients.All[client].Rows);
        double[] weights = [.. chosen.Select(client => clients.All[client].Rows / rows)];
        var results = new List<float[]>();
        double loss = 0, norm = 0;
        long tokens = 0, labels = 0;
        bool updated = false;
        try
        {
            foreach ((int client, double weight) in chosen.Zip(weights))
            {
                Weights.View<float>().Write(server);
                session.Restart(drawn);
                FederatedClient own = clients.All[client];
                int count = own.Length.TotalSteps;
                for (int step = 0; step < count; step++)
                {
                    cancellation.ThrowIfCancellationRequested();
                    StepReport report = session.Step(own.Batches.Step(own.Length, steps[client] + step), learningRate, own.Batches.Origin);
                    tokens += report.Tokens;
                    labels += report.Labels;
                    if (report.Skipped)
                    {
                        continue;
                    }

                    if (!double.IsFinite(report.Loss) || !double.IsFinite(report.GradientNorm))
                    {
                        Restore(server, drawn);
                        return report;
                    }

                    updated = true;
                    loss += weight * report.Loss / count;
                    norm += weight * report.GradientNorm / count;
                }

                steps[client] += count;
                drawn += count;
                results.Add(Weights.View<float>().ToArray());
            }
        }
        catch
        {
            Restore(server, drawn);
            throw;
        }

        Restore(Aggregated(results, weights), drawn);
        counted = (round + 1, steps);
        return updated || labels > 0
            ? new StepReport(loss, norm, tokens, labels)
            : new StepReport(double.NaN, 0, tokens, 0, Skipped: true);
    }

    /// <summary>Adds to a round's line who took part, and for how many steps.</summary>
    public void AddTo(JsonObject line, long round)
    {
        int[] chosen = clients.Of(round);
        line["clients"] = new JsonArray([.. chosen.Select(client => (JsonNode)client)]);
        line["client_steps"] = chosen.Sum(client => (long)clients.All[client].Length.TotalSteps);
    }

    private void Restore(float[] weights, long drawn)
    {
        counted = null;
        Weights.View<float>().Write(weights);
        session.Restart(drawn);
    }

    private float[] Aggregated(List<float[]> results, double[] weights)
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
