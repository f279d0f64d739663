using Engine.Common.Keys;
using Engine.Optim.Schedules;

namespace Engine.Training.Configuration;

/// <summary>The section <c>lr_scheduler_kwargs</c>.</summary>
public sealed record ScheduleConfiguration
{
    /// <summary>Waves of cosine or restarts of cosine_with_restarts.</summary>
    /// <value>Default: 0.5 waves, 1 restart.</value>
    [Key(Minimum = 0, Above = true, Default = "0.5 waves, 1 restart")]
    public double? NumCycles { get; init; }

    /// <summary>Exponent of polynomial.</summary>
    /// <value>Default: 1.</value>
    [Key(Minimum = 0, Above = true)]
    public double Power { get; init; } = 1;

    /// <summary>Learning rate that polynomial ends at.</summary>
    /// <value>Default: 1e-07.</value>
    [Key(Minimum = 0)]
    public double LrEnd { get; init; } = 1e-7;

    /// <summary>Time scale of inverse_sqrt in steps.</summary>
    /// <value>Default: the warm-up's steps, or 10000.</value>
    [Key(Minimum = 0, Above = true, Default = "the warm-up's steps, or 10000")]
    public double? Timescale { get; init; }

    /// <summary>The same for <see cref="LearningRateSchedule"/>.</summary>
    internal ScheduleOptions ToOptions() => new() { NumCycles = NumCycles, Power = Power, LrEnd = LrEnd, Timescale = Timescale };
}
