using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Batching;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.Cli.Commands;

/// <summary><c>engine predict</c>: texts in, labels and probabilities out.</summary>
internal sealed class PredictCommand : EngineCommand
{
    // Texts are grouped by length within a chunk; a longer stream is answered chunk by chunk.
    private const int ChunkTexts = 1024;
    private const int BatchSize = 16;

    private static readonly JsonWriterOptions LineOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ModelArgument model;
    private readonly Argument<string[]> texts = new("TEXT") { Description = "Texts; without any they are read from --file or standard input, one a line.", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string?> adapter = new("--adapter") { Description = GivenAdapter.Description, HelpName = "FOLDER" };
    private readonly Option<string?> file = new("--file") { Description = "UTF-8 file with one text a line; - is standard input.", HelpName = "FILE" };
    private readonly Option<bool> pairs = new("--pairs") { Description = "Each line, or each TEXT, is a pair of texts with a tab between them." };
    private readonly Option<int?> maxLength = new("--max-length") { Description = "Cut texts to this many tokens; without it the run's max_length, else the model's longest.", HelpName = "N" };
    private readonly Option<bool> json = new("--json") { Description = "One JSON line a text with the probability of every label." };
    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly Option<string?> device = CommonOptions.Device();

    public PredictCommand(CommandHost host)
        : base(
            host,
            "predict",
            "Labels texts with a trained classifier: prints label, probability and text, with tabs between them; for regression the number and the text.",
            "engine predict runs/demo \"The orchestra played until midnight.\"",
            "engine predict runs/demo --json --file sentences.txt",
            "engine predict roberta-base --adapter my-adapter --pairs < pairs.tsv")
    {
        model = new ModelArgument(this, alone: false);
        Add(texts);
        Add(adapter);
        Add(file);
        Add(pairs);
        Add(maxLength);
        Add(json);
        Add(dtype);
        Add(device);
    }

    protected override int Run(ParseResult arguments)
    {
        TrainedModel trained = TrainedModel.Resolve(model.Path(arguments), arguments.GetValue(adapter));
        if (trained.Run?.Task.IsLanguageModel() == true)
        {
            throw new ConfigurationException(
                $"{model.Path(arguments)} is the run of a language model, and predict is for classifiers and regressors; 'engine eval' gives its loss and perplexity, 'engine generate' texts.");
        }

        using Device target = CommonOptions.Open(arguments.GetValue(device) ?? "cpu", Host.Error);
        using Predictor predictor = Predictor.Open(target, trained.Model, trained.Adapter, trained.Seed, CommonOptions.WeightTypeOf(arguments.GetValue(dtype)) ?? trained.Run?.Dtype ?? WeightType.Auto);
        CommonOptions.Note(predictor.Notes, Host.Error);
        int length = arguments.GetValue(maxLength) ?? trained.Run?.MaxLength ?? predictor.MaxLength;
        bool asPairs = arguments.GetValue(pairs);
        using BufferedStream output = new(Host.Output);
        foreach ((string Text, string? Pair)[] chunk in Lines(arguments).Select(line => Split(line.Source, line.Line, line.Text, asPairs)).Chunk(ChunkTexts))
        {
            foreach (((string Text, string? Pair) input, Prediction prediction) in chunk.Zip(predictor.Predict(chunk, length, BatchSize)))
            {
                Write(output, input, prediction, predictor.Labels, arguments.GetValue(json));
            }
        }

        return ExitCode.Success;
    }

    private IEnumerable<(string Source, int Line, string Text)> Lines(ParseResult arguments)
    {
        string[] given = [.. model.Displaced(arguments) is { } text ? [text] : Array.Empty<string>(), .. arguments.GetValue(texts) ?? []];
        string? path = arguments.GetValue(file);
        if (given.Length > 0)
        {
            return path is null
                ? given.Select((text, index) => ("TEXT", index + 1, text))
                : throw new ArgumentException("Texts are given both as arguments and with --file; give one of them.");
        }

        string source = path is null or "-" ? "standard input" : path;
        return (path is null or "-" ? TextLines.Read(Host.Input, source) : TextLines.Read(path)).Select(line => (source, line.Line, line.Text));
    }

    private static (string Text, string? Pair) Split(string source, int line, string text, bool asPair)
    {
        if (!asPair)
        {
            return (text, null);
        }

        string[] parts = text.Split('\t');
        return parts.Length == 2
            ? (parts[0], parts[1])
            : throw new DataFileException(source, line, $"{parts.Length - 1} tabs; with --pairs one was expected, between the two texts.");
    }

    private static void Write(Stream output, (string Text, string? Pair) input, Prediction prediction, IReadOnlyList<string> labels, bool asJson)
    {
        if (asJson)
        {
            using (Utf8JsonWriter writer = new(output, LineOptions))
            {
                WriteJson(writer, input, prediction, labels);
            }

            output.WriteByte((byte)'\n');
            return;
        }

        string number = prediction.Probability.ToString("0.0000", CultureInfo.InvariantCulture);
        string text = input.Pair is null ? input.Text : $"{input.Text}\t{input.Pair}";
        output.Write(System.Text.Encoding.UTF8.GetBytes(prediction.Label is null ? $"{number}\t{text}\n" : $"{prediction.Label}\t{number}\t{text}\n"));
    }

    private static void WriteJson(Utf8JsonWriter writer, (string Text, string? Pair) input, Prediction prediction, IReadOnlyList<string> labels)
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
