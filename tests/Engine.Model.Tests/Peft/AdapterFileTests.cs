using Engine.Model.Batching;
using Engine.Common.Files;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Safetensors;

namespace Engine.Tests.Peft;

public sealed class AdapterFileTests : IDisposable
{
    private static readonly AdapterConfig Config = new() { Rank = 2, TargetModules = ModulePattern.Of("q"), ModulesToSave = ["head"] };
    private static readonly AdapterTarget Target = new("layer.0.q", 3, 4);
    private static readonly SavedTarget Head = new("head.weight", [2, 3]);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    public static TheoryData<string> GoldenAdapters => new(
        "goldens/models/roberta-cls/adapter",
        "goldens/models/roberta-mlm/adapter",
        "goldens/models/bert-cls/adapter",
        "goldens/models/qwen2-cls/adapter",
        "goldens/models/llama/adapter",
        "goldens/trajectories/roberta-cls/lora-dora.init");

    [Theory]
    [MemberData(nameof(GoldenAdapters))]
    [SharedInlineData("data/adapters/qwen2.5-0.5b-lora")]
    public void An_adapter_of_PEFT_is_written_back_byte_for_byte(string folder)
    {
        using (AdapterFile adapter = AdapterFile.Read(SharedFiles.Path(folder)))
        {
            AdapterWriter writer = new(adapter.Config);
            foreach (LoraTensors module in adapter.Modules.Values)
            {
                writer.AddLora(
                    new AdapterTarget(module.Module, (int)module.A.Shape[1], (int)module.B.Shape[0]),
                    Fill(module.A),
                    Fill(module.B),
                    module.Magnitude is null ? null : Fill(module.Magnitude));
            }

            foreach ((string parameter, SafetensorsTensor tensor) in adapter.SavedParameters)
            {
                writer.AddSaved(new SavedTarget(parameter, tensor.Shape), Fill(tensor));
            }

            writer.Write(this.folder.Root);
        }

        Assert.Equal(
            File.ReadAllBytes(SharedFiles.Path($"{folder}/adapter_model.safetensors")),
            File.ReadAllBytes(this.folder.File("adapter_model.safetensors")));
    }

    [Fact]
    public void A_golden_adapter_fits_the_modules_its_configuration_chooses()
    {
        using AdapterFile adapter = AdapterFile.Read(SharedFiles.Path("goldens/models/roberta-cls/adapter"));
        using Checkpoint model = Checkpoint.Open(SharedFiles.Path("goldens/models/roberta-cls"));
        string[] linear = model.Tensors.Where(tensor => tensor.Shape.Count == 2 && !tensor.Name.Contains("embeddings"))
            .Select(tensor => tensor.Name[..^".weight".Length]).ToArray();

        IReadOnlyList<string> targets = TargetModules.Match(linear, adapter.Config, outputHead: "classifier");
        IReadOnlyList<string> saved = SavedModules.Match(model.Tensors.Select(tensor => tensor.Name).ToArray(), adapter.Config);
        AdapterBinding binding = adapter.Bind(
            [.. targets.Select(name => new AdapterTarget(name, 64, 64))],
            [.. saved.Select(name => new SavedTarget(name, model[name].Shape))]);

        Assert.Equal(targets, binding.Modules.Select(module => module.Module));
        Assert.Equal(
            ["classifier.dense.bias", "classifier.dense.weight", "classifier.out_proj.bias", "classifier.out_proj.weight"],
            binding.SavedParameters.Keys.Order());
        Assert.Equal(2.0, adapter.Config.ScalingOf(targets[0]));
    }

    [SharedFact]
    public void An_adapter_without_the_head_it_announces_and_with_other_names_is_refused_or_fitted_on_request()
    {
        string folder = SharedFiles.Path("data/adapters/codebert-lora-seqcls");
        AdapterTarget[] targets = [.. Enumerable.Range(0, 12)
            .SelectMany(
                layer => new[] { "query", "key", "value" }.Select(
                    part => new AdapterTarget($"roberta.encoder.layer.{layer}.attention.self.{part}", 768, 768)))];
        SavedTarget[] head = [new("classifier.out_proj.weight", [2, 768])];

        using AdapterFile adapter = AdapterFile.Read(folder);
        ModelFileException refused = Assert.Throws<ModelFileException>(() => adapter.Bind(targets, head));
        Assert.Equal(["AllowMissing"], refused.Settings);
        string message = refused.Message;
        Assert.Contains("no tensor fits the model", message);
        Assert.Contains(
            "such as encoder.encoder.layer.0.attention.self.key, the model such as roberta.encoder.layer.0.attention.self.query", message);

        // Of a model with fewer layers no prefix makes it an adapter, and none is advised.
        string shallow = Assert.Throws<ModelFileException>(() => adapter.Bind(targets[..9], head, allowMissing: true)).Message;
        Assert.Contains(
            "with 'roberta.' for 'encoder.' encoder.encoder.layer.10.attention.self.key of the file is still not in the model", shallow);
        Assert.DoesNotContain("allow missing", shallow);

        AdapterBinding binding = adapter.Bind(targets, head, allowMissing: true);

        Assert.Equal(36, binding.Modules.Count);
        Assert.Equal(["base_model.model.classifier.out_proj.weight"], binding.Missing);
        Assert.Empty(binding.Unused);
    }

    [Fact]
    public void The_names_PEFT_uses_in_memory_are_understood()
    {
        Write(
            ("base_model.model.layer.0.q.lora_A.default.weight", [2, 3]),
            ("base_model.model.layer.0.q.lora_B.default.weight", [4, 2]),
            ("base_model.model.head.modules_to_save.default.weight", [2, 3]));

        using AdapterFile adapter = AdapterFile.Read(folder.Root);
        AdapterBinding binding = adapter.Bind([Target], [Head]);

        Assert.Equal("layer.0.q", Assert.Single(binding.Modules).Module);
        Assert.Equal("head.weight", Assert.Single(binding.SavedParameters).Key);
    }

    /// <summary>
    /// What PEFT writes of a module in modules_to_save where it also saves embeddings, those of a vocabulary that grew: it reads the plain
    /// key.
    /// </summary>
    [Fact]
    public void Of_a_module_that_is_stored_three_times_the_plain_key_counts()
    {
        Write(
            ("base_model.model.head.modules_to_save.weight", [9, 9]),
            ("base_model.model.head.original_module.weight", [8, 8]),
            ("base_model.model.head.weight", [2, 3]),
            ("base_model.model.other.modules_to_save.weight", [4]),
            ("base_model.model.embed.token_adapter.base_layer.weight", [5]),
            ("base_model.model.embed.token_adapter.trainable_tokens_delta", [1, 5]),
            ("base_model.model.lm_head.base_layer.weight", [6]));

        using AdapterFile adapter = AdapterFile.Read(folder.Root);

        Assert.Equal(["embed.weight", "head.weight", "lm_head.weight", "other.weight"], adapter.SavedParameters.Keys);
        Assert.Equal([2L, 3L], adapter.SavedParameters["head.weight"].Shape);
        Assert.Equal("embed", Assert.Single(adapter.TokenRows).Key);
    }

    [Fact]
    public void Missing_and_left_over_keys_are_named()
    {
        Write(("base_model.model.layer.0.q.lora_A.weight", [2, 3]), ("base_model.model.layer.0.q.lora_B.weight", [4, 2]),
            ("base_model.model.head.weight", [2, 3]));
        using AdapterFile adapter = AdapterFile.Read(folder.Root);

        Assert.Contains(
            "2 tensors are missing: base_model.model.layer.1.q.lora_A.weight",
            Assert.Throws<ModelFileException>(() => adapter.Bind([Target, Target with { Module = "layer.1.q" }], [Head])).Message);
        Assert.Contains(
            "1 tensor belongs to nothing in the model: base_model.model.head.weight",
            Assert.Throws<ModelFileException>(() => adapter.Bind([Target], [])).Message);
        Assert.Equal(["base_model.model.head.weight"], adapter.Bind([Target], [], allowMissing: true).Unused);
        Assert.Contains(
            "its shape is [4, 2]; [5, 2] was expected",
            Assert.Throws<ModelFileException>(() => adapter.Bind([Target with { OutFeatures = 5 }], [Head])).Message);
        Assert.Contains(
            "its shape is [2, 3]; [2, 4] was expected",
            Assert.Throws<ModelFileException>(() => adapter.Bind([Target], [new SavedTarget("head.weight", [2, 4])])).Message);
    }

    [Fact]
    public void Keys_of_the_configuration_that_are_not_known_are_said_where_they_are_set()
    {
        Write(("base_model.model.layer.0.q.lora_A.weight", [2, 3]), ("base_model.model.layer.0.q.lora_B.weight", [4, 2]),
            ("base_model.model.head.weight", [2, 3]));
        string path = folder.File(AdapterConfig.FileName);
        File.WriteAllText(
            path, File.ReadAllText(path)
                .Replace("\"r\":", "\"from_the_future\": 1, \"off_in_the_future\": null, \"r\":", StringComparison.Ordinal));
        using AdapterFile adapter = AdapterFile.Read(folder.Root);

        string note = Assert.Single(ModelLoading.Notes(adapter.Bind([Target], [Head])));

        Assert.Equal("adapter_config.json has keys that are not known here, taken as without effect: from_the_future.", note);
    }

    public static TheoryData<string, (string, long[])[], string> Damaged => new()
    {
        { "no prefix", [("layer.0.q.lora_A.weight", [2, 3])], "does not start with base_model.model." },
        { "no B", [("base_model.model.q.lora_A.weight", [2, 3])], "module 'q' has no lora_B.weight" },
        { "no A", [("base_model.model.q.lora_B.weight", [3, 2])], "module 'q' has no lora_A.weight" },
        { "other rank", [("base_model.model.q.lora_A.weight", [3, 3]), ("base_model.model.q.lora_B.weight", [4, 3])],
            "A [3, 3] and B [4, 3]; adapter_config.json gives it rank 2" },
        { "no matrix", [("base_model.model.q.lora_A.weight", [2]), ("base_model.model.q.lora_B.weight", [4, 2])], "A [2] and B [4, 2]" },
        { "embedding", [("base_model.model.q.lora_embedding_A", [2, 3])], "a part of LoRA that is not supported" },
        { "twice", [("base_model.model.q.lora_A.weight", [2, 3]), ("base_model.model.q.lora_A.default.weight", [2, 3])],
            "another key of the file also gives" },
        { "magnitude", [("base_model.model.q.lora_A.weight", [2, 3]), ("base_model.model.q.lora_B.weight", [4, 2]),
            ("base_model.model.q.lora_magnitude_vector", [4])], "does not say use_dora" },
    };

    [Theory]
    [MemberData(nameof(Damaged))]
    public void A_damaged_adapter_is_refused(string _, (string, long[])[] tensors, string expected)
    {
        Write(tensors);

        Assert.Contains(expected, Assert.Throws<ModelFileException>(() => AdapterFile.Read(folder.Root)).Message);
    }

    [Fact]
    public void The_writer_holds_tensors_against_the_configuration()
    {
        AdapterWriter writer = new(Config with { RankPattern = [new(@"0\.q", 5)] });
        writer.AddLora(Target, (_, values) => values.Fill(1), (_, values) => values.Fill(2)).Write(folder.Root);
        using AdapterFile adapter = AdapterFile.Read(folder.Root);

        Assert.Equal([5L, 3L], adapter.Modules["layer.0.q"].A.Shape);
        Assert.Throws<ArgumentException>(() => writer.AddLora(Target with { Module = "x" }, (_, _) => { }, (_, _) => { }, (_, _) => { }));
    }

    private static TensorFill<float> Fill(SafetensorsTensor tensor) => (first, values) => tensor.ReadFloat32(values, first);

    private void Write(params (string Name, long[] Shape)[] tensors)
    {
        SafetensorsWriter writer = new();
        foreach ((string name, long[] shape) in tensors)
        {
            writer.Add<float>(name, shape, (_, values) => values.Clear());
        }

        writer.Write(folder.File("adapter_model.safetensors"));
        Config.Write(folder.Root);
    }
}
