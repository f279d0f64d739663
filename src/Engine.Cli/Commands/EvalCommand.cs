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

/// <summary><c>engine eval</c>: the metrics of a trained model on labelled data, or of a language model on texts.</summary>
internal sealed class EvalCommand : EngineCommand
{
    private readonly Argument<string> model = new("MODEL") { Description = TrainedModel.Description };
    private readonly Option<string?> adapter = new("--adapter") { Description = "PEFT adapter folder to put on the model.", HelpName = "FOLDER" };
    private readonly Option<string?> data = new("--data") { Description = "Labelled file, for a language model texts; without it the validation data of the run.", HelpName = "FILE" };
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
            "Evaluates a trained classifier or regressor on labelled data, or a run's language model on texts, and prints the metrics.",
            "engine eval runs/demo",
            "engine eval runs/demo --data other.tsv --json",
            "engine eval runs/chat --data other.jsonl",
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
        WeightType type = CommonOptions.WeightTypeOf(arguments.GetValue(dtype)) ?? trained.Run?.Dtype ?? WeightType.Auto;
        return trained.Run is { } run && run.Task.IsLanguageModel() ? EvaluateTexts(arguments, trained, run, type) : EvaluateLabelled(arguments, trained, type);
    }

    private int EvaluateLabelled(ParseResult arguments, TrainedModel trained, WeightType type)
    {
        ExampleSet examples = ReadExamples(arguments, trained.Run);
        using Device target = CommonOptions.Open(arguments.GetValue(device) ?? "cpu", Host.Error);
        using Predictor predictor = Predictor.Open(target, trained.Model, trained.Adapter, trained.Seed, type);
        CommonOptions.Note(predictor.Notes, Host.Error);
        int length = arguments.GetValue(maxLength) ?? trained.Run?.MaxLength ?? predictor.MaxLength;
        Report(arguments, predictor.Evaluate(examples, length, trained.Run?.PerDeviceEvalBatchSize ?? 16).Metrics, examples.Count, examples.Path);
        return ExitCode.Success;
    }

    /// <summary>Loss and perplexity of a language model, its rows laid out and cut as its run did.</summary>
    private int EvaluateTexts(ParseResult arguments, TrainedModel trained, RunConfiguration run, WeightType type)
    {
        string? file = arguments.GetValue(data);
        RunConfiguration evaluated = run with
        {
            Model = trained.Model,
            MaxLength = arguments.GetValue(maxLength) ?? run.MaxLength,
            Data = run.Data with
            {
                Format = FormatOf(arguments) ?? run.Data.Format,
                Validation = file ?? run.Data.Validation,
                ValidationLimit = file is null ? run.Data.ValidationLimit : null,
            },
        };
        RequireTexts(arguments, evaluated);
        LanguageModelData texts = LanguageModelData.Open(evaluated);
        Evaluator evaluator = texts.ReadValidation() ?? throw new ArgumentException("The run has no data.validation; give a file with --data.");
        CommonOptions.Note(texts.Notes, Host.Error);
        using Device target = CommonOptions.Open(arguments.GetValue(device) ?? "cpu", Host.Error);
        using EvaluationModel loaded = EvaluationModel.Load(target, texts.Folder, texts.Architecture, trained.Adapter, trained.Seed, type);
        CommonOptions.Note(loaded.Notes, Host.Error);
        Report(arguments, loaded.Evaluate(evaluator).Metrics, evaluator.Rows, evaluated.Data.Validation!);
        return ExitCode.Success;
    }

    /// <summary>Refuses options that say how labelled data is read, and formats that hold no texts for this task.</summary>
    private void RequireTexts(ParseResult arguments, RunConfiguration run)
    {
        Option? column = ((Option<string?>[])[text, textPair, label]).FirstOrDefault(option => arguments.GetValue(option) is not null);
        if (column is not null && run.Task == TaskKind.CausalLanguageModel)
        {
            throw new ArgumentException($"{column.Name} names a column, and a causal language model's data is known by its keys (messages, prompt with completion, ...); leave it out.");
        }

        if (run.Data.Format == DataFileFormat.Prebatched)
        {
            throw new ArgumentException("The run was trained on prebatched data, which is not evaluated; give texts with --data and say how they are written with --format.");
        }

        if (run.Task == TaskKind.CausalLanguageModel && run.Data.Format is DataFileFormat.Tsv or DataFileFormat.Csv)
        {
            throw new ArgumentException("Tables are not read for a causal language model; --format jsonl or json was expected.");
        }
    }

    private void Report(ParseResult arguments, IReadOnlyDictionary<string, double> metrics, int rows, string path)
    {
        if (arguments.GetValue(json))
        {
            Host.Console.WriteLine(JsonSerializer.Serialize(metrics.ToDictionary(metric => metric.Key, metric => double.IsFinite(metric.Value) ? metric.Value : (double?)null)));
        }
        else
        {
            Host.Console.Write(ReportTables.Metrics(metrics));
            Host.Console.WriteLine($"{rows} rows of {path}");
        }
    }

    private ExampleSet ReadExamples(ParseResult arguments, RunConfiguration? run)
    {
        string path = arguments.GetValue(data) ?? run?.Data.Validation ?? throw new ArgumentException("There is no data to evaluate on: give a labelled file with --data.");
        ExampleReaderOptions fromRun = run?.Data.ReaderOptions(arguments.GetValue(data) is null ? run.Data.ValidationLimit : null)
            ?? new ExampleReaderOptions { Format = DataFileFormat.Tsv };
        ExampleReaderOptions options = fromRun with
        {
            Format = FormatOf(arguments) ?? fromRun.Format,
            Header = !arguments.GetValue(noHeader) && fromRun.Header,
            Text = Column(arguments.GetValue(text)) ?? fromRun.Text,
            TextPair = Column(arguments.GetValue(textPair)) ?? fromRun.TextPair,
            Label = Column(arguments.GetValue(label)) ?? fromRun.Label,
        };
        return options.Text is null || options.Label is null
            ? throw new ArgumentException("Say which columns hold the text and the label: --text COLUMN --label COLUMN.")
            : ExampleReader.Read(path, options);
    }

    private DataFileFormat? FormatOf(ParseResult arguments) => arguments.GetValue(format) switch
    {
        "tsv" => DataFileFormat.Tsv,
        "csv" => DataFileFormat.Csv,
        "jsonl" => DataFileFormat.JsonLines,
        "json" => DataFileFormat.Json,
        _ => null,
    };

    private static ColumnReference? Column(string? name) => name is null ? null
        : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? ColumnReference.ByIndex(index)
        : ColumnReference.ByName(name);
}
