using System.CommandLine;
using System.Globalization;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Cli.Console;

/// <summary>How a command reads data files: their format and columns. What the command line leaves out is as the run has it, else as each file's ending says.</summary>
internal sealed class ReadingOptions
{
    private static readonly string Delimited = DataFormats.Names(DataFormats.All.Where(known => known.IsDelimited), "and");

    private readonly Option<string?> format;
    private readonly Option<string?> delimiter = new("--delimiter")
    {
        Description = $"{Delimited}: the character between two columns, such as ';' or '|'; \\t is a tab.",
        HelpName = "CHAR",
    };

    private readonly Option<bool> noHeader = new("--no-header")
    {
        Description = $"{Delimited}: the first line is data already; columns are numbers.",
    };

    private readonly Option<string?> text = new("--text") { Description = "Column of the text: its name, or its number from 0.", HelpName = "COLUMN" };
    private readonly Option<string?> textPair = new("--text-pair") { Description = "Column of the second text of a pair.", HelpName = "COLUMN" };

    /// <param name="pairs">Whether the command reads pairs of texts.</param>
    public ReadingOptions(Command command, bool pairs = true)
    {
        DataFormat[] formats = [.. DataFormats.Holding(~DataContents.Batches)];
        string[] names = [.. formats.Select(known => known.Name)];
        var written = new Option<string?>("--format")
        {
            Description = $"How the files are written: {DataFormats.Summaries(formats)}; without it as the run's files of that "
                + "ending, else as the ending says.",
            HelpName = string.Join('|', names),
        };
        format = CommonOptions.OneOf(written, names);
        foreach (Option option in (ReadOnlySpan<Option>)[format, delimiter, noHeader, text])
        {
            command.Add(option);
        }

        if (pairs)
        {
            command.Add(textPair);
        }
    }

    /// <summary><c>--format</c>, or null.</summary>
    public DataFormat? Format(ParseResult arguments) => arguments.GetValue(format) is { } name ? DataFormats.Named(name) : null;

    /// <summary>A run's section <c>data</c> as the command line changes it, for files of the command line or, where there are none, the run's own.</summary>
    /// <exception cref="ArgumentException">An option is out of its range, or would not be read.</exception>
    public DataConfiguration Over(ParseResult arguments, DataConfiguration run, DataFiles? given)
    {
        bool isAsRuns = given is null
            || given.Paths.All(path => DataFormats.OfEnding(path) is not { } ending
                || run.Files.Any(own => DataFormats.OfEnding(own) == ending));
        DataFormat? named = Format(arguments);
        bool keepsDelimiter = isAsRuns && (named is null || named == run.Format);
        DataConfiguration read = run with
        {
            Format = named ?? (isAsRuns ? run.Format : null),
            Delimiter = Delimiter(arguments) ?? (keepsDelimiter ? run.Delimiter : null),
            Header = arguments.GetValue(noHeader) ? false : run.Header,
            Text = Column(arguments.GetValue(text)) ?? run.Text,
            TextPair = Column(arguments.GetValue(textPair)) ?? run.TextPair,
        };
        string? forTables = arguments.GetValue(delimiter) is not null ? "--delimiter" : arguments.GetValue(noHeader) ? "--no-header" : null;
        return forTables is null || read.FormatsOf(given ?? run.Train).Any(written => written.IsDelimited)
            ? read
            : throw new ArgumentException(
                $"{forTables} is for {Delimited}, and none of the files is read as such; leave it out, or say how they are written "
                    + "with --format.");
    }

    /// <summary>A column as the command line names it.</summary>
    public static ColumnReference? Column(string? name) => name is null ? null
        : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? ColumnReference.ByIndex(index)
        : ColumnReference.ByName(name);

    private char? Delimiter(ParseResult arguments) => arguments.GetValue(delimiter) is not { } given ? null
        : Delimiters.Parse(given) ?? throw new ArgumentException($"--delimiter is '{given}'; one character other than a double "
            + "quote was expected, or \\t for a tab.");
}
