using System.Diagnostics;
using System.Diagnostics.Metrics;
using Engine.Optim;

namespace Engine.Training.Tracking;

/// <summary>
/// Training as OpenTelemetry sees it, through <see cref="System.Diagnostics"/> and without a dependency: a meter and an activity source
/// named <see cref="Name"/>, which a program's exporter subscribes to. Where nobody listens, nothing is measured.
/// </summary>
public static class TrainingTelemetry
{
    /// <summary>The name of meter and activity source.</summary>
    public const string Name = "Engine.Training";

    private static readonly Meter Meter = new(Name);
    private static readonly ActivitySource Source = new(Name);

    private static readonly Counter<long> Steps = Meter.CreateCounter<long>("engine.training.steps", "{step}", "Optimizer steps taken.");
    private static readonly Counter<long> Tokens =
        Meter.CreateCounter<long>("engine.training.tokens", "{token}", "Tokens trained on, without padding.");
    private static readonly Histogram<double> StepDuration =
        Meter.CreateHistogram<double>("engine.training.step.duration", "s", "Time of an optimizer step.");
    private static readonly Gauge<double> Loss = Meter.CreateGauge<double>("engine.training.loss", description: "Loss of the last step.");
    private static readonly Gauge<double> LearningRate =
        Meter.CreateGauge<double>("engine.training.learning_rate", description: "Learning rate of the last step.");
    private static readonly Gauge<double> GradientNorm =
        Meter.CreateGauge<double>("engine.training.gradient_norm", description: "Norm of the last step's gradients.");
    private static readonly Gauge<double> LossRise =
        Meter.CreateGauge<double>("engine.training.loss_rise", description: "What the method's perturbation last added to a step's loss.");
    private static readonly Gauge<double> Evaluation =
        Meter.CreateGauge<double>("engine.training.evaluation", description: "A metric of the last evaluation; its tag says which.");

    /// <summary>An activity that lasts as long as a piece of a run; null where nobody listens.</summary>
    /// <param name="piece">train, evaluate or save.</param>
    /// <param name="run">The run's folder.</param>
    internal static Activity? Start(string piece, string run) => Source.StartActivity(piece)?.SetTag("engine.run", run);

    internal static void Step(string run, StepReport report, double learningRate, TimeSpan elapsed)
    {
        KeyValuePair<string, object?> tag = Tag(run);
        Steps.Add(1, tag);
        Tokens.Add(report.Tokens, tag);
        StepDuration.Record(elapsed.TotalSeconds, tag);
        Loss.Record(report.Loss, tag);
        LearningRate.Record(learningRate, tag);
        GradientNorm.Record(report.GradientNorm, tag);
        if (double.IsFinite(report.LossRise))
        {
            LossRise.Record(report.LossRise, tag);
        }
    }

    internal static void Evaluated(string run, IReadOnlyDictionary<string, double> metrics)
    {
        foreach ((string name, double value) in metrics)
        {
            Evaluation.Record(value, Tag(run), new("metric", name));
        }
    }

    private static KeyValuePair<string, object?> Tag(string run) => new("engine.run", run);
}
