using System.Text.Json;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine generate</c> and <c>engine merge</c> through the command line.</summary>
public sealed class GenerateTests
{
    private static string Story => SharedFiles.Path("data/models/tinystory-llama");

    [Theory]
    [InlineData("qwen2")]
    [InlineData("llama")]
    public void Json_lines_hold_the_completions_of_transformers_in_the_order_of_the_prompts(string name)
    {
        string folder = SharedFiles.Path($"goldens/models/{name}");
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expected.json")));
        JsonElement[] pairs = [.. golden.RootElement.GetProperty("greedy_merged").EnumerateArray()];
        EngineResult result = EngineProcess.Run(
        [
            "generate", "--model", folder, "--adapter", Path.Combine(folder, "adapter"), "--greedy", "--ignore-eos", "--json",
            "--max-new-tokens", pairs[0].GetProperty("completion").GetArrayLength().ToString(),
            .. pairs.SelectMany(pair => new[] { "--ids", string.Join(',', Integers(pair, "prompt")) }),
        ]).Succeeded();
        JsonElement[] lines = [.. result.OutputLines.Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(pairs.Select(pair => Integers(pair, "prompt")), lines.Select(line => Integers(line, "prompt_ids")));
        Assert.Equal(pairs.Select(pair => Integers(pair, "completion")), lines.Select(line => Integers(line, "ids")));
        Assert.All(lines, line => Assert.Equal("length", line.GetProperty("finish_reason").GetString()));
        Assert.All(lines, line => Assert.Equal(JsonValueKind.Null, line.GetProperty("text").ValueKind));
        Assert.All(lines, line => Assert.True(line.GetProperty("tokens_per_second").GetDouble() > 0));
    }

    [Fact]
    public void Merged_model_generates_as_base_and_adapter_do()
    {
        string folder = SharedFiles.Path("goldens/models/qwen3");
        using TemporaryFolder output = new();
        string merged = output.File("merged");

        // What a kill leaves of a merge is no reason to refuse the next.
        Directory.CreateDirectory(Path.Combine(merged, "partial-1"));
        File.WriteAllText(Path.Combine(merged, "manifest.json"), """{"files": [], "temporary": ["partial-1"]}""");
        EngineProcess.Run(
            "merge", "--model", folder, "--adapter", Path.Combine(folder, "adapter"), "--output", merged, "--dtype", "float32").Succeeded();
        string[] tail = ["--ids", "5,6,7,8", "--max-new-tokens", "12", "--greedy"];
        Assert.Equal(
            EngineProcess.Run(["generate", "--model", folder, "--adapter", Path.Combine(folder, "adapter"), .. tail]).Succeeded().Output,
            EngineProcess.Run(["generate", "--model", merged, .. tail]).Succeeded().Output);
        EngineProcess.Run("merge", "--model", folder, "--adapter", Path.Combine(folder, "adapter"), "--output", merged)
            .Refused(1, "holds files already");
        Assert.DoesNotContain(
            Directory.GetFileSystemEntries(merged),
            path => path.Contains("partial", StringComparison.Ordinal) || path.Contains("manifest", StringComparison.Ordinal));
        EngineProcess.Run(
            "merge", "--model", folder, "--adapter", Path.Combine(folder, "adapter"), "--output", output.File("x"), "--dtype", "int4")
                .Refused(2, "'int4'", "bfloat16");
    }

    [Fact]
    public void Adapters_for_another_task_are_refused_by_what_uses_them()
    {
        string decoder = SharedFiles.Path("goldens/models/qwen2"), classifier = SharedFiles.Path("goldens/models/qwen2-cls");
        EngineProcess.Run("generate", "--model", decoder, "--adapter", Path.Combine(classifier, "adapter"), "--ids", "1,2")
            .Refused(1, "task_type is SEQ_CLS; a language model's (CAUSAL_LM) was expected; a classifier's predicts labels.");
        EngineProcess.Run("predict", classifier, "--adapter", Path.Combine(decoder, "adapter"), "a text")
            .Refused(
                1, "task_type is CAUSAL_LM; a classifier's or regressor's (SEQ_CLS) was expected; a language model's generates texts.");
    }

    [SharedTheory]
    [InlineData("--temperature", "0,5")]
    [InlineData("--top-p", "0,9")]
    [InlineData("--repetition-penalty", "1,000")]
    [InlineData("--temperature", "nan")]
    public void A_number_with_a_comma_is_refused_and_not_read_as_another(string option, string number) =>
        EngineProcess.Run("generate", "--model", Story, "--prompt", "Once", option, number)
            .Refused(2, $"{option} is '{number}'; a number such as 0.5 was expected.");

    [SharedFact]
    public void A_prompt_may_begin_with_dashes()
    {
        string[] tail = ["--max-new-tokens", "2"];
        string spaced = EngineProcess.Run(["generate", "--model", Story, "--prompt", "-- Once upon", .. tail]).Succeeded().Output;
        Assert.Equal(EngineProcess.Run(["generate", "--model", Story, "--prompt=-- Once upon", .. tail]).Succeeded().Output, spaced);
        EngineProcess.Run(["generate", "--model", Story, "--prompt=--greedy", .. tail]).Succeeded();
        EngineProcess.Run(["generate", "--model", Story, "--prompt", "--gredy", .. tail])
            .Refused(2, "There is no option '--gredy'; did you mean '--greedy'?");
    }

    [SharedFact]
    public void A_prompt_is_answered_with_text_and_the_speed_goes_to_the_error_stream()
    {
        EngineResult result =
            EngineProcess.Run("generate", "--model", Story, "--prompt", "Once upon a time", "--max-new-tokens", "20", "--stop", " in a")
                .Succeeded();
        Assert.Equal(", a little girl named Lily lived\n", result.Output);
        Assert.Contains("tokens/s", result.Error, StringComparison.Ordinal);
        Assert.Contains("ended by a stop text", result.Error, StringComparison.Ordinal);
        Assert.Equal(
            ["[1] , a little girl", "[2] , a little girl"],
            EngineProcess.Run(
                "generate", "--model", Story, "--prompt", "Once upon a time", "--ids", "1,80,147,201,282,57", "--stop", " named")
                    .Succeeded().OutputLines);
    }

    [SharedFact]
    public void A_seed_repeats_a_text_and_another_seed_does_not()
    {
        string Text(string seed) =>
            EngineProcess.Run("generate", "--model", Story, "--prompt", "One day", "--max-new-tokens", "30", "--seed", seed)
                .Succeeded().Output;
        Assert.Equal(Text("4"), Text("4"));
        Assert.NotEqual(Text("4"), Text("5"));
    }

    [SharedFact]
    public void What_cannot_be_is_refused_in_a_sentence()
    {
        EngineProcess.Run("generate", "--model", Story).Refused(1, "give --prompt or --ids");
        EngineProcess.Run("generate", "--model", Story, "--ids", "1,x").Refused(1, "'1,x'");
        EngineProcess.Run("generate", "--model", Story, "--ids", "1,99999").Refused(1, "99999", "vocabulary of 2048");
        EngineProcess.Run("generate", "--model", Story, "--ids", "1", "--greedy", "--top-k", "5").Refused(1, "--greedy");
        EngineProcess.Run("generate", "--model", Story, "--ids", "1", "--temperature", "-1").Refused(1, "temperature is -1");
        EngineProcess.Run("generate", "--model", Story, "--ids", "1", "--context", "9999").Refused(1, "9999", "512");
        EngineProcess.Run("generate", "--model", SharedFiles.Path("goldens/models/bert-cls"), "--ids", "1")
            .Refused(1, "does not generate text");
        EngineProcess.Run("generate", "--model", SharedFiles.Path("goldens/models/qwen2"), "--prompt", "x").Refused(1, "no tokenizer");
    }

    private static int[] Integers(JsonElement element, string key) =>
        [.. element.GetProperty(key).EnumerateArray().Select(number => number.GetInt32())];
}
