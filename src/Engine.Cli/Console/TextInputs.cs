using System.CommandLine;
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
    public TextSource Read(ParseResult arguments, RunConfiguration? run, CommandHost host, bool keepsColumns = false)
    {
        string[] given = [.. model.Displaced(arguments) is { } text ? [text] : Array.Empty<string>(), .. arguments.GetValue(texts) ?? []];
        string[] asked = arguments.GetValue(files) is { Length: > 0 } sources ? sources : [StandardInput];
        bool arePairs = arguments.GetValue(pairs);
        if (given.Length > 0)
        {
            return arguments.GetResult(files) is null
                ? new TextSource(given.Select((text, index) => TextRows.OfLine(new DataPlace("TEXT", index + 1), text, arePairs)), [])
                : throw new ArgumentException("Texts are given both as arguments and with --file; give one of them.");
        }

        if (asked.Contains(StandardInput) && reading.Format(arguments)?.HoldsAny(DataContents.Texts) == false)
        {
            throw new ArgumentException("Standard input is read as a text a line; give a table or JSON as a file with --file.");
        }

        // What the command line has wrong is said before the first text is read.
        string[] named = [.. asked.Where(path => path != StandardInput)];
        TextReading? read = named.Length == 0
            ? null
            : new TextReading(
                reading.Read(arguments, new DataFiles(named)), takesPairs ? run : WithoutPairs(run), arePairs, keepsColumns);
        IEnumerable<string> paths = asked.SelectMany(
            path => path == StandardInput ? [path] : DataFileSearch.Find(path, reading.Format(arguments)).Paths);
        return new TextSource(
            paths.SelectMany(path => path == StandardInput
                ? TextRows.OfLines(TextLines.Read(host.Input, "standard input"), "standard input", arePairs)
                : read!.Rows(path)),
            read?.Paths ?? []);
    }

    private static RunConfiguration? WithoutPairs(RunConfiguration? run) =>
        run is null ? null : run with { Data = run.Data with { TextPair = null } };
}
