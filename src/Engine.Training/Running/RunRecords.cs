using System.Text.Json.Nodes;
using Engine.Model;
using Engine.Optim;
using Engine.Optim.Methods;
using Engine.Training.Incremental;
using Engine.Training.Metrics;

namespace Engine.Training.Running;

/// <summary>The JSON of a run's files: a step's line in metrics.jsonl, an evaluation's in evaluations.jsonl, and summary.json.</summary>
internal static class RunRecords
{
    /// <summary>A step's line, after <paramref name="state"/> has moved on; the loss scale is written when it changed.</summary>
    /// <param name="perturbs">The run's method perturbs the weights: every line has the rise of the loss, null where it is not
    /// known.</param>
    /// <param name="numbers">What the method reports of the step.</param>
    public static JsonObject Step(
        TrainerState state, double epochs, double rate, StepReport report, TimeSpan elapsed, bool scaleChanged, bool perturbs,
        IReadOnlyList<StepNumber> numbers)
    {
        var line = new JsonObject
        {
            ["step"] = state.Step,
            ["epoch"] = epochs,
            ["loss"] = Number(report.Loss),
            ["learning_rate"] = rate,
            ["gradient_norm"] = Number(report.GradientNorm),
            ["seconds"] = elapsed.TotalSeconds,
            ["tokens"] = report.Tokens,
        };
        if (perturbs)
        {
            line["loss_rise"] = Number(report.LossRise);
        }

        if (!double.IsNaN(report.AdapterLoss))
        {
            line["adapter_loss"] = Number(report.AdapterLoss);
        }

        foreach (StepNumber number in numbers)
        {
            line[number.Key] = Number(number.Value);
        }

        if (scaleChanged && state.LossScale is { } scale)
        {
            line["loss_scale"] = scale.Scale;
        }

        if (report.Skipped)
        {
            line["skipped"] = true;
        }

        return line;
    }

    /// <summary>An evaluation's line.</summary>
    public static JsonObject Evaluation(long step, double epochs, IReadOnlyDictionary<string, double> metrics)
    {
        var line = new JsonObject { ["step"] = step, ["epoch"] = epochs };
        AddTo(line, metrics);
        return line;
    }

    /// <summary>What summary.json says of a run that came to its end.</summary>
    public static JsonObject Summary(TrainingOutcome outcome, BestTracker best, PreparedRun prepared)
    {
        JsonObject summary = OfRun(outcome, best, prepared);
        if (prepared.Privacy is { } privacy)
        {
            summary["epsilon"] = Number(privacy.EpsilonAfter(outcome.Steps));
            summary["delta"] = privacy.Delta;
        }

        return summary;
    }

    private static JsonObject OfRun(TrainingOutcome outcome, BestTracker best, PreparedRun prepared) => new()
    {
        ["steps"] = outcome.Steps,
        ["epochs"] = prepared.Plan.EpochsAfter(outcome.Steps),
        ["metric"] = best.Metric,
        ["best_metric"] = best.State.Best is double value ? Number(value) : null,
        ["best_step"] = best.State.BestStep < 0 ? null : best.State.BestStep,
        ["metrics_before"] = Metrics(outcome.Before),
        ["metrics"] = Metrics(outcome.After),
        ["tasks"] = outcome.Tasks is { } tasks ? Tasks(tasks) : null,
        ["seconds"] = outcome.Seconds,
        ["tokens"] = outcome.Tokens,
        ["tokens_per_second"] = outcome.Seconds > 0 ? outcome.Tokens / outcome.Seconds : 0,
        ["device"] = prepared.Device.ToString(),
        ["dtype"] = WeightTypes.Name(prepared.Model.WeightType),
        ["peak_device_bytes"] = outcome.PeakBytes,
        ["forecast_device_bytes"] = outcome.ForecastBytes,
    };

    private static JsonObject Tasks(TaskAccuracies tasks) => new()
    {
        ["classes"] = new JsonArray([.. tasks.Classes.Select(classes => new JsonArray([.. classes.Select(name => (JsonNode)name)]))]),
        ["accuracy_after"] = Numbers(tasks.After.Select(after => after.Accuracy)),
        ["task_accuracies_after"] = new JsonArray([.. tasks.After.Select(after => Numbers(after.OfTasks))]),
        ["average_accuracy"] = Number(tasks.Average),
        ["anytime_accuracy"] = Number(tasks.Anytime),
        ["forgetting"] = Number(tasks.Forgetting),
    };

    private static JsonArray Numbers(IEnumerable<double> values) => new([.. values.Select(Number)]);

    private static JsonObject? Metrics(IReadOnlyDictionary<string, double>? metrics)
    {
        if (metrics is null)
        {
            return null;
        }

        var result = new JsonObject();
        AddTo(result, metrics);
        return result;
    }

    private static void AddTo(JsonObject target, IReadOnlyDictionary<string, double> metrics)
    {
        foreach ((string name, double value) in metrics)
        {
            target[name] = Number(value);
        }
    }

    /// <summary>JSON has no NaN: an undefined metric is null.</summary>
    private static JsonNode? Number(double value) => double.IsFinite(value) ? JsonValue.Create(value) : null;
}
