using System.Runtime.Serialization;

namespace Engine.Optim.Schedules;

/// <summary>The learning-rate schedules, under the names of Transformers' <c>lr_scheduler_type</c>.</summary>
public enum ScheduleKind
{
    /// <summary>Warm-up, then a straight line to 0 at the last step.</summary>
    [EnumMember(Value = "linear")]
    Linear,

    /// <summary>Warm-up, then half a cosine wave to 0.</summary>
    [EnumMember(Value = "cosine")]
    Cosine,

    /// <summary>Warm-up, then cosine waves that each start again at the peak.</summary>
    [EnumMember(Value = "cosine_with_restarts")]
    CosineWithRestarts,

    /// <summary>Warm-up, then a power of the remaining share of steps, down to <c>lr_end</c>.</summary>
    [EnumMember(Value = "polynomial")]
    Polynomial,

    /// <summary>The peak at every step; warm-up is not read.</summary>
    [EnumMember(Value = "constant")]
    Constant,

    /// <summary>Warm-up, then the peak at every step.</summary>
    [EnumMember(Value = "constant_with_warmup")]
    ConstantWithWarmup,

    /// <summary>Warm-up, then the inverse square root of the step.</summary>
    [EnumMember(Value = "inverse_sqrt")]
    InverseSqrt,
}
