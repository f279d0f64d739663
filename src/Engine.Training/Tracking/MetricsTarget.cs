using System.Runtime.Serialization;

namespace Engine.Training.Tracking;

/// <summary>For whom a run also writes its numbers (<c>report_to</c>).</summary>
public enum MetricsTarget
{
    /// <summary>A spreadsheet: metrics.csv and evaluations.csv.</summary>
    [EnumMember(Value = "csv")]
    Csv,

    /// <summary>TensorBoard: events.out.tfevents.engine.</summary>
    [EnumMember(Value = "tensorboard")]
    TensorBoard,
}
