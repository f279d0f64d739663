using System.Buffers;
using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Devices;
using Engine.Model;
using Engine.Safetensors;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.Cli.Commands;

/// <summary><c>engine embed</c>: texts in, vectors out.</summary>
internal sealed class EmbedCommand : EngineCommand
{
    // A longer stream is answered chunk by chunk.
    private const int ChunkTexts = 1024;
    private const int BatchSize = 32;
    private const string StandardInput = "-";
    private const string TensorName = "embeddings";

    private static readonly JsonWriterOptions LineOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ModelArgument model;
    private readonly Argument<string[]> texts = new("TEXT")
    {
        Description = "Texts; without any they are read from --file, or from standard input, one a line.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string?> adapter = new("--adapter") { Description = GivenAdapter.Description, HelpName = "FOLDER" };
    private readonly Option<string[]> files = new("--file") { Description = "File with a text a line; - is standard input. May be given several times.", HelpName = "FILE" };
    private readonly Option<string?> output = new("--output")
    {
        Description = $"safetensors file to write, with {TensorName} [texts, dimensions]; without it a JSON line for each text goes to standard output.",
        HelpName = "FILE",
    };

    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly DeviceChoice device;

    public EmbedCommand(CommandHost host)
        : base(
            host,
            "embed",
            "Makes a vector of each text with an encoder, as sentence-transformers does: the mean of the last hidden states, or what the folder's modules.json says.",
            "engine embed all-MiniLM-L6-v2 \"How do I reset my password?\"",
            "engine embed all-MiniLM-L6-v2 --file questions.txt --output questions.safetensors",
            "engine embed all-MiniLM-L6-v2 --adapter runs/intents < questions.txt")
    {
        model = new ModelArgument(this, alone: false);
        Add(texts);
        Add(adapter);
        Add(files);
        Add(output);
        Add(dtype);
        device = new DeviceChoice(this);
    }

    protected override int Run(ParseResult arguments)
    {
        TrainedModel trained = TrainedModel.Resolve(model.Path(arguments), arguments.GetValue(adapter));
        IEnumerable<string> inputs = Inputs(arguments);
        using Device target = device.Open(arguments, Host, Host.Error);
        WeightType type = CommonOptions.WeightTypeOf(arguments.GetValue(dtype)) ?? trained.Run?.Dtype ?? WeightType.Auto;
        using TextEmbedder embedder = TextEmbedder.Open(target, trained.Model, trained.Adapter, trained.SentenceSettings, type);
        CommonOptions.Note(embedder.Notes, Host.Error);
        if (arguments.GetValue(output) is { } path)
        {
            float[][] vectors = [.. inputs.Chunk(ChunkTexts).SelectMany(chunk => embedder.Embed(chunk, BatchSize))];
            new SafetensorsWriter().Add(TensorName, [vectors.Length, embedder.Dimensions], vectors.SelectMany(vector => vector).ToArray()).Write(path);
            Host.Error.WriteLine($"{Amounts.Of(vectors.Length, "vector")} of {embedder.Dimensions} numbers written to {path}");
            return ExitCode.Success;
        }

        using BufferedStream lines = new(Host.Output);
        foreach (string[] chunk in inputs.Chunk(ChunkTexts))
        {
            foreach ((string text, float[] vector) in chunk.Zip(embedder.Embed(chunk, BatchSize)))
            {
                WriteLine(lines, text, vector);
            }
        }

        return ExitCode.Success;
    }

    private IEnumerable<string> Inputs(ParseResult arguments)
    {
        string[] given = [.. model.Displaced(arguments) is { } text ? [text] : Array.Empty<string>(), .. arguments.GetValue(texts) ?? []];
        string[] paths = arguments.GetValue(files) is { Length: > 0 } asked ? asked : [StandardInput];
        if (given.Length > 0)
        {
            return arguments.GetResult(files) is null
                ? given
                : throw new ArgumentException("Texts are given both as arguments and with --file; give one of them.");
        }

        return paths.SelectMany(path => path == StandardInput ? TextLines.Read(Host.Input, "standard input") : TextLines.Read(path)).Select(line => line.Text);
    }

    private static void WriteLine(Stream lines, string text, float[] vector)
    {
        ArrayBufferWriter<byte> line = new();
        using (Utf8JsonWriter writer = new(line, LineOptions))
        {
            writer.WriteStartObject();
            writer.WriteString("text", text);
            writer.WriteStartArray("embedding");
            foreach (float number in vector)
            {
                writer.WriteNumberValue(number);
            }

            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        line.Write("\n"u8);
        lines.Write(line.WrittenSpan);
    }
}
