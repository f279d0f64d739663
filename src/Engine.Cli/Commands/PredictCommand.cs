using System.CommandLine;
using System.Text;
using Engine.Cli.Console;
using Engine.Common;
using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Reports;
using Engine.Training.Running;

namespace Engine.Cli.Commands;

/// <summary><c>engine predict</c>: texts in, labels and probabilities out.</summary>
internal sealed class PredictCommand : EngineCommand
{
    private readonly ModelArgument model;
    private readonly TextInputs texts;
    private readonly Option<string?> adapter = new("--adapter") { Description = GivenAdapter.Description, HelpName = "FOLDER" };
    private readonly Option<int?> maxLength = new("--max-length")
    {
        Description = "Cut texts to this many tokens; without it the run's max_length, else the model's longest.",
        HelpName = "N",
    };

    private readonly Option<bool> json = new("--json")
    {
        Description = "Print one JSON line a text with the probability of every label.",
    };

    private readonly Option<string?> output = new("--output")
    {
        Description = $"Write a file ({PredictionFile.Endings}; the ending says how) of the rows that were read, with all their columns "
            + $"and behind these {PredictionFile.Prediction} and {PredictionFile.Probability} (in .jsonl also "
            + $"{PredictionFile.Probabilities}, that of every label; for regression {PredictionFile.Prediction} alone). For several "
            + "classes a text and for words it holds a list of labels, for questions the answer, for several choices the chosen one's "
            + $"number. A column of such a name that the rows have already stays, and the model's is {PredictionFile.Prediction}_2.",
        HelpName = "FILE",
    };

    private readonly Option<bool> overwrite = new("--overwrite")
    {
        Description = "Let a file that --output names give way to the new one.",
    };

    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly DeviceChoice device;

    public PredictCommand(CommandHost host)
        : base(
            host,
            "predict",
            "Labels texts with a trained classifier: prints label, probability and text, with tabs between them and a line each; for "
                + "regression the number and the text, for several classes a text those above a half, for words their "
                + "labels, for questions (with --pairs their contexts) the answers, for several choices the chosen one.",
            "engine predict runs/reviews \"What a film\"",
            "engine predict runs/reviews --file new.csv --output predictions.csv",
            "engine predict runs/reviews --file dev.csv --file test.csv --text review --json",
            "engine predict roberta-base --adapter my-adapter --pairs < pairs.tsv")
    {
        model = new ModelArgument(this, alone: false);
        texts = new TextInputs(this, model, takesPairs: true);
        Add(adapter);
        Add(maxLength);
        Add(json);
        Add(output);
        Add(overwrite);
        Validators.Add(result =>
        {
            if (result.GetResult(output) is null && result.GetValue(overwrite))
            {
                result.AddError("--overwrite is for the file that --output names, and there is none.");
            }
            else if (result.GetResult(output) is not null && result.GetValue(json))
            {
                result.AddError("--json says how predictions are printed, and --output writes them as its ending says; give one of them.");
            }
        });
        Add(dtype);
        device = new DeviceChoice(this);
    }

    protected override int Run(ParseResult arguments)
    {
        TrainedModel trained = TrainedModel.Resolve(model.Path(arguments), arguments.GetValue(adapter));
        if (trained.Run?.Task is { } task && !task.PredictsLabels())
        {
            throw new ConfigurationException(Refusal(model.Path(arguments), task));
        }

        string? path = arguments.GetValue(output);
        TextSource source = texts.Read(arguments, trained.Run, Host, keepsColumns: path is not null);
        var prediction = new TextPrediction(trained, source, new PredictionSetup
        {
            MaxLength = arguments.GetValue(maxLength),
            Dtype = CommonOptions.WeightTypeOf(arguments.GetValue(dtype)),
            Output = path,
            Overwrite = arguments.GetValue(overwrite),
        });
        using Device target = device.Open(arguments, Host);
        using OpenedPrediction opened = prediction.Open(target);
        CommonOptions.Announce(target, Host.Error);
        CommonOptions.Note(opened.Predictor.Notes, Host.Error);
        if (path is null)
        {
            Print(opened, arguments.GetValue(json));
        }
        else
        {
            CommonOptions.Note(opened.Write(), Host.Error);
            Host.Error.WriteLine($"{Amounts.Of(opened.Count, "row")} written to {path}");
        }

        CommonOptions.Note(opened.Notes, Host.Error);
        return ExitCode.Success;
    }

    /// <summary>What is said of a run whose model gives no labels, with the commands that use it.</summary>
    private static string Refusal(string run, TaskKind task)
    {
        (string kind, string use) = task switch
        {
            TaskKind.SentenceSimilarity => ("a model that makes vectors of texts", ", 'engine embed' gives the vectors"),
            TaskKind.CausalLanguageModel => ("a language model", ", 'engine generate' goes on with texts"),
            _ => ("a language model", ""),
        };
        return $"{run} is the run of {kind}, and predict is for models that give labels or numbers; 'engine eval' measures it{use}.";
    }

    private void Print(OpenedPrediction opened, bool asJson)
    {
        using JsonLines lines = new(Host.Output);
        using BufferedStream plain = new(Host.Output);
        foreach (((string Text, string? Pair) input, Prediction prediction) in opened.Answers())
        {
            if (asJson)
            {
                PredictionText.WriteJson(lines.Writer, input, prediction, opened.Predictor.Labels);
                lines.End();
            }
            else
            {
                plain.Write(Encoding.UTF8.GetBytes($"{PredictionText.Line(input, prediction)}\n"));
            }
        }
    }
}
