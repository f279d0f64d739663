using System.Text.Json.Nodes;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary>
/// Folders as they are published and downloaded, through the command line: what is used, what is refused, and what is said.
/// </summary>
public sealed class ModelFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Every_command_refuses_a_folder_without_weights_and_says_what_it_holds()
    {
        using SmallRun run = new();
        string model = run.File("model"), adapted = run.File("adapted");
        EngineProcess.Run("train", run.RunFile, "--set", "adapter.r=2", "--set", "max_steps=1", "--set", $"output={adapted}").Succeeded();
        File.Move(Path.Combine(model, "model.safetensors"), Path.Combine(model, "pytorch_model.bin"));
        string[] expected = [model, "holds no weights: model.safetensors", "pytorch_model.bin, a Python pickle", "save_pretrained"];

        EngineProcess.Run("train", run.RunFile).Refused(1, [.. expected, "from_scratch: true"]);
        EngineProcess.Run("train", run.RunFile, "--set", "adapter.r=4").Refused(1, [.. expected, "from_scratch: true"]);
        EngineProcess.Run("compare", run.RunFile, "--methods", "lora", "--seeds", "1", "--set", "adapter.r=4").Refused(1, expected);
        EngineProcess.Run("predict", adapted, "text").Refused(1, expected);
        EngineProcess.Run("eval", adapted).Refused(1, expected);
        EngineProcess.Run("sharpness", "--adapter", adapted, "--output", run.File("out")).Refused(1, expected);
        EngineProcess.Run("merge", "--model", model, "--adapter", run.File("adapted/adapter"), "--output", run.File("merged"))
            .Refused(1, expected);
        EngineProcess.Run("forward", "--model", model, "--inputs", "none.safetensors", "--output", "none").Refused(1, expected);
        Assert.Contains("pytorch_model.bin", EngineProcess.Run("inspect", model).Succeeded().Output, StringComparison.Ordinal);

        EngineResult estimated = EngineProcess.Run("estimate", run.RunFile, "--set", "adapter.r=4").Succeeded();
        Assert.Contains("holds no weights, which training will need", estimated.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(run.File("run/checkpoint-1")));
    }

    [Fact]
    public void A_run_from_scratch_reads_no_weights_and_says_so()
    {
        using SmallRun run = new();
        string[] scratch = ["train", run.RunFile, "--set", "from_scratch=true", "--set", "max_steps=1", "--set", "eval_strategy=no"];
        EngineResult beside = EngineProcess.Run([.. scratch, "--set", "output=beside"]).Succeeded();
        Assert.Contains(
            $"Every parameter starts from seed 3 (from_scratch); the weights in {run.File("model")} are not read.", beside.Output,
            StringComparison.Ordinal);
        File.Delete(run.File("model/model.safetensors"));
        EngineResult alone = EngineProcess.Run([.. scratch, "--set", "output=alone"]).Succeeded();
        Assert.Contains("Every parameter starts from seed 3 (from_scratch).", alone.Output, StringComparison.Ordinal);
        Assert.Equal(
            File.ReadAllBytes(run.File("beside/model/model.safetensors")), File.ReadAllBytes(run.File("alone/model/model.safetensors")));

        EngineProcess.Run([.. scratch, "--set", "adapter.r=2"])
            .Refused(1, "from_scratch", "random weights have learned nothing", "leave out the 'adapter:' section");
        Assert.DoesNotContain(
            "holds no weights", EngineProcess.Run("estimate", run.RunFile, "--set", "from_scratch=true").Succeeded().Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void An_adapter_that_was_not_fetched_is_refused_by_what_stands_in_its_place()
    {
        using SmallRun run = new();
        EngineProcess.Run("train", run.RunFile, "--set", "adapter.r=2", "--set", "max_steps=1").Succeeded();
        string weights = run.File("run/adapter/adapter_model.safetensors");
        File.WriteAllText(weights, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 77\n");
        EngineProcess.Run("predict", run.File("run"), "text")
            .Refused(1, weights, "Git LFS pointer, not the file of 77 bytes", "git lfs pull");
        File.Move(weights, run.File("run/adapter/adapter_model.bin"));
        EngineProcess.Run("eval", run.File("run"))
            .Refused(1, run.File("run/adapter"), "adapter_model.safetensors was expected", "adapter_model.bin, a Python pickle", "PEFT");
    }

    /// <summary>../shared/cases/st-metadata-null: expected.md has the ids and the public report.</summary>
    [SharedTheory]
    [InlineData("absent")]
    [InlineData("empty")]
    [InlineData("mlx")]
    [InlineData("null")]
    public void Metadata_of_whatever_kind_changes_no_answer(string name)
    {
        string model = SharedFiles.Path($"cases/st-metadata-null/{name}");
        EngineResult answer =
            EngineProcess.Run("generate", "--model", model, "--ids", "1,2,3", "--greedy", "--max-new-tokens", "3", "--json").Succeeded();
        Assert.Equal("[47,25,145]", JsonNode.Parse(answer.Output)!["ids"]!.ToJsonString());
        EngineProcess.Run("inspect", Path.Combine(model, "model.safetensors")).Succeeded();
        EngineProcess.Run("inspect", SharedFiles.Path("data/models/tiny_qwen3/model.safetensors")).Succeeded();
    }

    /// <summary>../shared/cases/safetensors-fp8-scales and MLX's 4 bits: refused wherever weights are used, listed by inspect.</summary>
    [SharedTheory]
    [InlineData("cases/safetensors-fp8-scales/m", "weight_scale", "compression_config")]
    [InlineData("cases/st-metadata-null/index-null", "lm_head.biases", "quantization")]
    [InlineData("goldens/later/quantised/model-nf4", "absmax", "quantization_config")]
    public void Quantized_weights_are_refused_by_name_and_shown_by_inspect(string model, string tensor, string key)
    {
        string path = SharedFiles.Path(model);
        EngineProcess.Run("generate", "--model", path, "--ids", "1,2,3").Refused(1, path, "quantized", key, "dequantize");
        EngineResult shown = EngineProcess.Run("inspect", path).Succeeded();
        Assert.Contains("cannot be loaded", shown.Output, StringComparison.Ordinal);
        Assert.Contains(key, shown.Output, StringComparison.Ordinal);

        // The same weights under a configuration that says nothing of them.
        foreach (string file in Directory.EnumerateFiles(path))
        {
            File.Copy(file, folder.File(Path.GetFileName(file)));
        }

        JsonObject config = JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!.AsObject();
        config.Remove(key);
        File.Delete(folder.File("config.json"));
        folder.Write("config.json", config.ToJsonString());
        EngineProcess.Run("generate", "--model", folder.Root, "--ids", "1,2,3")
            .Refused(1, folder.Root, "the weights are quantized: tensor '", "dequantize");
        Assert.Contains(
            tensor, EngineProcess.Run("inspect", Directory.EnumerateFiles(path, "*.safetensors").Order().First()).Succeeded().Output,
            StringComparison.Ordinal);
    }

    /// <summary>../shared/cases/cfg-id2label-integers: run_glue.py of Transformers writes numbers.</summary>
    [Fact]
    public void Labels_that_are_numbers_name_the_classes()
    {
        using SmallRun run = new();
        JsonObject config = JsonNode.Parse(File.ReadAllText(run.File("model/config.json")))!.AsObject();
        JsonNode labels = JsonNode.Parse(File.ReadAllText(SharedFiles.Path("cases/cfg-id2label-integers/m/config.json")))!;
        config["id2label"] = labels["id2label"]!.DeepClone();
        config["label2id"] = labels["label2id"]!.DeepClone();
        config["num_labels"] = 3;
        config["architectures"] = labels["architectures"]!.DeepClone();
        File.WriteAllText(run.File("model/config.json"), config.ToJsonString());
        string data = SharedFiles.Path("cases/cfg-id2label-integers/d.tsv");

        EngineResult trained =
            EngineProcess.Run(
                "train", run.RunFile, "--set", $"data={{train: {data}, text: sentence, label: label}}", "--set", "max_steps=1").Succeeded();
        Assert.Contains("num_labels is 3, but id2label has 2 entries", trained.Output, StringComparison.Ordinal);
        Assert.Contains("one of 0, 1", EngineProcess.Run("inspect", run.File("model")).Succeeded().Output, StringComparison.Ordinal);
        Assert.Matches("^[01]\t0[.]", EngineProcess.Run("predict", run.File("run"), "text").Succeeded().Output);
    }

    /// <summary>../shared/cases/tok-lowercase-config: expected.md has the ids and BertTokenizerFast's source.</summary>
    [SharedFact]
    public void A_tokenizers_configuration_holds_beside_its_tokenizer_json()
    {
        string model = SharedFiles.Path("cases/tok-lowercase-config");
        string[] lines = [.. EngineProcess.Run("tokenize", "--model", model, Path.Combine(model, "t.txt")).Succeeded().OutputLines.Select(
            line => JsonNode.Parse(line)!["ids"]!.ToJsonString())];
        Assert.Equal(["[101,100,2003,100,102]", "[101,100,1879,1755,100,102]"], lines);
    }

    [Theory]
    [InlineData("\"unused_by_anything\": NaN", null)]
    [InlineData("\"id2label\": {\"0\": NaN, \"1\": 1}", null)]
    [InlineData("\"initializer_range\": NaN", "the key 'initializer_range' is NaN; a finite number was expected")]
    [InlineData("\"hidden_dropout_prob\": -Infinity", "the key 'hidden_dropout_prob' is -Infinity; a finite number was expected")]
    [InlineData(
        "\"max_position_embeddings\": Infinity", "the key 'max_position_embeddings' is Infinity; a whole number of 32 bits was expected")]
    public void Numbers_that_are_none_are_read_past_where_nobody_asks_and_else_refused_by_key(string entry, string? problem)
    {
        using SmallRun run = new();
        string path = run.File("model/config.json"), key = entry.Split('"')[1];
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        config.Remove(key);
        File.WriteAllText(path, $"{{{entry}, {config.ToJsonString()[1..]}");
        string[] train = ["train", run.RunFile, "--set", "max_steps=1", "--set", "eval_strategy=no", "--set", "adapter.r=2"];
        if (problem is not null)
        {
            EngineProcess.Run(train).Refused(1, path, problem);
            return;
        }

        EngineProcess.Run(train).Succeeded();
        Assert.Equal(
            key == "unused_by_anything",
            File.ReadAllText(run.File("run/config.json")).Contains("\"unused_by_anything\": NaN", StringComparison.Ordinal));
        EngineProcess.Run("predict", run.File("run"), "text").Succeeded();
    }
}
