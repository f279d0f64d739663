using Engine.Common.Keys;
using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Federated;

/// <summary>One client: its rows in batches.</summary>
/// <param name="Rows">Rows of the training data it has.</param>
/// <param name="Batches">Its batches; an epoch is a pass over its own rows.</param>
/// <param name="Length">What it trains in a round.</param>
internal sealed record FederatedClient(int Rows, BatchSource Batches, RunLength Length);

/// <summary>The clients of a federated run, and which of them take part in which round.</summary>
internal sealed class FederatedClients
{
    private readonly RunConfiguration run;
    private readonly FederatedConfiguration federated;

    private FederatedClients(RunConfiguration run, FederatedConfiguration federated, IReadOnlyList<FederatedClient> all)
    {
        this.run = run;
        this.federated = federated;
        All = all;
    }

    public IReadOnlyList<FederatedClient> All { get; }

    /// <summary>Clients of a round.</summary>
    public int Participants => Participating(federated.Participation, All.Count);

    /// <summary>The most steps that a client takes in a round.</summary>
    public int LocalSteps => All.Max(client => client.Length.TotalSteps);

    /// <summary>What a user should know of the clients.</summary>
    public string Note =>
        $"{Setting.Of("federated")}: a step is a round, in which {Participants} of {All.Count} clients train for at most {LocalSteps} "
        + $"steps each; a client has {All.Min(client => client.Rows)} to {All.Max(client => client.Rows)} rows.";

    /// <summary>Deals the training data out.</summary>
    /// <exception cref="DataFileException">The data does not reach for the clients.</exception>
    public static FederatedClients Of(RunConfiguration run, FederatedConfiguration federated, RunData data)
    {
        var all = (SampledBatches)data.Train;
        int[][] parts = federated.Split switch
        {
            ClientSplitKind.Row => ClientSplit.ByRow(all.Origin, all.Count, federated.Clients, run.Seed),
            ClientSplitKind.Label => ClientSplit.ByLabel(
                all.Origin, all.ClassLabels!, federated.Clients, federated.Concentration ?? 0.5, run.Seed),
            _ => ClientSplit.ByFile(run.Data.Train.Paths, data.RowFiles!),
        };
        return new FederatedClients(run, federated, [.. parts.Select(rows =>
        {
            SampledBatches own = all.Part(rows);
            return new FederatedClient(rows.Length, own, RunLength.Of(run, own));
        })]);
    }

    /// <summary>Clients of a round by their share, rounded up.</summary>
    // A product such as 0.1 * 30 may lie just above the whole number that is meant.
    public static int Participating(double share, int clients) => Math.Clamp((int)Math.Ceiling((share * clients) - 1e-9), 1, clients);

    /// <summary>The clients of a round, from 0 on, in ascending order.</summary>
    public int[] Of(long round)
    {
        int[] drawn = new PhiloxGenerator(run.Seed, RandomStream.ClientSelection, (uint)round).Permutation(All.Count)[..Participants];
        Array.Sort(drawn);
        return drawn;
    }

    /// <summary>Steps that each client has taken in the rounds before this one.</summary>
    public long[] StepsBefore(long round)
    {
        var steps = new long[All.Count];
        for (long earlier = 0; earlier < round; earlier++)
        {
            foreach (int client in Of(earlier))
            {
                steps[client] += All[client].Length.TotalSteps;
            }
        }

        return steps;
    }

    /// <summary>The shapes, each once, of every batch of the run, or of its rows one by one.</summary>
    public IReadOnlyCollection<BatchShape> Shapes(Architecture architecture, bool bySample)
    {
        long[] steps = StepsBefore(federated.Rounds);
        return All
            .Zip(steps, (client, taken) => (client.Batches, client.Length.MicroBatchesIn(taken)))
            .SelectMany(client => client.Batches.Shapes(architecture, client.Item2, bySample))
            .ToHashSet();
    }
}
