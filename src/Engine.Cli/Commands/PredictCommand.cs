using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Reports;
using Engine.Training.Running;
using Answer = ((string Text, string? Pair) Input, Engine.Training.Running.Prediction Prediction);

namespace Engine.Cli.Commands;

/// <summary><c>engine predict</c>: texts in, labels and probabilities out.</summary>
internal sealed class PredictCommand : EngineCommand
{
    private const int BatchSize = 16;

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
        if (trained.Run?.Task.IsLanguageModel() == true)
        {
            throw new ConfigurationException(
                $"{model.Path(arguments)} is the run of a language model, and predict is for classifiers and regressors; "
                    + "'engine eval' gives its loss and perplexity, 'engine generate' texts.");
        }

        string? path = arguments.GetValue(output);
        if (path is not null)
        {
            WrittenFile.RequireApart(path, texts.Paths(arguments));
        }

        IEnumerable<Example> inputs = texts.Read(arguments, trained.Run, Host, keepsColumns: path is not null);
        PredictionFile? file = path is null ? null : new PredictionFile(path, arguments.GetValue(overwrite), inputs);
        inputs = file?.Rows ?? Begun.Reading(inputs);
        using Device target = device.Open(arguments, Host);
        using Predictor predictor = Predictor.Open(target, trained, CommonOptions.WeightTypeOf(arguments.GetValue(dtype)));
        CommonOptions.Announce(target, Host.Error);
        CommonOptions.Note(predictor.Notes, Host.Error);
        int length = arguments.GetValue(maxLength) ?? predictor.ReadLength;
        int count = 0, cut = 0, empty = 0;
        IEnumerable<(string, string?)> given = inputs.Select(row => (row.Text, row.TextPair));
        IEnumerable<Answer> answers = predictor.PredictEach(given, length, BatchSize).Select(Counted);
        if (file is null)
        {
            Print(answers, predictor, arguments.GetValue(json));
        }
        else
        {
            bool isNumber = predictor.Architecture.Head == HeadKind.Regression;
            CommonOptions.Note(file.Write(answers.Select(answer => answer.Prediction), isNumber ? null : predictor.Labels), Host.Error);
            Host.Error.WriteLine($"{Amounts.Of(count, "row")} written to {path}");
        }

        string[] notes =
        [
            .. cut > 0 ? [$"{cut} of {count} texts are longer than {length} tokens and were cut."] : (string[])[],
            .. empty > 0 ? [$"{empty} of {count} texts are empty."] : (string[])[],
        ];
        CommonOptions.Note(notes, Host.Error);
        return ExitCode.Success;

        Answer Counted(Answer answer)
        {
            count++;
            cut += answer.Prediction.IsCut ? 1 : 0;
            empty += TextEncoding.IsEmpty(answer.Input.Text, answer.Input.Pair) ? 1 : 0;
            return answer;
        }
    }

    private void Print(IEnumerable<Answer> answers, Predictor predictor, bool asJson)
    {
        using JsonLines lines = new(Host.Output);
        using BufferedStream plain = new(Host.Output);
        foreach (((string Text, string? Pair) input, Prediction prediction) in answers)
        {
            if (asJson)
            {
                WriteJson(lines.Writer, input, prediction, predictor.Labels);
                lines.End();
            }
            else
            {
                WriteText(plain, input, prediction);
            }
        }
    }

    private static void WriteText(Stream output, (string Text, string? Pair) input, Prediction prediction)
    {
        string number = prediction.Probability.ToString("0.0000", CultureInfo.InvariantCulture);
        string text = (input.Pair is null ? input.Text : $"{input.Text}\t{input.Pair}").ReplaceLineEndings(" ");
        string label = prediction.Words is { } words ? string.Join(' ', words.Select(word => word.Label ?? "-")) + "\t"
            : prediction.Answer is { } answer ? answer.ReplaceLineEndings(" ") + "\t"
            : prediction.Labels is { } several ? string.Join(", ", several) + "\t"
            : prediction.Label is null ? ""
            : $"{prediction.Label}\t";
        output.Write(System.Text.Encoding.UTF8.GetBytes($"{label}{number}\t{text}\n"));
    }

    private static void WriteJson(
        Utf8JsonWriter writer, (string Text, string? Pair) input, Prediction prediction, IReadOnlyList<string> labels)
    {
        writer.WriteStartObject();
        writer.WriteString(input.Pair is null ? "text" : "a", input.Text);
        if (input.Pair is not null)
        {
            writer.WriteString("b", input.Pair);
        }

        if (prediction.Words is { } words)
        {
            WriteWords(writer, words, prediction.Entities!);
        }
        else if (prediction.Answer is { } answer)
        {
            writer.WriteString("answer", answer);
            writer.WriteNumber("probability", prediction.Probability);
            if (prediction.AnswerStart is { } start)
            {
                writer.WriteNumber("answer_start", start);
            }
        }
        else if (prediction.Labels is { } several)
        {
            writer.WriteStartArray("labels");
            foreach (string label in several)
            {
                writer.WriteStringValue(label);
            }

            writer.WriteEndArray();
            WriteProbabilities(writer, prediction, labels);
        }
        else if (prediction.Choice is { } choice)
        {
            writer.WriteNumber("choice", choice);
            writer.WriteNumber("probability", prediction.Probability);
            writer.WriteStartArray("probabilities");
            foreach (double score in prediction.Scores)
            {
                writer.WriteNumberValue(score);
            }

            writer.WriteEndArray();
        }
        else if (prediction.Label is null)
        {
            writer.WriteNumber("value", prediction.Probability);
        }
        else
        {
            writer.WriteString("label", prediction.Label);
            writer.WriteNumber("probability", prediction.Probability);
            WriteProbabilities(writer, prediction, labels);
        }

        writer.WriteEndObject();
    }

    private static void WriteProbabilities(Utf8JsonWriter writer, Prediction prediction, IReadOnlyList<string> labels)
    {
        writer.WriteStartObject("probabilities");
        foreach ((string label, double score) in labels.Zip(prediction.Scores))
        {
            writer.WriteNumber(label, score);
        }

        writer.WriteEndObject();
    }

    private static void WriteWords(Utf8JsonWriter writer, IReadOnlyList<WordPrediction> words, IReadOnlyList<EntityPrediction> entities)
    {
        writer.WriteStartArray("words");
        foreach (WordPrediction word in words)
        {
            writer.WriteStartObject();
            writer.WriteString("word", word.Word);
            writer.WriteString("label", word.Label);
            if (word.Label is not null)
            {
                writer.WriteNumber("probability", word.Probability);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartArray("entities");
        foreach (EntityPrediction entity in entities)
        {
            writer.WriteStartObject();
            writer.WriteString("type", entity.Type);
            writer.WriteString("text", entity.Text);
            writer.WriteNumber("first", entity.First);
            writer.WriteNumber("last", entity.Last);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
