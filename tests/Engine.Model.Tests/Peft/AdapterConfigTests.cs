using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Model.Peft;

namespace Engine.Tests.Peft;

public sealed class AdapterConfigTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("goldens/models/roberta-cls/adapter")]
    [InlineData("goldens/models/roberta-mlm/adapter")]
    [InlineData("goldens/models/llama/adapter")]
    [InlineData("goldens/trajectories/roberta-cls/lora-dora.init")]
    [InlineData("goldens/trajectories/roberta-cls/lora-rslora.init")]
    public void A_configuration_of_PEFT_is_written_back_as_it_was(string adapter)
    {
        AdapterConfig.Read(SharedFiles.Path(adapter)).Write(folder.Root);

        Assert.Equal(
            File.ReadAllText(SharedFiles.Path($"{adapter}/adapter_config.json")),
            File.ReadAllText(folder.File("adapter_config.json")).TrimEnd('\n'));
    }

    [Fact]
    public void A_new_configuration_has_every_key_that_PEFT_writes()
    {
        new AdapterConfig
        {
            Rank = 4,
            LoraAlpha = 8,
            TargetModules = ModulePattern.Of("query", "value"),
            TaskType = AdapterConfig.SequenceClassification
        }.Write(folder.Root);

        Assert.Equal(
            File.ReadAllText(SharedFiles.Path("goldens/models/roberta-cls/adapter/adapter_config.json")),
            File.ReadAllText(folder.File("adapter_config.json")).TrimEnd('\n'));
    }

    [SharedFact]
    public void Configurations_of_older_versions_of_PEFT_are_read()
    {
        AdapterConfig qwen = AdapterConfig.Read(SharedFiles.Path("data/adapters/qwen2.5-0.5b-lora"));
        AdapterConfig codeBert = AdapterConfig.Read(SharedFiles.Path("data/adapters/codebert-lora-seqcls"));

        Assert.Equal(
            (8, 16.0, 0.05, "CAUSAL_LM", "Qwen/Qwen2.5-0.5B-Instruct"),
            (qwen.Rank, qwen.LoraAlpha, qwen.LoraDropout, qwen.TaskType, qwen.BaseModelNameOrPath));
        Assert.Equal((16, 32.0), (codeBert.Rank, codeBert.LoraAlpha));
        Assert.Equal(["query", "key", "value"], codeBert.TargetModules!.Names!);
        Assert.Empty(codeBert.UnknownKeys);
    }

    [Fact]
    public void All_options_survive_writing_and_reading()
    {
        AdapterConfig config = new()
        {
            Rank = 6,
            LoraAlpha = 1.5,
            LoraDropout = 0.1,
            TargetModules = ModulePattern.Of("q"),
            ExcludeModules = ModulePattern.OfExpression(@".*\.0\..*"),
            ModulesToSave = ["pooler"],
            UseRslora = true,
            UseDora = true,
            RankPattern = [new("b", 3), new("a", 2)],
            AlphaPattern = [new("a", 0.5)],
            LayersToTransform = [1, 2],
            LayersPattern = ["layer"],
            TaskType = "SEQ_CLS",
            BaseModelNameOrPath = "here",
            InitLoraWeights = "gaussian",
            FanInFanOut = true,
        };

        config.Write(folder.Root);
        AdapterConfig read = AdapterConfig.Read(folder.Root);

        Assert.Equal(
            (6, 1.5, 0.1, true, true, "SEQ_CLS", "here", "gaussian", true),
            (read.Rank, read.LoraAlpha, read.LoraDropout, read.UseRslora, read.UseDora, read.TaskType, read.BaseModelNameOrPath,
                read.InitLoraWeights, read.FanInFanOut));
        Assert.Equal(["q"], read.TargetModules!.Names!);
        Assert.Equal(@".*\.0\..*", read.ExcludeModules!.Expression);
        Assert.Equal(["pooler", "classifier", "score"], read.ModulesToSave);
        Assert.Equal(config.RankPattern, read.RankPattern);
        Assert.Equal(config.AlphaPattern, read.AlphaPattern);
        Assert.Equal([1, 2], read.LayersToTransform);
        Assert.Equal(["layer"], read.LayersPattern);
    }

    [Fact]
    public void Unknown_keys_are_kept_and_named()
    {
        AdapterConfig config = Parse("\"from_the_future\": {\"a\": [1]}");

        (config with { Rank = 2 }).Write(folder.Root);

        Assert.Equal(["from_the_future"], config.UnknownKeys);
        Assert.Contains("from_the_future", File.ReadAllText(folder.File("adapter_config.json")));
        Assert.Equal(2, AdapterConfig.Read(folder.Root).Rank);
    }

    // Expected by PEFT's rule: the first pattern p for which re.match("(.*\.)?(p)$", name) succeeds.
    [Theory]
    [InlineData("model.layers.0.mlp.up", 8)]
    [InlineData("model.layers.0.attn.query", 2)]
    [InlineData("model.layers.0.attn.my_query", 8)]
    [InlineData("model.layers.1.attn.value", 3)]
    [InlineData("query", 2)]
    [InlineData("model.layers.0.attn.value", 4)]
    public void Ranks_follow_the_first_pattern_that_matches(string module, int expected)
    {
        AdapterConfig config = new()
        {
            Rank = 8,
            LoraAlpha = 16,
            RankPattern = [new("query", 2), new(@"layers\.1\..*value", 3), new("value", 4)],
            AlphaPattern = [new("value", 5)]
        };

        Assert.Equal(expected, config.RankOf(module));
        Assert.Equal((module.EndsWith("value") ? 5.0 : 16.0) / expected, config.ScalingOf(module));
        Assert.Equal((module.EndsWith("value") ? 5.0 : 16.0) / Math.Sqrt(expected), (config with { UseRslora = true }).ScalingOf(module));
    }

    [Theory]
    [InlineData("peft_type", "\"LOHA\"", "'peft_type' is \"LOHA\"; LORA")]
    [InlineData("peft_type", "null", "'peft_type' is missing")]
    [InlineData("r", "0", "r is 0")]
    [InlineData("r", "null", "'r' is missing")]
    [InlineData("lora_dropout", "1.5", "lora_dropout is 1.5")]
    [InlineData("bias", "\"all\"", "'bias' is \"all\"; none")]
    [InlineData("lora_bias", "true", "'lora_bias' is true")]
    [InlineData("alora_invocation_tokens", "[1, 2]", "'alora_invocation_tokens' is [1,2]")]
    [InlineData("layer_replication", "[[0, 4]]", "'layer_replication'")]
    [InlineData("megatron_config", "{\"a\": 1}", "'megatron_config'")]
    [InlineData("trainable_token_indices", "3", "'trainable_token_indices'")]
    [InlineData("trainable_token_indices", "[3, 3]", "has the token 3 twice")]
    [InlineData("trainable_token_indices", "{\"lm_head\": [2, -1]}", "has -1 for lm_head")]
    [InlineData("target_parameters", "[\"x\"]", "'target_parameters'")]
    [InlineData("use_qalora", "true", "'use_qalora' is true")]
    [InlineData("init_lora_weights", "\"loftq\"", "'init_lora_weights' is \"loftq\"")]
    [InlineData("target_modules", "7", "'target_modules' is 7")]
    [InlineData("target_modules", "\"(\"", "'target_modules': the regular expression '(' is not understood: Not enough )'s.")]
    [InlineData("rank_pattern", "{\"q\": \"8\"}", "'rank_pattern.q' is \"8\"")]
    [InlineData("rank_pattern", "{\"[\": 8}", "rank_pattern: the regular expression '[' is not understood: Unterminated [] set.")]
    [InlineData("alpha_pattern", "{\"(\": 8}", "alpha_pattern: the regular expression '(' is not understood: Not enough )'s.")]
    [InlineData("modules_to_save", "[\"a(\"]", "modules_to_save: the regular expression 'a(' is not understood")]
    [InlineData("layers_to_transform", "[-1]", "a list of layer numbers")]
    [InlineData("layers_pattern", "\"layers\"", "layers_pattern is set without layers_to_transform")]
    public void Options_that_are_not_supported_are_refused_by_name(string key, string value, string expected)
    {
        Assert.Contains(expected, Assert.Throws<ModelFileException>(() => Parse($"\"{key}\": {value}", key)).Message);
    }

    [Fact]
    public void Layer_numbers_need_a_list_of_targets()
    {
        Assert.Contains(
            "needs target_modules as a list",
            Assert.Throws<ModelFileException>(
                () => Parse("\"layers_to_transform\": 1, \"target_modules\": \".*q\"", "target_modules")).Message);
        Assert.Equal([1], Parse("\"layers_to_transform\": 1").LayersToTransform);
    }

    private AdapterConfig Parse(string entries, string? replaced = null)
    {
        JsonObject root = JsonNode.Parse("""{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["query"]}""")!.AsObject();
        if (replaced is not null)
        {
            root.Remove(replaced);
        }

        foreach ((string key, JsonNode? value) in JsonNode.Parse($"{{{entries}}}")!.AsObject())
        {
            root[key] = value?.DeepClone();
        }

        File.WriteAllText(folder.File("adapter_config.json"), root.ToJsonString());
        return AdapterConfig.Read(folder.Root);
    }
}
