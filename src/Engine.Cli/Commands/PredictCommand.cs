using System.CommandLine;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Common;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Batching;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;
using Engine.Training.Running;

namespace Engine.Cli.Commands;

/// <summary><c>engine predict</c>: texts in, labels and probabilities out.</summary>
internal sealed class PredictCommand : EngineCommand
{
    // Texts are grouped by length within a chunk; a longer stream is answered chunk by chunk.
    private const int ChunkTexts = 1024;
    private const int BatchSize = 16;
    private const string StandardInput = "-";

    private static readonly JsonWriterOptions LineOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ModelArgument model;
    private readonly Argument<string[]> texts = new("TEXT")
    {
        Description = "Texts; without any they are read from --file, or from standard input, one a line.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string?> adapter = new("--adapter") { Description = GivenAdapter.Description, HelpName = "FOLDER" };
    private readonly Option<string[]> files = new("--file")
    {
        Description = "File of texts, folder of files, or pattern (*): rows whose column of texts the run or --text names, or a "
            + "text a line (.txt); "
            + "- is standard input, a text a line. "
            + "May be given several times.",
        HelpName = "FILE",
    };

    private readonly ReadingOptions reading;
    private readonly Option<bool> pairs = new("--pairs")
    {
        Description = "Each line of text, or each TEXT, is a pair of texts with a tab between them; --file is then lines whatever its ending.",
    };

    private readonly Option<int?> maxLength = new("--max-length") { Description = "Cut texts to this many tokens; without it the run's max_length, else the model's longest.", HelpName = "N" };
    private readonly Option<bool> json = new("--json") { Description = "One JSON line a text with the probability of every label." };
    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly DeviceChoice device;

    public PredictCommand(CommandHost host)
        : base(
            host,
            "predict",
            "Labels texts with a trained classifier: prints label, probability and text, with tabs between them and a line each; for regression the number and the text.",
            "engine predict runs/demo \"wake me at seven tomorrow\"",
            "engine predict runs/demo --json --file requests.txt",
            "engine predict runs/demo --file dev.csv --file test.csv --text review",
            "engine predict roberta-base --adapter my-adapter --pairs < pairs.tsv")
    {
        model = new ModelArgument(this, alone: false);
        Add(texts);
        Add(adapter);
        Add(files);
        reading = new ReadingOptions(this);
        Add(pairs);
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
                $"{model.Path(arguments)} is the run of a language model, and predict is for classifiers and regressors; 'engine eval' gives its loss and perplexity, 'engine generate' texts.");
        }

        IEnumerable<(string Text, string? Pair)> inputs = Inputs(arguments, trained.Run);
        using Device target = device.Open(arguments, Host, Host.Error);
        using Predictor predictor = Predictor.Open(target, trained.Model, trained.Adapter, trained.Seed, CommonOptions.WeightTypeOf(arguments.GetValue(dtype)) ?? trained.Run?.Dtype ?? WeightType.Auto);
        CommonOptions.Note(predictor.Notes, Host.Error);
        int length = arguments.GetValue(maxLength) ?? trained.Run?.MaxLength ?? predictor.MaxLength;
        int count = 0, cut = 0, empty = 0;
        using (BufferedStream output = new(Host.Output))
        {
            foreach ((string Text, string? Pair)[] chunk in inputs.Chunk(ChunkTexts))
            {
                foreach (((string Text, string? Pair) input, Prediction prediction) in chunk.Zip(predictor.Predict(chunk, length, BatchSize)))
                {
                    Write(output, input, prediction, predictor.Labels, arguments.GetValue(json));
                    count++;
                    cut += prediction.IsCut ? 1 : 0;
                    empty += TextEncoding.IsEmpty(input.Text, input.Pair) ? 1 : 0;
                }
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

    /// <summary>The texts in their order: of the arguments, of the files one after another, or of standard input.</summary>
    private IEnumerable<(string Text, string? Pair)> Inputs(ParseResult arguments, RunConfiguration? run)
    {
        string[] given = [.. model.Displaced(arguments) is { } text ? [text] : Array.Empty<string>(), .. arguments.GetValue(texts) ?? []];
        string[] paths = arguments.GetValue(files) is { Length: > 0 } asked ? asked : [StandardInput];
        bool asPairs = arguments.GetValue(pairs);
        if (given.Length > 0)
        {
            return arguments.GetResult(files) is null
                ? given.Select((text, index) => Split("TEXT", index + 1, text, asPairs))
                : throw new ArgumentException("Texts are given both as arguments and with --file; give one of them.");
        }

        if (asPairs && reading.Format(arguments) is { } format && !format.HoldsAny(DataContents.Texts))
        {
            throw new ArgumentException(
                $"--pairs is for lines of text, and the files are {format}; name the columns of the two texts with --text and "
                    + "--text-pair instead.");
        }

        if (paths.Contains(StandardInput) && reading.Format(arguments)?.HoldsAny(DataContents.Texts) == false)
        {
            throw new ArgumentException("Standard input is read as a text a line; give a table or JSON as a file with --file.");
        }

        // What the command line has wrong is said before the first text is read.
        paths = [.. paths.SelectMany(path => path == StandardInput ? [path] : DataFileSearch.Find(path, reading.Format(arguments)).Paths)];
        string[] named = [.. paths.Where(path => path != StandardInput)];
        DataConfiguration? read = named.Length == 0 ? null : Reading(arguments, new DataFiles(named), run, asPairs);
        return paths.SelectMany(path => path == StandardInput
            ? Lines(TextLines.Read(Host.Input, "standard input"), "standard input", asPairs)
            : Texts(path, read!, asPairs));
    }

    private DataConfiguration Reading(ParseResult arguments, DataFiles given, RunConfiguration? run, bool asPairs)
    {
        DataConfiguration read = reading.Over(arguments, run?.Data ?? new DataConfiguration { Train = given }, given);
        return asPairs || read.Text is not null || read.FormatsOf(given).All(format => format.HoldsAny(DataContents.Texts))
            ? read
            : throw new ArgumentException($"Say which column of {given} holds the text: --text COLUMN, and --text-pair COLUMN for pairs.");
    }

    private static IEnumerable<(string Text, string? Pair)> Texts(string path, DataConfiguration read, bool asPairs) =>
        asPairs || read.FormatsOf(path).All(format => format.HoldsAny(DataContents.Texts))
        ? Lines(TextLines.Read(path), path, asPairs)
        : ExampleReader.Enumerate(path, read.ReaderOptions() with { Label = null }).Select(example => (example.Text, example.TextPair));

    private static IEnumerable<(string Text, string? Pair)> Lines(IEnumerable<(int Line, string Text)> lines, string source, bool asPairs) =>
        lines.Select(line => Split(source, line.Line, line.Text, asPairs));

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
        string text = (input.Pair is null ? input.Text : $"{input.Text}\t{input.Pair}").ReplaceLineEndings(" ");
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
