using System.CommandLine;
using System.Globalization;
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
    private readonly Option<string?> data = new("--data") { Description = "Labelled file; without it the validation data of the run.", HelpName = "FILE" };
    private readonly Option<string?> format = new("--format") { Description = "How the file is written; without it as the run's, else tsv.", HelpName = "tsv|csv|jsonl|json" };
    private readonly Option<string?> text = new("--text") { Description = "Column of the text: its name, or its number from 0.", HelpName = "COLUMN" };
    private readonly Option<string?> textPair = new("--text-pair") { Description = "Column of the second text of a pair.", HelpName = "COLUMN" };
    private readonly Option<string?> label = new("--label") { Description = "Column of the label.", HelpName = "COLUMN" };
    private readonly Option<bool> noHeader = new("--no-header") { Description = "tsv, csv: the first line is data already; columns are numbers." };
    private readonly Option<int?> maxLength = new("--max-length") { Description = "Cut texts to this many tokens; without it the run's max_length, else the model's longest.", HelpName = "N" };
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
        format.AcceptOnlyFromAmong("tsv", "csv", "jsonl", "json");
        Add(model);
        Add(adapter);
        Add(data);
        Add(format);
        Add(text);
        Add(textPair);
        Add(label);
        Add(noHeader);
        Add(maxLength);
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
        int length = arguments.GetValue(maxLength) ?? trained.Run?.MaxLength ?? predictor.MaxLength;
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
        string path = arguments.GetValue(data) ?? run?.Data.Validation ?? throw new ArgumentException("There is no data to evaluate on: give a labelled file with --data.");
        ExampleReaderOptions fromRun = run?.Data.ReaderOptions(arguments.GetValue(data) is null ? run.Data.ValidationLimit : null)
            ?? new ExampleReaderOptions { Format = DataFileFormat.Tsv };
        ExampleReaderOptions options = fromRun with
        {
            Format = arguments.GetValue(format) switch
            {
                "tsv" => DataFileFormat.Tsv,
                "csv" => DataFileFormat.Csv,
                "jsonl" => DataFileFormat.JsonLines,
                "json" => DataFileFormat.Json,
                _ => fromRun.Format,
            },
            Header = !arguments.GetValue(noHeader) && fromRun.Header,
            Text = Column(arguments.GetValue(text)) ?? fromRun.Text,
            TextPair = Column(arguments.GetValue(textPair)) ?? fromRun.TextPair,
            Label = Column(arguments.GetValue(label)) ?? fromRun.Label,
        };
        return options.Text is null || options.Label is null
            ? throw new ArgumentException("Say which columns hold the text and the label: --text COLUMN --label COLUMN.")
            : ExampleReader.Read(path, options);
    }

    private static ColumnReference? Column(string? name) => name is null ? null
        : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? ColumnReference.ByIndex(index)
        : ColumnReference.ByName(name);
}
