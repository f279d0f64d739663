using Engine.Common;
using Engine.Common.Keys;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Configuration;

/// <summary>
/// Data files that are read in place of a run's own, and how they are read: what is left out is as the run has it, else as each file's
/// ending says.
/// </summary>
public sealed record DataSelection
{
    private static readonly string Delimited = DataFormats.Names(DataFormats.All.Where(known => known.IsDelimited), "and");

    /// <summary>Files, folders of files, or patterns (<c>*</c>), read one after another; null: the run's own.</summary>
    public DataFiles? Files { get; init; }

    /// <summary>How the files are written.</summary>
    public DataFormat? Format { get; init; }

    /// <summary>Tables of text: the character between two columns.</summary>
    public char? Delimiter { get; init; }

    /// <summary>Tables of text: whether the first line names the columns.</summary>
    public bool? Header { get; init; }

    /// <summary>Column of the text.</summary>
    public ColumnReference? Text { get; init; }

    /// <summary>Column of the second text of a pair.</summary>
    public ColumnReference? TextPair { get; init; }

    /// <summary>Column of the label.</summary>
    public ColumnReference? Label { get; init; }

    /// <summary>The files, as the data that a model is evaluated on; null where neither this nor a run names any.</summary>
    /// <param name="run">The run's data; null for a model without a run.</param>
    /// <exception cref="ConfigurationException">Something of this would not be read.</exception>
    /// <exception cref="Model.Batching.DataFileException">A pattern that no file fits, or a folder that cannot be read.</exception>
    public DataConfiguration? HeldOut(DataConfiguration? run)
    {
        DataFiles? given = Files is null ? null : DataFileSearch.Find(Files, Format);
        if ((given ?? run?.HeldOut) is not { } files)
        {
            return null;
        }

        DataConfiguration start = run ?? new DataConfiguration { Train = files };
        return Over(start, given) with
        {
            Validation = given ?? start.Validation,
            ValidationSplit = given is null ? start.ValidationSplit : null,
            ValidationLimit = given is null ? start.ValidationLimit : null,
        };
    }

    /// <summary>As <see cref="HeldOut"/>, for rows with labels.</summary>
    /// <param name="purpose">What the data is wanted for, as in "there is no data to ...".</param>
    /// <exception cref="ConfigurationException">There is no data, it has no columns, or a column of labelled texts is not
    /// named.</exception>
    public DataConfiguration Labelled(DataConfiguration? run, string purpose)
    {
        DataConfiguration read = Required(run, purpose);
        if (read.FormatsOf(read.HeldOut!).Any(format => format.HoldsAny(DataContents.Texts)))
        {
            throw new ConfigurationException(
                $"{read.HeldOut} is read as lines of text, which have no labels; give a table or JSON, or say how it is written.")
            {
                Settings = [nameof(Format)],
            };
        }

        return read.Text is not null && read.Label is not null
            ? read
            : throw new ConfigurationException("Say which columns hold the text and the label.")
            {
                Settings = [nameof(Text), nameof(Label)],
            };
    }

    /// <summary>As <see cref="HeldOut"/>, where there must be some.</summary>
    /// <param name="purpose">What the data is wanted for, as in "there is no data to ...".</param>
    /// <exception cref="ConfigurationException">There is no data.</exception>
    public DataConfiguration Required(DataConfiguration? run, string purpose) => HeldOut(run) ?? throw new ConfigurationException(
        $"There is no data to {purpose}: no {Setting.Of("data.validation")} of a run and no file is given.")
    {
        Settings = ["Data"],
    };

    /// <summary>A run's section <c>data</c> as this changes it.</summary>
    /// <param name="given">Files in place of the run's own, as they were found; null: the run's.</param>
    /// <exception cref="ConfigurationException">Something of this would not be read.</exception>
    public DataConfiguration Over(DataConfiguration run, DataFiles? given)
    {
        bool isAsRuns = given is null
            || given.Paths.All(path => DataFormats.OfEnding(path) is not { } ending
                || run.Files.Any(own => DataFormats.OfEnding(own) == ending));
        bool keepsDelimiter = isAsRuns && (Format is null || Format == run.Format);
        DataConfiguration read = run with
        {
            Format = Format ?? (isAsRuns ? run.Format : null),
            Delimiter = Delimiter ?? (keepsDelimiter ? run.Delimiter : null),
            Header = Header ?? run.Header,
            Text = Text ?? run.Text,
            TextPair = TextPair ?? run.TextPair,
            Label = Label ?? run.Label,

            // Where texts are scored there are none that do not belong together.
            TextNegatives = Label is null ? run.TextNegatives : null,
        };
        string? forTables = Delimiter is not null ? nameof(Delimiter) : Header is not null ? nameof(Header) : null;
        return forTables is null || read.FormatsOf(given ?? run.Train).Any(written => written.IsDelimited)
            ? read
            : throw new ConfigurationException(
                $"{forTables.ToLowerInvariant()} is for {Delimited}, and none of the files is read as such; leave it out, or "
                + "say how they are written.")
            {
                Settings = [forTables, nameof(Format)],
            };
    }
}
