using System.Text.Json.Nodes;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine train</c> with <c>task: causal-lm</c> on each kind of data, with a decoder whose tokens are bytes.</summary>
public sealed class CausalTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public CausalTests() => TinyDecoder.Write(folder.File("model"));

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("train.jsonl", """{"messages": [{"role": "user", "content": "Ping"}, {"role": "assistant", "content": "Pong"}]}""", "")]
    [InlineData("train.jsonl", """{"prompt": "one two ", "completion": "three"}""", "")]
    [InlineData("train.json", """{"instruction": "Count.", "input": "1 2", "output": "3"}""", "")]
    [InlineData("train.json", """{"instruction": "Count.", "input": "1 2", "output": "3"}""", "chat_template: llama3")]
    [InlineData("train.jsonl", """{"text": "a line of text"}""", "packing: true")]
    [InlineData("train.txt", "a line of text", "packing: true")]
    public void Every_kind_of_data_is_trained_on_and_learned(string file, string record, string settings)
    {
        bool isList = file.EndsWith(".json", StringComparison.Ordinal);
        IEnumerable<string> records = Enumerable.Repeat(record, 12);
        string run = Write(file, isList ? $"[{string.Join(",\n", records)}]" : string.Join('\n', records), settings);
        EngineResult trained = EngineProcess.Run("train", run, "--set", $"data.validation={folder.File(file)}").Succeeded();
        Assert.Contains("perplexity", trained.Output, StringComparison.Ordinal);

        JsonNode summary = JsonNode.Parse(File.ReadAllText(folder.File("run/summary.json")))!;
        Assert.Equal("loss", summary["metric"]!.GetValue<string>());
        Assert.Equal(summary["forecast_device_bytes"]!.GetValue<long>(), summary["peak_device_bytes"]!.GetValue<long>());
        double before = summary["metrics_before"]!["perplexity"]!.GetValue<double>(), after = summary["metrics"]!["perplexity"]!.GetValue<double>();
        Assert.True(after < 0.5 * before, $"perplexity went from {before} to {after} on one sample");
        Assert.Equal(Math.Log(after), summary["metrics"]!["loss"]!.GetValue<double>(), 9);
        Assert.Equal("CAUSAL_LM", JsonNode.Parse(File.ReadAllText(folder.File("run/adapter/adapter_config.json")))!["task_type"]!.GetValue<string>());
    }

    [Fact]
    public void Data_that_does_not_fit_is_refused_with_file_line_and_keys()
    {
        string run = Write("train.jsonl", "{\"text\": \"a\"}\n{\"question\": \"a\", \"answer\": \"b\"}", "");
        EngineProcess.Run("train", run).Refused(1, "train.jsonl:2", "question, answer");
        run = Write("train.jsonl", "{\"text\": \"a\"}", "chat_template: alpaca");
        EngineProcess.Run("train", run).Refused(1, "run.yaml:8", "chat_template is 'alpaca'");
        run = Write("train.jsonl", """{"messages": [{"role": "user", "content": "Ping"}]}""", "");
        EngineProcess.Run("train", run).Refused(1, "train.jsonl", "no record has an answer token");
        TinyDecoder.Write(folder.File("model"), chatTemplate: "{{ odd }}");
        EngineProcess.Run("train", run).Refused(1, "tokenizer_config.json", "set chat_template", "chatml");
        Assert.False(File.Exists(folder.File("run/config.yaml")));
    }

    private string Write(string file, string text, string settings)
    {
        folder.Write(file, text);
        return folder.Write("run.yaml", $$"""
            model: model
            task: causal-lm
            output: run
            data: {train: {{file}}}
            adapter: {r: 4, lora_alpha: 16, target_modules: all-linear}
            learning_rate: 2.0e-2
            max_steps: 20
            {{settings}}
            """);
    }
}
