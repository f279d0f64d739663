using Engine.Common;
using Engine.Common.Keys;

namespace Engine.Optim.Schedules;

/// <summary>
/// The learning rate of every optimizer step, as Transformers computes it (<c>transformers/optimization.py</c>). Step 0 is the first
/// update; with warm-up its rate is 0.
/// </summary>
internal sealed class LearningRateSchedule
{
    private const double InverseSqrtTimescale = 10_000;

    private readonly double timescale;

    /// <param name="kind">The shape of the schedule.</param>
    /// <param name="learningRate">The peak rate.</param>
    /// <param name="totalSteps">Optimizer steps of the whole run.</param>
    /// <param name="warmupSteps">Steps over which the rate rises in a straight line from 0 to the peak.</param>
    /// <param name="options">What some shapes take beyond that; null for Transformers' defaults.</param>
    /// <exception cref="ConfigurationException">A value out of range, named by its run-file key.</exception>
    public LearningRateSchedule(ScheduleKind kind, double learningRate, int totalSteps, int warmupSteps, ScheduleOptions? options = null)
    {
        Kind = kind;
        LearningRate = learningRate;
        TotalSteps = totalSteps;
        WarmupSteps = warmupSteps;
        Options = options ?? new ScheduleOptions();
        timescale = Options.Timescale ?? (warmupSteps > 0 ? warmupSteps : InverseSqrtTimescale);

        Require(double.IsFinite(learningRate) && learningRate >= 0, "learning_rate", learningRate, "a number of at least 0");
        Require(totalSteps > 0, "the number of optimizer steps", totalSteps, "at least 1");
        Require(warmupSteps >= 0, "warmup_steps", warmupSteps, "at least 0");
        Require(Options.Power > 0, "lr_scheduler_kwargs.power", Options.Power, "above 0");
        Require(timescale > 0, "lr_scheduler_kwargs.timescale", timescale, "above 0");
        if (kind == ScheduleKind.Polynomial)
        {
            Require(Options.LrEnd >= 0 && Options.LrEnd < learningRate, "lr_scheduler_kwargs.lr_end", Options.LrEnd,
                $"at least 0 and below {Setting.Of("learning_rate")} ({learningRate})");
        }

        if (kind == ScheduleKind.CosineWithRestarts)
        {
            Require(Options.NumCycles is null or >= 1, "lr_scheduler_kwargs.num_cycles", Options.NumCycles
                ?? 1, "at least 1 for cosine_with_restarts");
        }
    }

    /// <summary>The shape of the schedule.</summary>
    public ScheduleKind Kind { get; }

    /// <summary>The peak rate.</summary>
    public double LearningRate { get; }

    /// <summary>Optimizer steps of the whole run.</summary>
    public int TotalSteps { get; }

    /// <summary>Steps of the warm-up.</summary>
    public int WarmupSteps { get; }

    /// <summary>
    /// Whether the warm-up leaves out its rate of 0: the steps of n rise by 1 / (n + 1) of the peak each. Steps that are rounds would train
    /// nothing for a whole round.
    /// </summary>
    public bool WarmsUpFromFirst { get; init; }

    /// <summary>What some shapes take beyond that.</summary>
    public ScheduleOptions Options { get; }

    /// <summary>
    /// Warm-up steps as Transformers resolves them: <paramref name="warmupSteps"/> where above 0, else the ratio of all steps, rounded up.
    /// </summary>
    public static int ResolveWarmup(int warmupSteps, double warmupRatio, int totalSteps) =>
        warmupSteps > 0 ? warmupSteps : (int)Math.Ceiling(totalSteps * warmupRatio);

    /// <summary>The rate of one optimizer step, counted from 0.</summary>
    public double RateAt(int step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        return LearningRate * FactorAt(step);
    }

    private double FactorAt(int step)
    {
        if (Kind == ScheduleKind.Constant)
        {
            return 1;
        }

        if (step < WarmupSteps)
        {
            return WarmsUpFromFirst ? (step + 1.0) / (WarmupSteps + 1.0) : (double)step / WarmupSteps;
        }

        double progress = (double)(step - WarmupSteps) / Math.Max(1, TotalSteps - WarmupSteps);
        return Kind switch
        {
            ScheduleKind.ConstantWithWarmup => 1,
            ScheduleKind.Linear => Math.Max(0, (double)(TotalSteps - step) / Math.Max(1, TotalSteps - WarmupSteps)),
            ScheduleKind.Cosine => Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * (Options.NumCycles ?? 0.5) * 2 * progress))),
            ScheduleKind.CosineWithRestarts =>
                progress >= 1 ? 0 : 0.5 * (1 + Math.Cos(Math.PI * ((Options.NumCycles ?? 1) * progress % 1))),
            ScheduleKind.Polynomial => Polynomial(step, progress),
            ScheduleKind.InverseSqrt => 1 / Math.Sqrt((step + timescale - WarmupSteps) / timescale),
            _ => throw new InvalidOperationException($"the schedule {Kind} has no formula"),
        };
    }

    private double Polynomial(int step, double progress)
    {
        if (step > TotalSteps)
        {
            return Options.LrEnd / LearningRate;
        }

        return (((LearningRate - Options.LrEnd) * Math.Pow(1 - progress, Options.Power)) + Options.LrEnd) / LearningRate;
    }

    private static void Require(bool holds, string key, double value, string expected)
    {
        if (!holds)
        {
            throw new ConfigurationException(FormattableString.Invariant($"{key} is {value}; it must be {expected}."));
        }
    }
}
