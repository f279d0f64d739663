using System.CommandLine;
using System.Globalization;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Cli.Console;

/// <summary>Which labelled file a command reads, and how; what the command line leaves out is as a run has it.</summary>
internal sealed class LabelledDataOptions
{
    private readonly Option<string?> data = new("--data") { Description = "Labelled file; without it the validation data of the run.", HelpName = "FILE" };
    private readonly Option<string?> format;
    private readonly Option<string?> text = new("--text") { Description = "Column of the text: its name, or its number from 0.", HelpName = "COLUMN" };
    private readonly Option<string?> textPair = new("--text-pair") { Description = "Column of the second text of a pair.", HelpName = "COLUMN" };
    private readonly Option<string?> label = new("--label") { Description = "Column of the label.", HelpName = "COLUMN" };
    private readonly Option<bool> noHeader = new("--no-header") { Description = "tsv, csv: the first line is data already; columns are numbers." };
    private readonly Option<int?> maxLength = new("--max-length") { Description = "Cut texts to this many tokens; without it the run's max_length, else the model's longest.", HelpName = "N" };

    /// <param name="formats">The formats the command reads.</param>
    public LabelledDataOptions(Command command, params string[] formats)
    {
        format = CommonOptions.OneOf(new Option<string?>("--format") { Description = "How the file is written; without it as the run's, else by the file's ending, else tsv.", HelpName = string.Join('|', formats) }, formats);
        foreach (Option option in (ReadOnlySpan<Option>)[data, format, text, textPair, label, noHeader, maxLength])
        {
            command.Add(option);
        }
    }

    /// <summary>The file given, or null.</summary>
    public string? Path(ParseResult arguments) => arguments.GetValue(data);

    /// <summary><c>--max-length</c>, or null.</summary>
    public int? MaxLength(ParseResult arguments) => arguments.GetValue(maxLength);

    /// <summary>The data, as validation data; null where neither the command line nor a run names any.</summary>
    public DataConfiguration? Resolve(ParseResult arguments, DataConfiguration? run)
    {
        string? given = arguments.GetValue(data);
        if ((given ?? run?.Validation) is not { } path)
        {
            return null;
        }

        DataConfiguration start = run ?? new DataConfiguration { Train = path, Format = FormatOf(System.IO.Path.GetExtension(path).TrimStart('.')) };
        return start with
        {
            Validation = path,
            ValidationLimit = given is null ? start.ValidationLimit : null,
            Format = arguments.GetValue(format) is { } name ? FormatOf(name) : start.Format,
            Header = arguments.GetValue(noHeader) ? false : start.Header,
            Text = Column(arguments.GetValue(text)) ?? start.Text,
            TextPair = Column(arguments.GetValue(textPair)) ?? start.TextPair,
            Label = Column(arguments.GetValue(label)) ?? start.Label,
        };
    }

    /// <exception cref="ArgumentException">A column of labelled texts is not named.</exception>
    public static void RequireColumns(DataConfiguration data)
    {
        if (data.Text is null || data.Label is null)
        {
            throw new ArgumentException("Say which columns hold the text and the label: --text COLUMN --label COLUMN.");
        }
    }

    private static DataFileFormat FormatOf(string name) => name.ToLowerInvariant() switch
    {
        "csv" => DataFileFormat.Csv,
        "jsonl" => DataFileFormat.JsonLines,
        "json" => DataFileFormat.Json,
        "text" or "txt" => DataFileFormat.Text,
        _ => DataFileFormat.Tsv,
    };

    private static ColumnReference? Column(string? name) => name is null ? null
        : int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? ColumnReference.ByIndex(index)
        : ColumnReference.ByName(name);
}
