using System.Globalization;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Optim.Methods;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Federated;

/// <summary>
/// What a private run has spent: the epsilon of its method's delta for every row, whoever's it is. Clients have no row in common, so that
/// it is the largest of theirs.
/// </summary>
internal sealed class PrivacyLedger
{
    private readonly LaLora method;
    private readonly int batch;
    private readonly Func<long, IEnumerable<(int Rows, long Steps)>> taken;
    private readonly bool isFederated;

    /// <summary>What one step spends, by the rows it is drawn from.</summary>
    private readonly Dictionary<int, PrivacyAccountant> steps = [];

    private PrivacyLedger(RunConfiguration run, LaLora method, Func<long, IEnumerable<(int Rows, long Steps)>> taken)
    {
        this.method = method;
        this.taken = taken;
        isFederated = run.Federated is not null;
        batch = checked(run.PerDeviceTrainBatchSize * run.GradientAccumulationSteps);
    }

    /// <summary>delta of the guarantee.</summary>
    public double Delta => method.DeltaOrDefault;

    /// <summary>What a user should know of it.</summary>
    public string Note => string.Create(
        CultureInfo.InvariantCulture,
        $"{LaLora.MethodName}: each row's gradient is clipped to {method.ClipNorm} and gets noise of {method.NoiseMultiplier} times that "
        + $"on a step's sum; epsilon, reported after every {(isFederated ? "round" : "step")} at delta {Delta}, is that of batches in "
        + $"which each row of {(isFederated ? "a client" : "the data")} is with chance {batch} over their number; here they are shuffled. "
        + $"{Setting.Of("seed")} is as secret as {Setting.Of("noise_seed")}: it tells which batch a row is in.{OfDefaultSeed}");

    private string OfDefaultSeed => method.NoiseSeed is null
        ? $" {Setting.Of("noise_seed")} is the default, which everybody knows: set a random one of your own before the result is given "
            + "away."
        : "";

    /// <summary>That of a run; null where its method has no guarantee.</summary>
    /// <param name="clients">The clients of a federated run.</param>
    /// <exception cref="ConfigurationException">Nothing is known of the chance by which a row is in a batch.</exception>
    public static PrivacyLedger? Of(RunConfiguration run, BatchSource train, FederatedClients? clients)
    {
        if (LaLoraOf(run) is not { IsPrivate: true } method)
        {
            return null;
        }

        if (clients is not null)
        {
            return new PrivacyLedger(
                run, method, round => clients.All.Zip(clients.StepsBefore(round), (client, steps) => (client.Rows, steps)));
        }

        return train is SampledBatches drawn
            ? new PrivacyLedger(run, method, step => [(drawn.Count, step)])
            : throw new ConfigurationException(
                $"method {method.Name}: nothing says how prebatched rows were drawn, and its epsilon rests on that; give the texts, or set "
                + $"{Setting.Of("clip", "0")} for training without a guarantee.");
    }

    /// <summary>What a user should know of a run whose method looks private and is not; null where there is nothing.</summary>
    public static string? Warning(RunConfiguration run) => LaLoraOf(run) is { IsPaper: false } method
        ? $"{method.Name} with {Setting.Of("reference", "code")} repeats what its public code computes, and promises nothing: it clips by "
            + $"the data, not by samples, and applies every update twice. {Setting.Of("reference", "paper")} has an epsilon."
        : null;

    /// <summary>LA-LoRA's settings, of a run that has it; else null.</summary>
    public static LaLora? LaLoraOf(RunConfiguration run) => Together.Of(run.Method).OfType<LaLora>().FirstOrDefault();

    /// <summary>epsilon after so many steps, or rounds of a federated run.</summary>
    public double EpsilonAfter(long count) => taken(count).Distinct().Max(client => Epsilon(client.Rows, client.Steps));

    private double Epsilon(int rows, long count)
    {
        if (!steps.TryGetValue(rows, out PrivacyAccountant? step))
        {
            steps.Add(rows, step = new PrivacyAccountant());
            step.Add(method.NoiseMultiplier, Math.Min(1, batch / (double)rows), 1);
        }

        var spent = new PrivacyAccountant();
        spent.Add(step, count);
        return spent.Epsilon(Delta);
    }
}
