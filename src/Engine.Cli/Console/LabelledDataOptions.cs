using System.CommandLine;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Cli.Console;

/// <summary>Which labelled files a command reads, and how; what the command line leaves out is as a run has it.</summary>
internal sealed class LabelledDataOptions
{
    private readonly Option<string[]> data = new("--data")
    {
        Description = "Labelled file, folder of files, or pattern (*); without it the validation data of the run. "
            + "May be given several times: the files are read one after another.",
        HelpName = "FILE",
    };

    private readonly ReadingOptions reading;
    private readonly Option<string?> label = new("--label") { Description = "Column of the label.", HelpName = "COLUMN" };
    private readonly Option<int?> maxLength = new("--max-length") { Description = "Cut texts to this many tokens; without it the run's max_length, else the model's longest.", HelpName = "N" };

    public LabelledDataOptions(Command command)
    {
        command.Add(data);
        reading = new ReadingOptions(command);
        command.Add(label);
        command.Add(maxLength);
    }

    /// <summary><c>--max-length</c>, or null.</summary>
    public int? MaxLength(ParseResult arguments) => arguments.GetValue(maxLength);

    /// <summary>The data, as validation data; null where neither the command line nor a run names any.</summary>
    public DataConfiguration? Resolve(ParseResult arguments, DataConfiguration? run)
    {
        DataFiles? given = arguments.GetValue(data) is { Length: > 0 } paths
            ? DataFileSearch.Find(new DataFiles(paths), reading.Format(arguments))
            : null;
        if ((given ?? run?.HeldOut) is not { } files)
        {
            return null;
        }

        DataConfiguration start = run ?? new DataConfiguration { Train = files };
        return reading.Over(arguments, start, given) with
        {
            Validation = given ?? start.Validation,
            ValidationSplit = given is null ? start.ValidationSplit : null,
            ValidationLimit = given is null ? start.ValidationLimit : null,
            Label = ReadingOptions.Column(arguments.GetValue(label)) ?? start.Label,
        };
    }

    /// <exception cref="ArgumentException">A column of labelled texts is not named, or a file has no columns.</exception>
    public static void RequireColumns(DataConfiguration data)
    {
        if (data.FormatsOf(data.HeldOut!).Any(format => format.HoldsAny(DataContents.Texts)))
        {
            throw new ArgumentException(
                $"{data.HeldOut} is read as lines of text, which have no labels; give a table or JSON, or say how it is written with --format.");
        }

        if (data.Text is null || data.Label is null)
        {
            throw new ArgumentException("Say which columns hold the text and the label: --text COLUMN --label COLUMN.");
        }
    }
}
