using System.CommandLine;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Peft;
using Engine.Training.Configuration;
using Engine.Training.Data;
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
            "engine eval runs/demo",
            "engine eval runs/demo --data other.tsv --json",
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
        TrainedModel trained = TrainedModel.Resolve(model.Path(arguments), arguments.GetValue(adapter));
        WeightType type = CommonOptions.WeightTypeOf(arguments.GetValue(dtype)) ?? trained.Dtype;
        if (trained.Run is { } run && run.Task.IsLanguageModel())
        {
            return EvaluateTexts(arguments, trained, run, type);
        }

        if (trained.Run is null)
        {
            RequireNoLanguageModel(trained);
        }

        return EvaluateLabelled(arguments, trained, type);
    }

    /// <summary>Refuses a language model of which no run says how its texts are laid out.</summary>
    private static void RequireNoLanguageModel(TrainedModel trained)
    {
        bool isCausal = trained.Adapter is null
            ? ModelFolder.Open(trained.Model).CreateArchitecture().Head == HeadKind.CausalLm
            : AdapterConfig.Read(trained.Adapter).TaskType == AdapterConfig.CausalLanguageModel;
        if (isCausal)
        {
            throw new ArgumentException(
                $"{trained.Adapter ?? trained.Model} is a language model, and its run says how the texts that it is evaluated on are laid out and cut: give that run, "
                + "its folder or its file, in its place; --data beside that names other texts.");
        }
    }

    private int EvaluateLabelled(ParseResult arguments, TrainedModel trained, WeightType type)
    {
        ExampleSet examples = ReadExamples(arguments, trained);
        using Device target = device.Open(arguments, Host, Host.Error);
        using Predictor predictor = Predictor.Open(target, trained.Model, trained.Adapter, trained.Seed, type);
        CommonOptions.Note(predictor.Notes, Host.Error);
        int length = data.MaxLength(arguments) ?? trained.Run?.MaxLength ?? predictor.MaxLength;
        EvaluationResult result = predictor.Evaluate(examples, length, trained.Run?.PerDeviceEvalBatchSize ?? 16);
        CommonOptions.Note(result.Notes, Host.Error);
        Report(arguments, result.Metrics, examples.Count, examples.Files.ToString());
        return ExitCode.Success;
    }

    /// <summary>Loss and perplexity of a language model, its rows laid out and cut as its run did.</summary>
    private int EvaluateTexts(ParseResult arguments, TrainedModel trained, RunConfiguration run, WeightType type)
    {
        DataConfiguration read = data.Resolve(arguments, run.Data)
            ?? throw new ArgumentException("There are no texts to evaluate on: the run has no data.validation; give a file with --data.");
        LanguageModelData texts = LanguageModelData.Read(
            run with { Model = trained.Model, MaxLength = data.MaxLength(arguments) ?? run.MaxLength, Data = read }, trained.Adapter);
        CommonOptions.Note(texts.Notes, Host.Error);
        using Device target = device.Open(arguments, Host, Host.Error);
        using EvaluationModel loaded = texts.Load(target, trained, type);
        Evaluator evaluator = texts.Validation!;
        CommonOptions.Note(loaded.Notes, Host.Error);
        Report(arguments, loaded.Evaluate(evaluator).Metrics, evaluator.RowCount, evaluator.Origin);
        return ExitCode.Success;
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
            Host.Console.WriteLine($"{Amounts.Of(rows, "row")} of {path}");
        }
    }

    private ExampleSet ReadExamples(ParseResult arguments, TrainedModel trained)
    {
        DataConfiguration read = data.Resolve(arguments, trained.Run?.Data) ?? throw new ArgumentException("There is no data to evaluate on: give a labelled file with --data.");
        LabelledDataOptions.RequireColumns(read);
        RunConfiguration run = trained.Run ?? new RunConfiguration { Model = trained.Model };
        return (run with { Data = read }).ReadValidationExamples()!;
    }
}
