using System.CommandLine;
using Engine.Model.Batching;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Cli.Console;

/// <summary>The texts that a command works on: its arguments, data files, or the lines of standard input.</summary>
internal sealed class TextInputs
{
    private const string StandardInput = "-";

    private readonly ModelArgument model;
    private readonly bool takesPairs;
    private readonly ReadingOptions reading;
    private readonly Argument<string[]> texts = new("TEXT")
    {
        Description = "Texts; without any they are read from --file, or from standard input, one a line.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<string[]> files = new("--file")
    {
        Description = "File of texts, folder of files, or pattern (*): rows whose column of texts the run or --text names, or a text a "
            + "line (.txt); - is standard input, a text a line. May be given several times.",
        HelpName = "FILE",
    };

    private readonly Option<bool> pairs = new("--pairs")
    {
        Description = "Each line of text, or each TEXT, is a pair of texts with a tab between them; --file is then lines whatever its "
            + "ending.",
    };

    /// <param name="takesPairs">Whether the command also works on pairs of texts.</param>
    public TextInputs(Command command, ModelArgument model, bool takesPairs)
    {
        this.model = model;
        this.takesPairs = takesPairs;
        command.Add(texts);
        command.Add(files);
        reading = new ReadingOptions(command, takesPairs);
        if (takesPairs)
        {
            command.Add(pairs);
        }
    }

    /// <summary>The texts in their order: of the arguments, of the files one after another, or of standard input.</summary>
    /// <param name="run">The model's run, whose data says which column holds the texts; null for none.</param>
    /// <param name="keepsColumns">Whether rows of tables and JSON come with all of their columns.</param>
    public IEnumerable<Example> Read(ParseResult arguments, RunConfiguration? run, CommandHost host, bool keepsColumns = false)
    {
        string[] given = [.. model.Displaced(arguments) is { } text ? [text] : Array.Empty<string>(), .. arguments.GetValue(texts) ?? []];
        bool asPairs = arguments.GetValue(pairs);
        if (given.Length > 0)
        {
            return arguments.GetResult(files) is null
                ? given.Select((text, index) => Split(new DataPlace("TEXT", index + 1), text, asPairs))
                : throw new ArgumentException("Texts are given both as arguments and with --file; give one of them.");
        }

        if (asPairs && reading.Format(arguments) is { } format && !format.HoldsAny(DataContents.Texts))
        {
            throw new ArgumentException(
                $"--pairs is for lines of text, and the files are {format}; name the columns of the two texts with --text and --text-pair "
                    + "instead.");
        }

        if (Asked(arguments).Contains(StandardInput) && reading.Format(arguments)?.HoldsAny(DataContents.Texts) == false)
        {
            throw new ArgumentException("Standard input is read as a text a line; give a table or JSON as a file with --file.");
        }

        // What the command line has wrong is said before the first text is read.
        string[] paths = [.. Paths(arguments)];
        string[] named = [.. paths.Where(path => path != StandardInput)];
        DataConfiguration? read = named.Length == 0 ? null : Reading(arguments, new DataFiles(named), run, asPairs);
        return paths.SelectMany(path => path == StandardInput
            ? Lines(TextLines.Read(host.Input, "standard input"), "standard input", asPairs)
            : Texts(path, read!, run?.Task ?? TaskKind.SequenceClassification, asPairs, keepsColumns));
    }

    /// <summary>The files that are read, and <c>-</c> for standard input.</summary>
    public IEnumerable<string> Paths(ParseResult arguments) =>
        Asked(arguments).SelectMany(path => path == StandardInput ? [path] : DataFileSearch.Find(path, reading.Format(arguments)).Paths);

    private string[] Asked(ParseResult arguments) => arguments.GetValue(files) is { Length: > 0 } asked ? asked : [StandardInput];

    private DataConfiguration Reading(ParseResult arguments, DataFiles given, RunConfiguration? run, bool asPairs)
    {
        DataConfiguration start = run?.Data ?? new DataConfiguration { Train = given };
        DataConfiguration read = reading.Read(arguments, given).Over(start, given) with { Label = null };
        read = takesPairs ? read : read with { TextPair = null };
        string forPairs = takesPairs ? ", and --text-pair COLUMN for pairs" : "";
        return asPairs || read.Text is not null || read.FormatsOf(given).All(format => format.HoldsAny(DataContents.Texts))
            ? read
            : throw new ArgumentException($"Say which column of {given} holds the text: --text COLUMN{forPairs}.");
    }

    private static IEnumerable<Example> Texts(
        string path, DataConfiguration read, TaskKind task, bool asPairs, bool keepsColumns) =>
        asPairs || read.FormatsOf(path).All(format => format.HoldsAny(DataContents.Texts))
            ? Lines(TextLines.Read(path), path, asPairs)
            : ExampleReader.Enumerate(path, read.ReaderOptions(task) with { KeepsColumns = keepsColumns });

    private static IEnumerable<Example> Lines(IEnumerable<(int Line, string Text)> lines, string source, bool asPairs) =>
        lines.Select(line => Split(new DataPlace(source, line.Line), line.Text, asPairs));

    private static Example Split(DataPlace place, string text, bool asPair)
    {
        if (!asPair)
        {
            return new Example(text, null, null, 0, place);
        }

        string[] parts = text.Split('\t');
        return parts.Length == 2
            ? new Example(parts[0], parts[1], null, 0, place)
            : throw place.Wrong($"{parts.Length - 1} tabs; with --pairs one was expected, between the two texts.");
    }
}
