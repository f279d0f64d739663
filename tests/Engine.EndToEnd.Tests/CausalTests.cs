using System.Text.Json.Nodes;
using Engine.Safetensors;
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
    [InlineData("train.jsonl", """{"conversations": [{"from": "human", "value": "Ping"}, {"from": "gpt", "value": "Pong"}]}""", "")]
    [InlineData(
        "train.jsonl", """{"prompt": [{"role": "user", "content": "Ping"}], "completion": [{"role": "assistant", "content": "Pong"}]}""",
        "")]
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
        double before = summary["metrics_before"]!["perplexity"]!.GetValue<double>(),
            after = summary["metrics"]!["perplexity"]!.GetValue<double>();
        Assert.True(after < 0.5 * before, $"perplexity went from {before} to {after} on one sample");
        Assert.Equal(Math.Log(after), summary["metrics"]!["loss"]!.GetValue<double>(), 9);
        JsonNode evaluated = JsonNode.Parse(EngineProcess.Run("eval", folder.File("run"), "--json").Succeeded().Output)!;
        Assert.Equal(summary["metrics"]!.ToJsonString(), evaluated.ToJsonString());
        Assert.Equal(
            "CAUSAL_LM",
            JsonNode.Parse(File.ReadAllText(folder.File("run/adapter/adapter_config.json")))!["task_type"]!.GetValue<string>());
    }

    /// <summary>
    /// Held against the logits of <c>engine forward</c>, which are held against Transformers: the mean over the answer's tokens, in double
    /// precision.
    /// </summary>
    [Fact]
    public void Evaluation_asks_for_the_answers_tokens()
    {
        EngineProcess.Run("train", Write("train.jsonl", """{"prompt": "ab", "completion": "cd"}""", ""), "--set", "adapter=null")
            .Succeeded();
        string other = folder.Write("other.jsonl", """{"prompt": "xy", "completion": "zw"}""");
        EngineResult evaluated = EngineProcess.Run("eval", folder.File("run"), "--data", other);
        Assert.Contains("1 row of", evaluated.Succeeded().Output, StringComparison.Ordinal);
        JsonNode metrics = JsonNode.Parse(EngineProcess.Run("eval", folder.File("run"), "--data", other, "--json").Succeeded().Output)!;

        int[] ids = ['x', 'y', 'z', 'w', TinyDecoder.EndOfText];
        string inputs = folder.File("inputs.safetensors"), output = folder.File("output.safetensors");
        new SafetensorsWriter().Add("input_ids", [1, ids.Length], Array.ConvertAll(ids, id => (long)id))
            .Add("attention_mask", [1, ids.Length], ids.Select(_ => 1L).ToArray()).Write(inputs);
        EngineProcess.Run("forward", "--model", folder.File("run/model"), "--inputs", inputs, "--output", output).Succeeded();
        using SafetensorsFile result = SafetensorsFile.Open(output);
        double[] logits = result["logits"].ToFloat64();
        int vocabulary = logits.Length / ids.Length;
        double loss = Enumerable.Range(2, 3)
            .Average(token => Math.Log(Row(token - 1).Sum(Math.Exp)) - Row(token - 1).ElementAt(ids[token]));

        // Logits of a few units in float32: 1e-6 of each.
        Assert.Equal(loss, metrics["loss"]!.GetValue<double>(), 1e-5);
        Assert.Equal(Math.Exp(metrics["loss"]!.GetValue<double>()), metrics["perplexity"]!.GetValue<double>(), 9);

        IEnumerable<double> Row(int token) => logits.Skip(token * vocabulary).Take(vocabulary);
    }

    [Fact]
    public void An_evaluation_that_cannot_be_is_refused_with_what_to_do()
    {
        EngineProcess.Run("train", Write("train.jsonl", """{"prompt": "ab", "completion": "cd"}""", "max_length: 16")).Succeeded();
        string run = folder.File("run"), file = folder.File("train.jsonl");
        EngineProcess.Run("eval", run).Refused(1, "no data.validation", "--data");
        EngineProcess.Run("eval", run, "--data", file, "--text", "prompt")
            .Refused(1, "columns are named (data.text, data.text_pair, data.label)", "leave them out");
        EngineProcess.Run("eval", run, "--data", file, "--format", "csv")
            .Refused(1, "Tables are not read for a causal language model", "jsonl");
        EngineProcess.Run("eval", $"{run}/adapter", "--data", file)
            .Refused(1, $"{run}/adapter is a language model", "give that run, its folder or its file, in its place");
        EngineProcess.Run("eval", folder.File("model"), "--data", file).Refused(1, "model is a language model", "give that run");
        EngineProcess.Run("eval", folder.File("model"), "--adapter", $"{run}/adapter", "--data", file)
            .Refused(1, $"{run}/adapter is a language model", "give that run");
        EngineProcess.Run("predict", run, "text").Refused(1, "language model", "engine eval", "engine generate");
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
        TinyDecoder.Write(folder.File("model"), chatTemplate: "{{ odd.key }}");
        EngineProcess.Run("train", run).Refused(1, "train.jsonl:1: ", "tokenizer_config.json, line 1): 'odd' is undefined");
        TinyDecoder.Write(folder.File("model"), chatTemplate: "\n{% odd %}");
        EngineProcess.Run("train", run).Refused(1, "tokenizer_config.json", "line 2", "a run's chat_template", "chatml");
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
