using System.Text;
using Engine.Common;
using Engine.Model.Batching;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>Rows with what a model says of them, as files.</summary>
public sealed class PredictionFileTests : IDisposable
{
    private static readonly string[] Labels = ["bad", "go,od"];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_table_keeps_its_columns_and_gets_those_of_the_prediction_behind_them()
    {
        string csv = folder.Write("in.csv", "id,text,note\r\n007,\"a, \"\"b\"\"\",x\r\n8,\"two\nlines\",\r\n");
        string expected = "id,text,note,prediction,probability\n007,\"a, \"\"b\"\"\",x,\"go,od\",0.75\n8,\"two\nlines\",,bad,0.875\n";

        Assert.Equal(expected, Written("out.csv", [csv]));

        string plain = folder.Write("in.tsv", "text\tid\na \"b\"\t1\nc\t2\n");
        Assert.Equal(
            "text\tid\tprediction\tprobability\na \"b\"\t1\tgo,od\t0.75\nc\t2\tbad\t0.875\n", Written("out.tsv", [plain]));
    }

    [Fact]
    public void Json_lines_keep_values_as_they_were_and_hold_every_probability()
    {
        string jsonl = folder.Write(
            "in.jsonl",
            "{\"id\": 1.50, \"text\": \"a\\u00e9\", \"tags\": [1, \"x\"], \"none\": null, \"score\": NaN}\n{\"text\": \"b\"}\n");
        string[] added =
        [
            "\"prediction\":\"go,od\",\"probability\":0.75,\"probabilities\":{\"bad\":0.25,\"go,od\":0.75}}",
            "\"prediction\":\"bad\",\"probability\":0.875,\"probabilities\":{\"bad\":0.875,\"go,od\":0.125}}",
        ];

        Assert.Equal(
            $"{{\"id\":1.50,\"text\":\"aé\",\"tags\":[1, \"x\"],\"none\":null,\"score\":NaN,{added[0]}\n{{\"text\":\"b\",{added[1]}\n",
            Written("out.jsonl", [jsonl]));

        // In a table a row has every column that any row has, and null is an empty field.
        Assert.Equal(
            "id,text,tags,none,score,prediction,probability\n1.50,aé,\"[1, \"\"x\"\"]\",,NaN,\"go,od\",0.75\n,b,,,,bad,0.875\n",
            Written("out.csv", [jsonl]));
    }

    [Fact]
    public void Columns_of_several_files_are_put_together_and_columns_without_names_are_numbers()
    {
        string first = folder.Write("a.csv", "text,id\na,1\n"), second = folder.Write("b.csv", "more,text\nm,b\n");
        Assert.Equal(
            "text,id,more,prediction,probability\na,1,,\"go,od\",0.75\nb,,m,bad,0.875\n", Written("out.csv", [first, second]));

        string bare = folder.Write("bare.csv", "1,a\n2,b\n");
        var options = new ExampleReaderOptions { Text = ColumnReference.ByIndex(1), Header = false, KeepsColumns = true };
        PredictionFile file = new(folder.File("numbers.csv"), overwrite: false, ExampleReader.Enumerate(bare, options));
        file.Write(Predictions, Labels);
        Assert.StartsWith("0,1,prediction,probability\n1,a,", File.ReadAllText(folder.File("numbers.csv")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_column_that_is_there_already_stays_beside_the_models_own()
    {
        string csv = folder.Write("in.csv", "text,prediction,prediction_2\na,x,y\nb,,\n");
        PredictionFile file = Open("out.csv", csv);

        string note = Assert.Single(file.Write(Predictions, Labels));

        Assert.Equal("The rows have a column 'prediction' already, which stays; the model's is 'prediction_3'.", note);
        Assert.StartsWith(
            "text,prediction,prediction_2,prediction_3,probability\na,x,y,\"go,od\",0.75\n", File.ReadAllText(folder.File("out.csv")),
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_number_is_one_column_and_texts_of_no_column_are_called_as_in_a_run_file()
    {
        DataPlace place = new("TEXT", 1);
        PredictionFile file = new(folder.File("out.csv"), overwrite: false, [new Example("a", "b", null, 0, place)]);
        Assert.Empty(file.Write([new Prediction(null, -1.5, [-1.5])], labels: null));
        Assert.Equal("text,text_pair,prediction\na,b,-1.5\n", File.ReadAllText(folder.File("out.csv")));
    }

    [Fact]
    public void Lists_of_classes_answers_and_choices_are_written_as_a_file_can_hold_them()
    {
        Prediction words = new(null, 0.5, [])
        {
            Words = [new("a", "B-x", 0.5), new("b", "O", 0.75), new("c", null, double.NaN)],
            Entities = [],
        };
        Prediction several = new(null, 0.75, [0.25, 0.75]) { Labels = ["go,od"] }, none = new(null, 0.25, [0.25, 0.125]) { Labels = [] };
        Prediction answer = new(null, 0.5, []) { Answer = "a b", AnswerStart = 3 };
        Prediction choice = new("right", 0.75, [0.25, 0.75]) { Choice = 1 };
        (Prediction Prediction, string Csv, string Json)[] cases =
        [
            (words, "B-x O -,0.5", "\"prediction\":[\"B-x\",\"O\",null],\"probability\":0.5"),
            (several, "\"go,od\",0.75",
                "\"prediction\":[\"go,od\"],\"probability\":0.75,\"probabilities\":{\"bad\":0.25,\"go,od\":0.75}"),
            (none, ",0.25", "\"prediction\":[],\"probability\":0.25,\"probabilities\":{\"bad\":0.25,\"go,od\":0.125}"),
            (answer, "a b,0.5", "\"prediction\":\"a b\",\"probability\":0.5"),
            (choice, "1,0.75", "\"prediction\":1,\"probability\":0.75,\"probabilities\":[0.25,0.75]"),
        ];
        foreach ((Prediction prediction, string csv, string json) in cases)
        {
            Assert.Equal($"text,prediction,probability\na,{csv}\n", WrittenOf("out.csv", prediction));
            Assert.Equal($"{{\"text\":\"a\",{json}}}\n", WrittenOf("out.jsonl", prediction));
        }

        string WrittenOf(string name, Prediction prediction)
        {
            new PredictionFile(folder.File(name), overwrite: true, [new Example("a", null, null, 0, new DataPlace("TEXT", 1))])
                .Write([prediction], Labels);
            return File.ReadAllText(folder.File(name));
        }
    }

    [Fact]
    public void What_a_file_cannot_be_or_hold_is_refused_before_anything_is_written()
    {
        string csv = folder.Write("in.csv", "text,id\n\"a\tb\",1\n");
        Assert.Contains("in.csv:2: a column holds a tab", Assert.Throws<DataFileException>(() => Open("out.tsv", csv)).Message);
        string twice = folder.Write("twice.csv", "text,id,id\na,1,2\n");
        Assert.Contains("column 'id' is there more than once", Assert.Throws<DataFileException>(() => Open("out.csv", twice)).Message);
        foreach (string name in (string[])["out.parquet", "out.csv.gz", "out"])
        {
            Assert.Contains(
                "one of .csv, .tsv, .jsonl was expected", Assert.Throws<ConfigurationException>(() => Open(name, "absent.csv")).Message);
        }

        folder.Write("old.csv", "old");
        Assert.Equal(["Overwrite"], Assert.Throws<ConfigurationException>(() => Open("old.csv", "absent.csv")).Settings);
        Assert.Equal("old", File.ReadAllText(folder.File("old.csv")));
        Assert.False(File.Exists(folder.File("out.tsv")));
        Open("old.csv", folder.Write("new.csv", "text\na\n"), overwrite: true).Write(Predictions, Labels);
        Assert.Equal("text,prediction,probability\na,\"go,od\",0.75\n", File.ReadAllText(folder.File("old.csv")));
    }

    private static Prediction[] Predictions => [new("go,od", 0.75, [0.25, 0.75]), new("bad", 0.875, [0.875, 0.125])];

    private string Written(string name, string[] inputs)
    {
        PredictionFile file = new(folder.File(name), overwrite: false, ExampleReader.Enumerate(new DataFiles(inputs), Options));
        Assert.Empty(file.Write(Predictions, Labels));
        string text = File.ReadAllText(folder.File(name), new UTF8Encoding(false, throwOnInvalidBytes: true));
        File.Delete(folder.File(name));
        return text;
    }

    private PredictionFile Open(string name, string input, bool overwrite = false) =>
        new(folder.File(name), overwrite, ExampleReader.Enumerate(input, Options));

    private static ExampleReaderOptions Options => new() { Text = ColumnReference.ByName("text"), KeepsColumns = true };
}
