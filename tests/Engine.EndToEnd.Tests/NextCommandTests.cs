using System.Globalization;
using System.Text.Json;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary>The command that <c>engine train</c> ends with, given to a shell as it was printed.</summary>
public sealed class NextCommandTests
{
    private const string Start = "try it: engine ";

    [Theory]
    [InlineData("the cat loves the film", "the cat loves the film")]
    [InlineData("--  it's\tthe cat's \"own\" `film` for $HOME & 5% \\ more!", "it's the cat's \"own\" `film` for $HOME & 5% \\ more!")]
    [InlineData("it's the cat's film", "it's the cat's film")]
    [InlineData("1 2 3 4 5 6 7 8 9 10 11 12 13", "1 2 3 4 5 6 7 8 9 10 11 12")]
    [InlineData("--", "A text")]
    public void Shells_read_the_first_words_held_out(string text, string asked)
    {
        using SmallRun run = new();
        string[] words = EngineProcess.Shell($"printf '%s\\n' {Learned(run, text)}").Succeeded().OutputLines;
        Assert.Equal("predict", words[0]);
        Assert.Equal(asked, words[^1]);
    }

    [Fact]
    public void Classifier_labels_the_first_words_held_out()
    {
        using SmallRun run = new();
        string[] answer = Typed(run.Folder, Learned(run, "--  it's the cat's film")).OutputLines.Single().Split('\t');
        Assert.Contains(answer[0], (string[])["bad", "good"]);
        Assert.Equal("it's the cat's film", answer[2]);
    }

    [Fact]
    [Trait("Category", "Long")]
    public void Paths_are_seen_from_the_working_directory()
    {
        using SmallRun run = new();
        string next = Last(Typed(run.Folder, "train run.yaml --set max_steps=1 --set output='my runs/first'"));
        Assert.StartsWith("predict \"my runs/first\" \"", next, StringComparison.Ordinal);
        Assert.Single(Typed(run.Folder, next).OutputLines);
    }

    [Fact]
    [Trait("Category", "Long")]
    public void Regressor_gives_a_number()
    {
        using SmallRun run = new();
        File.WriteAllText(run.File("scores.csv"), "score,sentence\n1.5,the cat loves the film\n-0.5,a dog hates the soup\n");
        string[] data = ["--set", "task=regression", "--set", "data={train: scores.csv, text: sentence, label: score}"];
        string next = Last(EngineProcess.Run(["train", run.RunFile, .. data, "--set", "max_steps=1"]).Succeeded());
        string[] answer = Typed(run.Folder, next).OutputLines.Single().Split('\t');
        Assert.True(double.IsFinite(double.Parse(answer[0], CultureInfo.InvariantCulture)));
        Assert.Equal("the cat loves the film", answer[1]);
    }

    [Fact]
    [Trait("Category", "Long")]
    public void Pairs_come_from_the_file_of_those_held_out()
    {
        using SmallRun run = new();
        File.WriteAllText(run.File("pairs.csv"), "a,b,label\nthe cat,the film,good\na dog,the soup,bad\n");
        string[] data = ["--set", "data={train: pairs.csv, validation: pairs.csv, text: a, text_pair: b, label: label}"];
        string next = Last(EngineProcess.Run(["train", run.RunFile, .. data, "--set", "max_steps=1"]).Succeeded());
        Assert.Equal(["the cat\tthe film", "a dog\tthe soup"], Typed(run.Folder, next).OutputLines.Select(line => line.Split('\t', 3)[2]));
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("""{"messages": [{"role": "user", "content": "Ping"}, {"role": "assistant", "content": "Pong"}]}""", "", "chat ")]
    [InlineData("""{"prompt": "one two ", "completion": "three"}""", "chat_template: plain", "chat ")]
    [InlineData("""{"prompt": "one two ", "completion": "three"}""", "", "generate ")]
    [InlineData("""{"text": "a line of text"}""", "", "generate ")]
    public void Decoder_talks_where_it_learned_a_template_and_goes_on_with_texts_where_not(string record, string setting, string command)
    {
        using TemporaryFolder folder = new();
        TinyDecoder.Write(folder.File("model"));
        folder.Write("train.jsonl", record);
        string run = folder.Write("run.yaml", $$"""
            model: model
            task: causal-lm
            output: run
            data: {train: train.jsonl}
            max_steps: 1
            {{setting}}
            """);
        string next = Last(EngineProcess.Run("train", run).Succeeded());
        Assert.StartsWith(command, next, StringComparison.Ordinal);
        Typed(folder.Root, next, "/quit");
    }

    [Fact]
    public void Encoder_pretrained_on_masked_texts_has_no_next_command()
    {
        using SmallRun run = new();
        string[] data = ["--set", "task=masked-lm", "--set", "data={train: train.tsv, format: text}", "--set", "max_steps=1"];
        Assert.DoesNotContain("try it", EngineProcess.Run(["train", run.RunFile, .. data]).Succeeded().Output, StringComparison.Ordinal);
    }

    /// <summary>What is printed after a step of training with this text held out.</summary>
    private static string Learned(SmallRun run, string text)
    {
        File.WriteAllText(run.File("held.jsonl"), JsonSerializer.Serialize(new { sentence = text, label = "good" }));
        string[] data = ["--set", "data={train: train.tsv, validation: held.jsonl, text: sentence, label: label}", "--set", "max_steps=1"];
        return Last(EngineProcess.Run(["train", run.RunFile, .. data]).Succeeded());
    }

    private static string Last(EngineResult trained)
    {
        Assert.StartsWith(Start, trained.OutputLines[^1], StringComparison.Ordinal);
        return trained.OutputLines[^1][Start.Length..];
    }

    /// <summary>What the shell makes of the command in a folder, with a line on standard input.</summary>
    private static EngineResult Typed(string folder, string command, string input = "") =>
        EngineProcess.Shell($"cd '{folder}' && echo '{input}' | $ENGINE {command}").Succeeded();
}
