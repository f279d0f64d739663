using System.IO.Compression;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Parquet.Serialization;

namespace Engine.EndToEnd.Tests;

/// <summary>What commands make of data files that are tables, JSON or lines, by their endings and by options.</summary>
public sealed class PredictTests(PredictTests.Trained trained) : IClassFixture<PredictTests.Trained>
{
    private readonly SmallRun run = trained.Run;

    [Fact]
    public void Texts_are_read_by_column_and_answered_in_their_order()
    {
        string[] texts = ["the cat loves the film", "a dog hates, say, the soup", "her sister loves\nevery word",
            "my friend hates that song"];
        string[] lines = Predict(texts);
        string csv = Write("dev.csv", "idx,label,sentence\r\n7,good,the cat loves the film\r\n8,bad,\"a dog hates, say, the soup\"\r\n");
        string jsonl = Write(
            "more.jsonl",
            "{\"score\": NaN, \"sentence\": \"her sister loves\\nevery word\"}\n\n{\"sentence\": \"my friend hates that song\"}\n");
        Assert.Equal(lines, Predict("--file", csv, "--file", jsonl));

        string[] answers = [.. Predict("--file", csv, "--file", jsonl, "--json")
            .Select(line => JsonNode.Parse(line)!["text"]!.GetValue<string>())];
        Assert.Equal(texts, answers);

        string semicolons = Write("semi.csv", "review;idx\nthe cat loves the film;1\n\"a dog hates, say, the soup\";2\n");
        Assert.Equal(lines[..2], Predict("--file", semicolons, "--delimiter", ";", "--text", "review"));
        Assert.Equal(
            [.. lines[..2], .. lines[2..]],
            Predict("--file", Write("again.csv", "sentence|x\nthe cat loves the film|1\na dog hates, say, the soup|2\n"), "--file",
                jsonl, "--delimiter", "|"));
        Assert.Equal(lines[..1], Predict("--file", Write("bare.tsv", "1\tthe cat loves the film\n"), "--no-header", "--text", "1"));
        Assert.Equal(lines[..1], Predict("--file", Write("table.data", "sentence,x\nthe cat loves the film,\n"), "--format", "csv"));
    }

    [Fact]
    public void Lines_of_text_are_texts_and_pairs_are_lines_whatever_the_ending()
    {
        Assert.Equal(Predict("idx,sentence", "1,the cat"), Predict("--file", Write("lines.txt", "idx,sentence\n1,the cat\n")));
        Assert.Equal(Predict("--pairs", "a dog\tthe soup"), Predict("--pairs", "--file", Write("pairs.tsv", "a dog\tthe soup\n")));
        EngineProcess.Run("predict", run.File("run"), "--pairs", "--format", "csv", "--file", run.File("dev.tsv"))
            .Refused(1, "Pairs in lines", "--text-pair");
        EngineProcess.Run("predict", run.File("run"), "--delimiter", ";", "--file", Write("lines.txt", "a"))
            .Refused(1, "--delimiter", "--format");
        EngineProcess.Run("predict", run.File("run"), "--delimiter", ";;", "--file", run.File("dev.tsv")).Refused(1, "--delimiter", "';;'");
    }

    [Fact]
    public void A_column_that_is_not_there_is_named_with_file_and_line()
    {
        EngineProcess.Run("predict", run.File("run"), "--file", Write("other.csv", "text,label\na,b\n"))
            .Refused(1, "other.csv:1: ", "'sentence'", "text");
        EngineProcess.Run("predict", run.File("run/model"), "--text", "sentence", "--file", Write("dev.data", "sentence\na\n"))
            .Refused(1, "dev.data: ", "--format");
        EngineProcess.Run("predict", run.File("run/model"), "--file", run.File("dev.tsv"))
            .Refused(1, "dev.tsv", "Here: --text, --text-pair.");
        EngineProcess.Run("predict", run.File("run"), "--file", run.File("dev.tsv"), "--file", Write("short.csv", "sentence,label\na\n"))
            .Refused(1, "short.csv:2: ");
        EngineProcess.Run("eval", run.File("run"), "--data", Write("lines.txt", "a\n")).Refused(1, "lines.txt", "no labels");
        EngineProcess.Run("estimate", run.RunFile, "--set", "data.train=semi.csv").Refused(1, "semi.csv");
    }

    [Fact]
    public void Evaluation_reads_a_file_as_its_ending_says_and_several_as_one()
    {
        string[] rows = File.ReadAllLines(run.File("dev.tsv"));
        string first = Write("first.csv", string.Join('\n', rows[..21].Select(row => row.Replace('\t', ','))));
        string second = Write(
            "second.jsonl", string.Join(
                '\n', rows[21..].Select(row => row.Split('\t')).Select(row => $$"""{"sentence": "{{row[0]}}", "label": " {{row[1]}}"}""")));
        string whole = EngineProcess.Run("eval", run.File("run"), "--json").Succeeded().Output;
        Assert.Equal(whole, EngineProcess.Run("eval", run.File("run"), "--data", first, "--data", second, "--json").Succeeded().Output);
    }

    [Fact]
    public async Task Folders_patterns_compressed_files_and_Parquet_are_read_like_the_table_they_were()
    {
        string[] rows = File.ReadAllLines(run.File("dev.tsv"));
        string whole = EngineProcess.Run("eval", run.File("run"), "--json").Succeeded().Output;
        Directory.CreateDirectory(run.File("shards"));
        WriteCompressed("shards/dev-00000-of-00002.tsv.gz", rows[..11]);
        WriteCompressed("shards/dev-00001-of-00002.tsv.gz", [rows[0], .. rows[11..]]);
        Assert.Equal(whole, EngineProcess.Run("eval", run.File("run"), "--data", run.File("shards"), "--json").Succeeded().Output);

        LabelledRow[] labelled =
            [.. rows.Skip(1).Select(row => row.Split('\t')).Select(row => new LabelledRow { Sentence = row[0], Label = row[1] })];
        await ParquetSerializer.SerializeAsync(labelled, run.File("dev.parquet"));
        Assert.Equal(whole, EngineProcess.Run("eval", run.File("run"), "--data", run.File("dev.parquet"), "--json").Succeeded().Output);
        Assert.Equal(Predict("--file", run.File("dev.parquet")), Predict("--file", run.File("shards/*.gz")));

        EngineProcess.Run("eval", run.File("run"), "--data", run.File("shards/none-*")).Refused(1, "none-*", "dev-00000-of-00002.tsv.gz");
        EngineProcess.Run("predict", run.File("run"), "--file", run.File("run/model")).Refused(1, "run/model", "several formats");
        EngineProcess.Run("predict", run.File("run"), "--file", run.File("dev.parquet"), "--text", "0")
            .Refused(1, "parquet", "column numbers");
        string help = string.Join(
            ' ', EngineProcess.Run("eval", "--help").Succeeded().Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("--format <tsv|csv|jsonl|json|parquet|arrow|text>", help, StringComparison.Ordinal);
        Assert.Contains("jsonl (one JSON object per line)", help, StringComparison.Ordinal);
    }

    [Fact]
    public void Texts_that_are_cut_or_empty_and_classes_are_said()
    {
        string odd = Write("odd.csv", $"sentence,label\n{string.Join(' ', Enumerable.Repeat("the cat", 60))},good\n,bad\nthe cat,bad\n");
        EngineResult predicted = EngineProcess.Run("predict", run.File("run"), "--file", odd).Succeeded();
        Assert.Contains("note: 1 of 3 texts are longer than 32 tokens and were cut.", predicted.Error, StringComparison.Ordinal);
        Assert.Contains("note: 1 of 3 texts are empty.", predicted.Error, StringComparison.Ordinal);
        string evaluated = EngineProcess.Run("eval", run.File("run"), "--data", odd).Succeeded().Error;
        Assert.Contains("odd.csv: 1 of 3 texts are longer than max_length (32 tokens) and were cut.", evaluated, StringComparison.Ordinal);
        Assert.Contains("odd.csv: 1 of 3 texts are empty, the first in line 3", evaluated, StringComparison.Ordinal);

        string[] settings = ["--set", $"data={{train: [train.tsv, odd.csv], validation: dev.tsv, text: sentence, label: label}}",
            "--set", "max_steps=1", "--set", "output=both"];
        string trained = EngineProcess.Run(["train", run.RunFile, .. settings]).Succeeded().Output;
        Assert.Contains("odd.csv: 1 of 243 texts are longer than max_length (32 tokens) and were cut.", trained, StringComparison.Ordinal);
        Assert.Contains("2 classes (rows): bad (122), good (121)", trained, StringComparison.Ordinal);
        EngineResult estimated = EngineProcess.Run(["estimate", run.RunFile, .. settings]).Succeeded();
        Assert.Contains("2 classes (rows): bad (122), good (121)", estimated.Output, StringComparison.Ordinal);
        Assert.Contains("1 of 243 texts are empty", estimated.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_output_file_has_the_rows_with_their_columns_and_what_the_model_says()
    {
        string csv = Write("new.csv", "id,sentence\n007,the cat loves the film\n8,\"a dog hates, say, the soup\"\n");
        string output = run.File("out.csv");
        string[] command = ["predict", run.File("run"), "--file", csv, "--output", output];
        EngineResult written = EngineProcess.Run(command).Succeeded();
        Assert.Empty(written.Output);
        Assert.Contains($"2 rows written to {output}\n", written.Error, StringComparison.Ordinal);

        JsonNode[] told = [.. Predict("--file", csv, "--json").Select(line => JsonNode.Parse(line)!)];
        string[] starts = ["007,the cat loves the film", "8,\"a dog hates, say, the soup\""];
        Assert.Equal(
            ["id,sentence,prediction,probability", .. starts.Zip(told, (start, line) => $"{start},{line["label"]},{line["probability"]}")],
            File.ReadAllLines(output));

        string before = File.ReadAllText(output);
        EngineProcess.Run([.. command, "--text", "id"]).Refused(1, "out.csv is there already", "Here: --overwrite.");
        Assert.Equal(before, File.ReadAllText(output));
        EngineProcess.Run([.. command, "--text", "id", "--overwrite"]).Succeeded();
        Assert.NotEqual(before, File.ReadAllText(output));

        string again = run.File("again.jsonl");
        EngineResult twice =
            EngineProcess.Run("predict", run.File("run"), "--file", output, "--text", "sentence", "--output", again).Succeeded();
        Assert.Contains("note: The rows have a column 'prediction' already", twice.Error, StringComparison.Ordinal);
        JsonNode[] lines = [.. File.ReadAllLines(again).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(["007", "8"], lines.Select(line => line["id"]!.GetValue<string>()));
        Assert.Equal(told.Select(line => $"{line["label"]}"), lines.Select(line => $"{line["prediction_2"]}"));
        Assert.Equal(told.Select(Probabilities), lines.Select(Probabilities));

        static string Probabilities(JsonNode line) => line["probabilities"]!.ToJsonString();
    }

    [Fact]
    public void An_output_file_that_cannot_be_written_is_refused_before_the_model_is_read()
    {
        string csv = Write("kept.csv", "sentence\nthe cat\n");
        string[] command = ["predict", run.File("run"), "--file", csv];
        EngineProcess.Run([.. command, "--output", run.File("out.parquet")]).Refused(1, "out.parquet", "one of .csv, .tsv, .jsonl");
        EngineProcess.Run([.. command, "--output", csv, "--overwrite"]).Refused(1, "kept.csv, which is read; choose another output");
        EngineProcess.Run([.. command, "--output", run.File("x.csv"), "--json"]).Refused(2, "--json says how predictions are printed");
        EngineProcess.Run([.. command, "--overwrite"]).Refused(2, "--overwrite is for the file that --output names");
        EngineResult column = EngineProcess.Run([.. command, "--text", "sentense"]);
        column.Refused(1, "did you mean 'sentence'?");
        Assert.DoesNotContain("device:", column.Error, StringComparison.Ordinal);
        Assert.Equal("sentence\nthe cat\n", File.ReadAllText(csv));
    }

    private string[] Predict(params string[] arguments) =>
        EngineProcess.Run(["predict", run.File("run"), .. arguments]).Succeeded().OutputLines;

    private string Write(string name, string content)
    {
        File.WriteAllText(run.File(name), content);
        return run.File(name);
    }

    private void WriteCompressed(string name, IEnumerable<string> lines)
    {
        using StreamWriter writer = new(new GZipStream(File.Create(run.File(name)), CompressionLevel.Optimal));
        foreach (string line in lines)
        {
            writer.Write(line + "\n");
        }
    }

    /// <summary>A row of the run's data.</summary>
    public sealed class LabelledRow
    {
        [JsonPropertyName("sentence")]
        public string? Sentence { get; set; }

        [JsonPropertyName("label")]
        public string? Label { get; set; }
    }

    /// <summary>A run that has ended, for all tests.</summary>
    public sealed class Trained : IDisposable
    {
        public Trained() => EngineProcess.Run("train", Run.RunFile, "--set", "num_train_epochs=1").Succeeded();

        internal SmallRun Run { get; } = new();

        public void Dispose() => Run.Dispose();
    }
}
