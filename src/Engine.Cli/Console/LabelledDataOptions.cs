using System.CommandLine;
using Engine.Training.Configuration;
using Engine.Training.Data;

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
    private readonly Option<int?> maxLength = new("--max-length")
    {
        Description = "Cut texts to this many tokens; without it the run's max_length, else the model's longest.",
        HelpName = "N",
    };

    public LabelledDataOptions(Command command)
    {
        command.Add(data);
        reading = new ReadingOptions(command);
        command.Add(label);
        command.Add(maxLength);
    }

    /// <summary><c>--max-length</c>, or null.</summary>
    public int? MaxLength(ParseResult arguments) => arguments.GetValue(maxLength);

    /// <summary>What the command line says of the data.</summary>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public DataSelection Read(ParseResult arguments)
    {
        DataFiles? given = arguments.GetValue(data) is { Length: > 0 } paths ? new DataFiles(paths) : null;
        return reading.Read(arguments, given) with { Label = ReadingOptions.Column(arguments.GetValue(label)) };
    }
}
