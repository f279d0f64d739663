using System.Text.Json;
using Engine.Model.Batching;
using Engine.Model.Chat;
using Engine.Tests;
using Engine.Tokenizers;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;
using Engine.Training.Running;
using Engine.Training.Tests.Running;

namespace Engine.Training.Tests.Data.Columnar;

/// <summary>Parquet and Arrow files give what JSON lines with the same rows give.</summary>
public sealed class ColumnarFileTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    public static TheoryData<string> Kinds => [.. ColumnarSamples.Kinds];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Rows_are_those_of_the_same_JSON_lines(string kind)
    {
        const string Columns = "sentence other label score flag";
        SampleRow[] rows = ColumnarSamples.Labelled(10);
        string file = ColumnarSamples.Write(folder, kind, rows, Columns), lines = ColumnarSamples.Write(folder, "jsonl", rows, Columns);
        foreach (string label in new[] { "label", "flag" })
        {
            Example[] expected = [.. Read(lines, label, "other").Examples], read = [.. Read(file, label, "other").Examples];
            Assert.Equal(expected.Select(row => row with { Place = new DataPlace(file, row.Place.Number, PlaceKind.Row) }), read);
        }

        Assert.Equal("row 4 of " + file, Read(file, "label").Examples[3].Place.ToString());
        Assert.Equal(4, ExampleReader.Read(file, Options("label") with { Limit = 4 }).Count);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Conversations_are_those_of_the_same_JSON_lines_and_encode_to_the_same_tokens(string kind)
    {
        SampleRow[] rows = ColumnarSamples.Conversations(8);
        TinyDecoder.WriteTokenizer(folder.Root);
        CausalEncoder encoder = new(Tokenizer.Load(folder.Root), ChatTemplate.ChatMl, completionOnlyLoss: true);
        CausalRecordSet expected = CausalReader.Read(ColumnarSamples.Write(folder, "jsonl", rows, "messages"), null, null);
        CausalRecordSet read = CausalReader.Read(ColumnarSamples.Write(folder, kind, rows, "messages"), null, CausalDataKind.Messages);
        Assert.Equal(expected.Records.Select(Turns), read.Records.Select(Turns));
        EncodedSet first = encoder.Encode(expected, 200).Rows, second = encoder.Encode(read, 200).Rows;
        Assert.Equal(8, second.Count);
        for (int row = 0; row < first.Count; row++)
        {
            Assert.Equal(first.InputIds(row).ToArray(), second.InputIds(row).ToArray());
            Assert.Equal(first.TokenLabels![row], second.TokenLabels![row]);
        }
    }

    [Theory]
    [InlineData("parquet-snappy")]
    [InlineData("arrow-stream")]
    public void A_run_trains_on_the_same_batches_with_the_classes_in_the_files_order(string kind)
    {
        using TinyRun tiny = new();
        string[] names = ["tool", "animal"];
        string[][] table = [.. File.ReadLines(tiny.File("train.tsv")).Skip(1).Select(line => line.Split('\t'))];
        SampleRow[] rows = [.. table.Select(row => new SampleRow { Sentence = row[0], Label = Array.IndexOf(names, row[1]) })];
        string file = ColumnarSamples.Write(folder, kind, rows, "sentence label", ColumnarSamples.Features([.. names, "plant"]));
        RunConfiguration run = RunConfiguration.Load(tiny.WriteRun("run")) with { EvalStrategy = null };
        using RunData expected = RunData.Load(run with { Data = run.Data with { Labels = [.. names, "plant"], Validation = null } });
        using RunData read = RunData.Load(run with { Data = run.Data with { Train = file, Format = null, Validation = null } });
        Assert.Equal(expected.Classes, read.Classes);
        Assert.Equal(new ClassCount("plant", 0), read.Classes[2]);
        for (int i = 0; i < expected.Train.BatchesPerEpoch; i++)
        {
            RaggedBatch first = expected.Train.Batch(0, i), second = read.Train.Batch(0, i);
            Assert.Equal(first.InputIds, second.InputIds);
            Assert.Equal(first.ClassLabels, second.ClassLabels);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Class_numbers_are_read_as_the_names_that_the_file_has(string kind)
    {
        SampleRow[] rows = ColumnarSamples.Labelled(6);
        string features = ColumnarSamples.Features("zebra", "ant", "bee");
        ExampleSet set = Read(ColumnarSamples.Write(folder, kind, rows, "sentence label", features), "label");
        Assert.Equal(["zebra", "ant", "bee"], set.ClassNames);
        Assert.Equal(rows.Select(row => set.ClassNames![(int)row.Label!]), set.Examples.Select(row => row.Label));
        Assert.Equal(["zebra", "ant", "bee"], LabelVocabulary.Build(set).Names);
        Assert.Equal(["bee", "ant", "zebra"], LabelVocabulary.Build(set, configured: ["bee", "ant", "zebra"]).Names);

        rows[4].Label = 3;
        string path = ColumnarSamples.Write(folder, kind, rows, "sentence label", features);
        Assert.Contains(
            $"{path}: row 5: column 'label' is 3, and the file names 3 classes: zebra, ant, bee.", Fails(path), StringComparison.Ordinal);
        rows[4].Label = -1;
        Assert.Contains(
            "row 5: column 'label' is the word null", Fails(ColumnarSamples.Write(folder, kind, rows, "sentence label", features)),
            StringComparison.Ordinal);
        Assert.Contains(
            "the metadata 'huggingface' of the file is not JSON", Fails(ColumnarSamples.Write(folder, kind, rows, "sentence label", "{")));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Nothing_empty_and_there_are_told_apart_in_nested_columns(string kind)
    {
        SampleRow[] rows =
        [
            new() { Messages = null },
            new() { Messages = [] },
            new() { Messages = [new() { Role = "user", Content = null }, new() { Role = "assistant", Content = "", Weight = 1 }] },
            new() { Messages = null },
            new() { Messages = [new() { Role = null, Content = "a" }] },
        ];
        string path = ColumnarSamples.Write(folder, kind, rows, "messages");
        IEnumerable<string?> read = DataFormats.OfEnding(path)!.ReadRecords(path).Select(MessagesOf);
        Assert.Equal([null, "", "user:null:null assistant::1", null, "null:a:null"], read);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_row_without_its_text_or_label_is_named_by_its_number(string kind)
    {
        SampleRow[] rows = ColumnarSamples.Labelled(8);
        rows[6].Sentence = null;
        string path = ColumnarSamples.Write(folder, kind, rows, "sentence label score");
        Assert.Contains(
            $"{path}: row 7: column 'sentence' is the word null; a string was expected.", Fails(path), StringComparison.Ordinal);
        Assert.Contains(
            $"{path}: row 1: column 'score' is NaN; a string or a finite number was expected.", Fails(path, "score"),
            StringComparison.Ordinal);
        Assert.Contains($"{path}: there is no column 'labels'; did you mean 'label'?", Fails(path, "labels"), StringComparison.Ordinal);
        Assert.Contains("given its answer", Fails(path, "sentence"), StringComparison.Ordinal);
    }

    private static string? MessagesOf(JsonRecord record)
    {
        using (record)
        {
            static string Shown(JsonRecord turn, string key) =>
                turn.HasValue(key) ? key == "weight" ? $"{turn.Label(key)}" : turn.Text(key) : "null";
            return record.HasValue("messages")
                ? string.Join(
                    ' ', record.Objects("messages", "turn")
                        .Select(turn => $"{Shown(turn, "role")}:{Shown(turn, "content")}:{Shown(turn, "weight")}"))
                : null;
        }
    }

    private static string Turns(CausalRecord record) => JsonSerializer.Serialize(((CausalRecord.Conversation)record).Messages);

    private static ExampleReaderOptions Options(string label, string? pair = null) => new()
    {
        Text = ColumnReference.ByName("sentence"),
        TextPair = pair is null ? null : ColumnReference.ByName(pair),
        Label = ColumnReference.ByName(label),
    };

    private static ExampleSet Read(string path, string label, string? pair = null) => ExampleReader.Read(path, Options(label, pair));

    private static string Fails(string path, string label = "label") => Assert.Throws<DataFileException>(() => Read(path, label)).Message;
}
