using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Common;
using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Running;

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

    private readonly Option<bool> json = new("--json") { Description = "One JSON line a text with the probability of every label." };
    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly DeviceChoice device;

    public PredictCommand(CommandHost host)
        : base(
            host,
            "predict",
            "Labels texts with a trained classifier: prints label, probability and text, with tabs between them and a line each; for "
                + "regression the number and the text.",
            "engine predict runs/demo \"wake me at seven tomorrow\"",
            "engine predict runs/demo --json --file requests.txt",
            "engine predict runs/demo --file dev.csv --file test.csv --text review",
            "engine predict roberta-base --adapter my-adapter --pairs < pairs.tsv")
    {
        model = new ModelArgument(this, alone: false);
        texts = new TextInputs(this, model, takesPairs: true);
        Add(adapter);
        Add(maxLength);
        Add(json);
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
                    + "'engine eval' gives "
                + "its loss and perplexity, 'engine generate' texts.");
        }

        IEnumerable<(string Text, string? Pair)> inputs = texts.Read(arguments, trained.Run, Host);
        using Device target = device.Open(arguments, Host, Host.Error);
        using Predictor predictor = Predictor.Open(target, trained, CommonOptions.WeightTypeOf(arguments.GetValue(dtype)));
        CommonOptions.Note(predictor.Notes, Host.Error);
        int length = arguments.GetValue(maxLength) ?? predictor.ReadLength;
        int count = 0, cut = 0, empty = 0;
        bool asJson = arguments.GetValue(json);
        using (JsonLines lines = new(Host.Output))
        using (BufferedStream output = new(Host.Output))
        {
            foreach (((string Text, string? Pair) input, Prediction prediction) in predictor.PredictEach(inputs, length, BatchSize))
            {
                if (asJson)
                {
                    WriteJson(lines.Writer, input, prediction, predictor.Labels);
                    lines.End();
                }
                else
                {
                    WriteText(output, input, prediction);
                }

                count++;
                cut += prediction.IsCut ? 1 : 0;
                empty += TextEncoding.IsEmpty(input.Text, input.Pair) ? 1 : 0;
            }
        }

        string[] notes =
        [
            .. cut > 0 ? [$"{cut} of {count} texts are longer than {length} tokens and were cut."] : (string[])[],
            .. empty > 0 ? [$"{empty} of {count} texts are empty."] : (string[])[],
        ];
        CommonOptions.Note(notes, Host.Error);
        return ExitCode.Success;
    }

    private static void WriteText(Stream output, (string Text, string? Pair) input, Prediction prediction)
    {
        string number = prediction.Probability.ToString("0.0000", CultureInfo.InvariantCulture);
        string text = (input.Pair is null ? input.Text : $"{input.Text}\t{input.Pair}").ReplaceLineEndings(" ");
        string label = prediction.Label is null ? "" : $"{prediction.Label}\t";
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

        if (prediction.Label is null)
        {
            writer.WriteNumber("value", prediction.Probability);
        }
        else
        {
            writer.WriteString("label", prediction.Label);
            writer.WriteNumber("probability", prediction.Probability);
            writer.WriteStartObject("probabilities");
            foreach ((string label, double score) in labels.Zip(prediction.Scores))
            {
                writer.WriteNumber(label, score);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }
}
