using System.Text;
using Engine.Common;
using Engine.Optim;
using Engine.Tests;
using Engine.Training.Configuration;

namespace Engine.Training.Tests.Configuration;

/// <summary>What cannot be read as a run file: the message names the line that is wrong, once.</summary>
public sealed class RunFileErrorTests : IDisposable
{
    private const string Minimal = "model: m\noutput: o\ndata: {train: t.tsv, text: sentence, label: label}\n";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("model: m\n\toutput: o\n", 2, "indented by a tab; write spaces")]
    [InlineData("model: m\ndata:\n\ttrain: t\n", 3, "indented by a tab")]
    [InlineData("model: m\ndata:\n  train: t\n\n\ttext: x\n", 5, "indented by a tab")]
    [InlineData("model: |\n  a\n  b\n\tc: 1\n", 4, "indented by a tab")]
    [InlineData("model: m\noutput: \"abc\ndata: x\n", 2, "the quote that is opened here is not closed")]
    [InlineData("model: m\noutput: 'abc\ndata: x\n", 2, "the quote that is opened here is not closed")]
    [InlineData("model: m\noutput: \"C:\\models\"\n", 2, "a backslash in double quotes")]
    [InlineData("model: m\noutput o\ndata: 1\n", 2, "'key: value' was expected")]
    [InlineData("model: m\n  output: o\n", 2, "a key indented below a value")]
    [InlineData("model: m\noutput: @o\n", 2, "put the text in quotes")]
    [InlineData("model: >\n  a\n b\nseed: 1\n", 3, "'key: value' was expected")]
    [InlineData("model: m\noutput: {a: b\ndata: x\n", 2, "is a brace or bracket left open?")]
    [InlineData("model: |\n  a\n\n  b\nseed: &x 1\n", 5, "anchors and aliases")]
    [InlineData("model: |\n  a\n\n  b\nseed: *x\n", 5, "anchors and aliases")]
    [InlineData("model: |\n  a\n\n  b\nmodel: c\n", 5, "the key 'model' is there twice (first at ")]
    [InlineData("model: >-\n  a\n\n  b\noutput: o\nlearning_rat: 1\n", 6, "did you mean 'learning_rate'?")]
    public void A_file_that_is_not_a_run_is_refused_at_the_line_that_is_wrong(string yaml, int line, string expected)
    {
        string message = Fails(yaml);
        Assert.Contains($"run.yaml:{line}: ", message);
        Assert.Contains(expected, message);
    }

    [Fact]
    public void Bytes_that_are_not_utf8_are_refused_with_their_line()
    {
        string path = folder.Write("run.yaml", [.. "model: m\nseed: 1\noutput: caf"u8, 0xE9, .. "\n"u8]);
        Assert.Contains("run.yaml:3: this line has bytes that are not UTF-8", Fails(path, []));
        Assert.Equal(
            1UL,
            RunConfiguration.Load(
                folder.Write("utf16.yaml", [.. Encoding.Unicode.Preamble, .. Encoding.Unicode.GetBytes(Minimal + "seed: 1\n")])).Seed);
    }

    [Fact]
    public void Folders_and_files_that_hold_no_map_are_named_for_what_they_are()
    {
        Assert.Contains("this is a folder; a YAML file was expected", Fails(folder.Root, []));
        Directory.CreateDirectory(Path.Combine(folder.Root, "run"));
        folder.Write("run/config.yaml", Minimal);
        Assert.Contains(
            $"this is the folder of a run; its run file is {Path.Combine(folder.Root, "run", "config.yaml")}",
            Fails(Path.Combine(folder.Root, "run"), []));
        Assert.Contains("the file is empty, not a map", Fails("# nothing\n"));
        Assert.Contains("the file is a list", Fails("- model: m\n"));
        Assert.Contains("the file is a single text", Fails("model\n"));
    }

    [Theory]
    [InlineData("dtype=half", "override dtype is 'half'; known are")]
    [InlineData("learning_rate=fast", "override learning_rate is 'fast'; expected a number.")]
    [InlineData("adapter.r=x", "override adapter.r is 'x'; expected a whole number.")]
    [InlineData("max_steps=0", "override max_steps: 0 steps train nothing")]
    [InlineData("metric_for_best_model=acuracy", "override metric_for_best_model is 'acuracy'; did you mean 'accuracy'?")]
    [InlineData("adapter={r: x}", "override adapter: adapter.r is 'x'")]
    public void An_override_names_its_key_once(string setting, string expected) =>
        Assert.StartsWith(expected, Fails(folder.Write("run.yaml", Minimal), [setting]));

    [Theory]
    [InlineData("model", "hf://org/model", "download it (hf download org/model --local-dir model) and give that folder")]
    [InlineData("model", "https://huggingface.co/org/model/tree/main", "hf download org/model --local-dir model")]
    [InlineData("data.train", "s3://bucket/train.tsv", "data.train is 's3://bucket/train.tsv', a URL, and nothing is read from a network")]
    [InlineData("data.train", "https://example.org/t.csv", "download the file and give its path here")]
    [InlineData(
        "data.train", "hf://datasets/org/name/t.csv",
        "an address of the Hugging Face Hub, and nothing is read from a network; download the file and give its path here.")]
    [InlineData("model", "https://example.org/t", "download it and give the file or folder")]
    [InlineData("output", "s3://b/o", "a URL, and nothing is written to a network; give a path of this machine")]
    [InlineData(
        "output", "hf://org/model", "an address of the Hugging Face Hub, and nothing is written to a network; give a path of this machine")]
    [InlineData("output", "file:///tmp/x", "write the path alone")]
    [InlineData("adapter.init", "gs://bucket/adapter", "a URL")]
    [InlineData("model", "~other/model", "not expanded")]
    public void What_is_no_path_of_this_machine_is_refused_as_it_was_written(string key, string text, string expected)
    {
        string message = Fails(folder.Write("run.yaml", Minimal), [$"{key}='{text}'"]);
        Assert.StartsWith($"override {key} is '{text}', ", message);
        Assert.Contains(expected, message);
    }

    [Fact]
    public void Paths_of_the_home_folder_and_of_windows()
    {
        string path = folder.Write("run.yaml", Minimal);
        Assert.Equal(
            Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), "models/x"),
            RunConfiguration.Load(path, ["model='~/models/x'"]).Model);
        Assert.Equal(Path.Combine(folder.Root, "a:b"), RunConfiguration.Load(path, ["model='a:b'"]).Model);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Contains("a path as Windows writes it", Fails(path, [@"model='C:\models\x'"]));
            Assert.Contains("a path as Windows writes it", Fails(path, [@"model='models\x'"]));
        }
    }

    /// <summary>A mistyped name is more likely than an unknown format.</summary>
    [Fact]
    public void Data_that_is_not_there_is_said_so_before_its_format_is_asked_for()
    {
        string path = folder.Write("run.yaml", Minimal), home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        Assert.Equal($"override data.train: there is no file '{Path.Combine(home, "nosuch")}'.", Fails(path, ["data.train='~/nosuch'"]));
        Assert.Contains(
            $"there is no file '{Path.Combine(folder.Root, "b")}'", Fails(path, [$"data.train=[{folder.Write("a.tsv", "")}, b]"]));
        string empty = Directory.CreateDirectory(folder.File("empty")).FullName;
        Assert.StartsWith(
            $"override data.validation: {empty}: the folder has no data files; it holds nothing.", Fails(path, ["data.validation=empty"]));
        Assert.StartsWith($"override data.train: {folder.File("t*.csv")}: no file fits this pattern", Fails(path, ["data.train='t*.csv'"]));
        folder.Write("there", "");
        Assert.Contains("the ending of 'there' does not say how it is written", Fails(path, ["data.train=there"]));
    }

    private string Fails(string yaml) => Fails(folder.Write("run.yaml", yaml), []);

    private static string Fails(string path, string[] settings) =>
        Assert.Throws<ConfigurationException>(() => RunConfiguration.Load(path, settings)).Message;
}
