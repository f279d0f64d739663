using System.CommandLine;
using Engine.Cli.Console;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Training.Data;
using Engine.Training.Reports;
using Engine.Training.Running;

namespace Engine.Cli.Commands;

/// <summary><c>engine embed</c>: texts in, vectors out.</summary>
internal sealed class EmbedCommand : EngineCommand
{
    private readonly ModelArgument model;
    private readonly TextInputs texts;
    private readonly Option<string?> adapter = new("--adapter") { Description = GivenAdapter.Description, HelpName = "FOLDER" };
    private readonly Option<string?> output = new("--output")
    {
        Description = $"safetensors file to write, with {VectorFile.TensorName} [texts, dimensions]; without it a JSON line for each text "
            + "goes to standard output.",
        HelpName = "FILE",
    };

    private readonly Option<bool> normalize = new("--normalize")
    {
        Description = "Scale vectors to length 1, so that the product of two is their cosine; without it as the model's modules.json "
            + "says, and where it has none they are not scaled.",
    };

    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly DeviceChoice device;

    public EmbedCommand(CommandHost host)
        : base(
            host,
            "embed",
            "Makes a vector of each text with an encoder, as sentence-transformers does: by the steps that the model's modules.json lists, "
                + "or where it has none by the mean of the last hidden states.",
            "engine embed all-MiniLM-L6-v2 \"How do I reset my password?\"",
            "engine embed all-MiniLM-L6-v2 --file questions.txt --output questions.safetensors",
            "engine embed all-MiniLM-L6-v2 --adapter runs/intents < questions.txt")
    {
        model = new ModelArgument(this, alone: false);
        texts = new TextInputs(this, model, takesPairs: false);
        Add(adapter);
        Add(output);
        Add(normalize);
        Add(dtype);
        device = new DeviceChoice(this);
    }

    protected override int Run(ParseResult arguments)
    {
        TrainedModel trained = TrainedModel.Resolve(model.Path(arguments), arguments.GetValue(adapter));
        string? path = arguments.GetValue(output);
        TextSource source = texts.Read(arguments, trained.Run, Host);
        if (path is not null)
        {
            WrittenFile.RequireApart(path, source.Paths);
        }

        IEnumerable<string> inputs = Begun.Reading(source.Rows).Select(input => input.Text);
        using Device target = device.Open(arguments, Host);
        using TextEmbedder embedder = TextEmbedder.Open(
            target, trained, CommonOptions.WeightTypeOf(arguments.GetValue(dtype)), arguments.GetValue(normalize) ? true : null);
        CommonOptions.Announce(target, Host.Error);
        CommonOptions.Note(embedder.Notes, Host.Error);
        IEnumerable<(string Text, float[] Vector)> vectors = embedder.EmbedEach(inputs);
        if (path is null)
        {
            WriteLines(vectors);
        }
        else
        {
            float[][] all = [.. vectors.Select(entry => entry.Vector)];
            VectorFile.Write(path, all, embedder.Dimensions);
            Host.Error.WriteLine($"{Amounts.Of(all.Length, "vector")} of {embedder.Dimensions} numbers written to {path}");
        }

        return ExitCode.Success;
    }

    private void WriteLines(IEnumerable<(string Text, float[] Vector)> vectors)
    {
        using JsonLines lines = new(Host.Output);
        foreach ((string text, float[] vector) in vectors)
        {
            lines.Writer.WriteStartObject();
            lines.Writer.WriteString("text", text);
            lines.Writer.WriteStartArray("embedding");
            foreach (float number in vector)
            {
                lines.Writer.WriteNumberValue(number);
            }

            lines.Writer.WriteEndArray();
            lines.Writer.WriteEndObject();
            lines.End();
        }
    }
}
