using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Engine.Common;
using Engine.Common.Files;
using Engine.Training.Data;
using Engine.Training.Data.Formats;

namespace Engine.Training.Running;

/// <summary>
/// A file of rows with all columns that they were read with, and behind these what a model says of each: the class and its probability, in
/// JSON lines also the probability of every class; for regression the number. Of a text with several classes and of words the prediction is
/// a list of classes (outside JSON with commas or blanks between), of questions the answer, of several choices the number of the chosen
/// one. It is written whole or not at all.
/// </summary>
internal sealed class PredictionFile
{
    /// <summary>What stands for the class of a word that was not read.</summary>
    private const string Unread = "-";

    /// <summary>The column of the class's name, or of the number.</summary>
    public const string Prediction = "prediction";

    /// <summary>The column of the class's probability.</summary>
    public const string Probability = "probability";

    /// <summary>In JSON lines an object with the probability of every class.</summary>
    public const string Probabilities = "probabilities";

    /// <summary>What texts that come from no column are called, as in a run file.</summary>
    private const string TextColumn = "text", PairColumn = "text_pair";

    private static readonly DataFormat[] Formats = [DataFormats.Csv, DataFormats.Tsv, DataFormats.JsonLines];

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string path;
    private readonly DataFormat format;
    private readonly string[] columns;

    /// <summary>[rows] Each row's own columns as the file has them, without what is added.</summary>
    private readonly string[] starts;

    /// <summary>Reads the rows, and finds out whether the file can hold them.</summary>
    /// <param name="path">Where the file is written; its ending says how.</param>
    /// <param name="overwrite">Whether a file that is there gives way.</param>
    /// <param name="rows">The rows; read to their end when path and ending are known to be good.</param>
    /// <exception cref="ConfigurationException">Another ending, or a file that is there.</exception>
    /// <exception cref="Model.Batching.DataFileException">A row that the format cannot hold, or what reading rows throws.</exception>
    public PredictionFile(string path, bool overwrite, IEnumerable<Example> rows)
    {
        this.path = path;
        format = Formats.FirstOrDefault(known => known == DataFormats.OfEnding(path) && !GzipFile.IsNamed(path))
            ?? throw new ConfigurationException(
                $"The ending of {path} does not say how predictions are written; one of {Endings} was expected.");
        if (File.Exists(path) && !overwrite)
        {
            throw new ConfigurationException($"{path} is there already; choose another output, or let it be overwritten.")
            {
                Settings = ["Overwrite"],
            };
        }

        Rows = [.. rows];
        columns = [.. Rows.SelectMany(ColumnsOf).Select(column => column.Name).Distinct(StringComparer.Ordinal)];
        starts = [.. Rows.Select(Start)];
    }

    /// <summary>The endings that a file may have, each with its dot.</summary>
    public static string Endings => string.Join(", ", Formats.Select(known => known.Endings[0]));

    /// <summary>The rows.</summary>
    public IReadOnlyList<Example> Rows { get; }

    /// <summary>Writes the file. A column that the rows have already stays, and the model's own gets another name.</summary>
    /// <param name="predictions">[rows]; the file is touched when the last of them is there.</param>
    /// <param name="labels">Class names by index; null for regression.</param>
    /// <returns>What a user should know, in words.</returns>
    /// <exception cref="IOException">The file could not be written; what was there stays.</exception>
    public IReadOnlyList<string> Write(IEnumerable<Prediction> predictions, IReadOnlyList<string>? labels)
    {
        Prediction[] all = [.. predictions];
        bool hasAll = labels is not null && IsJson && all.All(prediction => prediction.Scores.Count > 0);
        string[] wanted = labels is null ? [Prediction] : hasAll ? [Prediction, Probability, Probabilities] : [Prediction, Probability];
        string[] names = [.. wanted.Select(Free)];
        string[] lines =
        [
            .. IsJson ? [] : new[] { Joined([.. columns.Concat(names).Select(name => Field(name, new DataPlace(path, 1)))]) },
            .. starts.Zip(all, (start, prediction) => Line(start, names.Zip(
                Values(prediction, labels, hasAll), (name, value) => new ColumnValue(name, value.Text, value.IsJson)))),
        ];
        AtomicFile.Write(path, stream =>
        {
            using StreamWriter writer = new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true);
            foreach (string line in lines)
            {
                writer.Write(line);
                writer.Write('\n');
            }
        });
        return [.. wanted.Zip(names).Where(name => name.First != name.Second).Select(
            name => $"The rows have a column '{name.First}' already, which stays; the model's is '{name.Second}'.")];
    }

    private bool IsJson => format == DataFormats.JsonLines;

    private static IReadOnlyList<ColumnValue> ColumnsOf(Example row) => row.Columns
        ?? (row.TextPair is { } pair
            ? [new ColumnValue(TextColumn, row.Text), new ColumnValue(PairColumn, pair)]
            : [new ColumnValue(TextColumn, row.Text)]);

    private IEnumerable<(string Text, bool IsJson)> Values(Prediction prediction, IReadOnlyList<string>? labels, bool hasAll)
    {
        if (labels is not null)
        {
            yield return prediction switch
            {
                { Words: { } words } when IsJson => (JsonSerializer.Serialize(words.Select(word => word.Label), Relaxed), true),
                { Words: { } words } => (string.Join(' ', words.Select(word => word.Label ?? Unread)), false),
                { Labels: { } several } when IsJson => (JsonSerializer.Serialize(several, Relaxed), true),
                { Labels: { } several } => (string.Join(", ", several), false),
                { Answer: { } answer } => (answer, false),
                { Choice: { } choice } => (choice.ToString(CultureInfo.InvariantCulture), true),
                _ => (prediction.Label!, false),
            };
        }

        yield return (prediction.Probability.ToString(CultureInfo.InvariantCulture), true);
        if (hasAll)
        {
            yield return (prediction.Choice is null
                ? JsonSerializer.Serialize(Scores(prediction, labels!), Relaxed)
                : JsonSerializer.Serialize(prediction.Scores), true);
        }
    }

    private static OrderedDictionary<string, double> Scores(Prediction prediction, IReadOnlyList<string> labels) =>
        new(labels.Zip(prediction.Scores, KeyValuePair.Create));

    private string Free(string name) => !columns.Contains(name) ? name
        : Enumerable.Range(2, columns.Length).Select(number => string.Create(CultureInfo.InvariantCulture, $"{name}_{number}"))
            .First(other => !columns.Contains(other));

    private string Start(Example row)
    {
        IReadOnlyList<ColumnValue> values = ColumnsOf(row);
        if (values.GroupBy(value => value.Name, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw row.Place.Wrong($"column '{twice.Key}' is there more than once; give each column a name of its own.");
        }

        Dictionary<string, ColumnValue> byName = values.ToDictionary(value => value.Name, StringComparer.Ordinal);
        return IsJson
            ? Joined([.. values.Select(Member)])
            : Joined([.. columns.Select(name => byName.TryGetValue(name, out ColumnValue value) ? Field(value, row.Place) : "")]);
    }

    private string Line(string start, IEnumerable<ColumnValue> added)
    {
        string line = Joined([start, .. added.Select(value => IsJson ? Member(value) : Field(value, new DataPlace(path, 1)))]);
        return IsJson ? $"{{{line}}}" : line;
    }

    private string Joined(string[] parts) => string.Join(format == DataFormats.Tsv ? '\t' : ',', parts);

    private static string Member(ColumnValue column) =>
        $"{Quoted(column.Name)}:{(column.IsJson ? column.Value : Quoted(column.Value))}";

    private static string Quoted(string text) => JsonSerializer.Serialize(text, Relaxed);

    private string Field(ColumnValue column, DataPlace place) =>
        column is { IsJson: true, Value: "null" } ? "" : Field(column.Value, place);

    private string Field(string text, DataPlace place)
    {
        if (format == DataFormats.Tsv)
        {
            return text.AsSpan().ContainsAny("\t\r\n")
                ? throw place.Wrong("a column holds a tab or a line break, which a .tsv file has no way to write; choose .csv or .jsonl.")
                : text;
        }

        return text.AsSpan().ContainsAny(",\"\r\n") ? $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : text;
    }
}
