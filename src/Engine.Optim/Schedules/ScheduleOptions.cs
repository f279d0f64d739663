namespace Engine.Optim.Schedules;

/// <summary>
/// What some schedules take beyond the step counts, under the names and with the defaults of Transformers' <c>lr_scheduler_kwargs</c>.
/// </summary>
internal sealed record ScheduleOptions
{
    /// <summary>Waves of cosine (default 0.5, half a wave) or restarts of cosine_with_restarts (default 1).</summary>
    public double? NumCycles { get; init; }

    /// <summary>Exponent of polynomial.</summary>
    public double Power { get; init; } = 1;

    /// <summary>Rate that polynomial ends at.</summary>
    public double LrEnd { get; init; } = 1e-7;

    /// <summary>Time scale of inverse_sqrt in steps; null: the warm-up's steps, or 10000 without warm-up.</summary>
    public double? Timescale { get; init; }
}
