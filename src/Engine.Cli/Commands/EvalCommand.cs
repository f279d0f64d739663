using System.CommandLine;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Devices;
using Engine.Model;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine eval</c>: the metrics of a trained model on labelled data.</summary>
internal sealed class EvalCommand : EngineCommand
{
    private readonly Argument<string> model = new("MODEL") { Description = TrainedModel.Description };
    private readonly Option<string?> adapter = new("--adapter") { Description = "PEFT adapter folder to put on the model.", HelpName = "FOLDER" };
    private readonly LabelledDataOptions data;
    private readonly Option<bool> json = new("--json") { Description = "The metrics as one JSON line." };
    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly Option<string?> device = CommonOptions.Device();

    public EvalCommand(CommandHost host)
        : base(
            host,
            "eval",
            "Evaluates a trained classifier or regressor on labelled data and prints its metrics.",
            "engine eval runs/demo",
            "engine eval runs/demo --data other.tsv --json",
            "engine eval roberta-base --adapter my-adapter --data dev.csv --format csv --text sentence --label label")
    {
        Add(model);
        Add(adapter);
        data = new LabelledDataOptions(this, "tsv", "csv", "jsonl", "json");
        Add(json);
        Add(dtype);
        Add(device);
    }

    protected override int Run(ParseResult arguments)
    {
        TrainedModel trained = TrainedModel.Resolve(arguments.GetRequiredValue(model), arguments.GetValue(adapter));
        ExampleSet examples = ReadExamples(arguments, trained.Run);
        using Device target = CommonOptions.Open(arguments.GetValue(device) ?? "cpu", Host.Error);
        using Predictor predictor = Predictor.Open(target, trained.Model, trained.Adapter, trained.Seed, CommonOptions.WeightTypeOf(arguments.GetValue(dtype)) ?? trained.Run?.Dtype ?? WeightType.Auto);
        CommonOptions.Note(predictor.Notes, Host.Error);
        int length = data.MaxLength(arguments) ?? trained.Run?.MaxLength ?? predictor.MaxLength;
        IReadOnlyDictionary<string, double> metrics = predictor.Evaluate(examples, length, trained.Run?.PerDeviceEvalBatchSize ?? 16).Metrics;
        if (arguments.GetValue(json))
        {
            Host.Console.WriteLine(JsonSerializer.Serialize(metrics.ToDictionary(metric => metric.Key, metric => double.IsFinite(metric.Value) ? metric.Value : (double?)null)));
        }
        else
        {
            Host.Console.Write(ReportTables.Metrics(metrics));
            Host.Console.WriteLine($"{examples.Count} rows of {examples.Path}");
        }

        return ExitCode.Success;
    }

    private ExampleSet ReadExamples(ParseResult arguments, RunConfiguration? run)
    {
        DataConfiguration read = data.Resolve(arguments, run?.Data) ?? throw new ArgumentException("There is no data to evaluate on: give a labelled file with --data.");
        LabelledDataOptions.RequireColumns(read);
        return read.ReadValidation()!;
    }
}
