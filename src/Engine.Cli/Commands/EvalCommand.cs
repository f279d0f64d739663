using System.CommandLine;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Cli.Tables;
using Engine.Devices;
using Engine.Training.Reports;
using Engine.Training.Running;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine eval</c>: the metrics of a trained model on labelled data, or of a language model on texts.</summary>
internal sealed class EvalCommand : EngineCommand
{
    private readonly ModelArgument model;
    private readonly Option<string?> adapter = new("--adapter") { Description = GivenAdapter.Description, HelpName = "FOLDER" };
    private readonly LabelledDataOptions data;
    private readonly Option<bool> json = new("--json") { Description = "The metrics as one JSON line." };
    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly DeviceChoice device;

    public EvalCommand(CommandHost host)
        : base(
            host,
            "eval",
            "Evaluates a trained classifier or regressor on labelled data, or a run's language model on texts, and prints the metrics.",
            "engine eval runs/reviews",
            "engine eval runs/reviews --data other.tsv --json",
            "engine eval runs/chat --data other.jsonl",
            "engine eval roberta-base --adapter my-adapter --data dev.csv --text sentence --label label")
    {
        model = new ModelArgument(this);
        Add(adapter);
        data = new LabelledDataOptions(this);
        Add(json);
        Add(dtype);
        device = new DeviceChoice(this);
    }

    protected override int Run(ParseResult arguments)
    {
        var setup = new EvaluationSetup
        {
            Data = data.Read(arguments),
            MaxLength = data.MaxLength(arguments),
            Dtype = CommonOptions.WeightTypeOf(arguments.GetValue(dtype)),
        };
        var evaluation = new ModelEvaluation(TrainedModel.Resolve(model.Path(arguments), arguments.GetValue(adapter)), setup);
        CommonOptions.Note(evaluation.Notes, Host.Error);
        using Device target = device.Open(arguments, Host);
        ModelMetrics found = evaluation.Run(target);
        CommonOptions.Announce(target, Host.Error);
        CommonOptions.Note(found.Notes, Host.Error);
        if (arguments.GetValue(json))
        {
            Host.Console.WriteLine(JsonSerializer.Serialize(found.Metrics.ToDictionary(
                metric => metric.Key, metric => double.IsFinite(metric.Value) ? metric.Value : (double?)null)));
        }
        else
        {
            Host.Console.Write(ReportTables.Metrics(found.Metrics));
            Host.WriteLine($"evaluated on {Amounts.Of(found.Rows, "row")} of {found.Data}");
        }

        return ExitCode.Success;
    }
}
