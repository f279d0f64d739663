using System.CommandLine;
using System.Globalization;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Cli.Console;

/// <summary>How a command reads data files: their format and columns.</summary>
internal sealed class ReadingOptions
{
    public const string NoHeaderName = "--no-header";

    private static readonly string Delimited = DataFormats.Names(DataFormats.All.Where(known => known.IsDelimited), "and");

    private readonly Option<string?> format;
    private readonly Option<string?> delimiter = new("--delimiter")
    {
        Description = $"{Delimited}: the character between two columns, such as ';' or '|'; \\t is a tab.",
        HelpName = "CHAR",
    };

    private readonly Option<bool> noHeader = new(NoHeaderName)
    {
        Description = $"{Delimited}: the first line is data already; columns are numbers.",
    };

    private readonly Option<string?> text = new("--text")
    {
        Description = "Column of the text: its name, or its number from 0.",
        HelpName = "COLUMN",
    };

    private readonly Option<string?> textPair = new("--text-pair")
    {
        Description = "Column of the second text of a pair.",
        HelpName = "COLUMN",
    };

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

    /// <summary>What the command line says of files, and of how they are read.</summary>
    /// <param name="given">Files of the command line; null for none.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public DataSelection Read(ParseResult arguments, DataFiles? given) => new()
    {
        Files = given,
        Format = Format(arguments),
        Delimiter = Delimiter(arguments),
        Header = arguments.GetValue(noHeader) ? false : null,
        Text = Column(arguments.GetValue(text)),
        TextPair = Column(arguments.GetValue(textPair)),
    };

    /// <summary>A column as the command line names it.</summary>
    public static ColumnReference? Column(string? name) => name is null ? null
        : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? ColumnReference.ByIndex(index)
        : ColumnReference.ByName(name);

    private char? Delimiter(ParseResult arguments) => arguments.GetValue(delimiter) is not { } given ? null
        : Delimiters.Parse(given) ?? throw new ArgumentException($"--delimiter is '{given}'; one character other than a double "
            + "quote was expected, or \\t for a tab.");
}
