using System.Text.Json.Nodes;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Model.Generation;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Model.Tests.Execution;
using Engine.Tests;

namespace Engine.Model.Tests.Peft;

/// <summary>
/// Adapters that bring embeddings and output layers, whole or some rows, under the keys PEFT gives them (its save_and_load.py and
/// trainable_tokens), on models whose two are one or two. What is right is in closed form: the model whose checkpoint has these numbers.
/// </summary>
public sealed class StoredEmbeddingsTests : IDisposable
{
    private const string Embeddings = "model.embed_tokens.weight", Head = "lm_head.weight", Prefix = "base_model.model.";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>The cases' adapters: nothing but factors, the base's own embeddings, others, and those of a larger vocabulary.</summary>
    [SharedFact]
    public void Embeddings_of_the_file_take_the_place_of_the_models()
    {
        string model = SharedFiles.Path("cases/st-metadata-null/absent");
        IReadOnlyList<int> plain = Generate("plain");
        Assert.Equal(plain, Generate("same"));
        Assert.NotEqual(plain, Generate("trained"));
        string message = Assert.Throws<ModelFileException>(() => Generate("resized")).Message;
        Assert.Contains("has 258 rows, and the model's vocabulary has 256 tokens", message, StringComparison.Ordinal);

        // The same numbers as the base's own.
        string trained = SharedFiles.Path("cases/adapter-saved-embeddings/trained");
        string replaced = Checkpointed(model, "replaced", tensors =>
        {
            using AdapterFile file = AdapterFile.Read(trained);
            tensors[Embeddings] = file.SavedParameters[Embeddings].ToFloat32();
            tensors[Head] = file.SavedParameters[Head].ToFloat32();
        });
        Assert.Equal(Generate("plain", replaced), Generate("trained"));

        IReadOnlyList<int> Generate(string adapter, string? other = null)
        {
            using var device = new Devices.Cpu.CpuDevice();
            string path = SharedFiles.Path($"cases/adapter-saved-embeddings/{adapter}");
            using Generator generator = Generator.Open(device, other ?? model, vocabularyOf: path);
            Assert.Empty(generator.AddAdapter("a", path));
            generator.UseAdapter("a");
            return generator.Generate([new GenerationRequest([1, 2, 3], new GenerationOptions { MaxNewTokens = 5 })])[0].Ids;
        }
    }

    public static TheoryData<string, string[]> Keys => new()
    {
        { "qwen3", [$"{Prefix}{Embeddings}"] },
        { "qwen3", [$"{Prefix}{Embeddings}", $"{Prefix}{Head}"] },
        { "qwen2", [$"{Prefix}{Embeddings}"] },
        { "qwen2", [$"{Prefix}{Head}"] },
        { "qwen2", [$"{Prefix}{Embeddings}", $"{Prefix}{Head}"] },
        { "qwen2-cls", [$"{Prefix}{Embeddings}"] },
        { "roberta-mlm", [$"{Prefix}roberta.embeddings.word_embeddings.weight"] },
    };

    [Theory]
    [MemberData(nameof(Keys))]
    public void Embeddings_without_a_word_in_the_configuration_are_the_bases_tied_or_not(string name, string[] keys)
    {
        using var golden = new GoldenBatch(name);
        string adapter = Adapter(golden, config: null, keys);
        string expected = Checkpointed(golden.Folder, "expected", tensors =>
        {
            // Where the two are one, both keys are of the one.
            foreach (string stored in keys.Select(key => tensors.ContainsKey(key[Prefix.Length..]) ? key[Prefix.Length..] : Embeddings)
                .Distinct())
            {
                tensors[stored] = [.. Changed(tensors[stored])];
            }
        });
        RequireSame(golden, expected, golden.AdapterFolder, golden.Folder, adapter);
        RequireMerged(golden, golden.Folder, adapter);
    }

    /// <summary>
    /// PEFT trains a copy in the place that is named; the other keeps the model's. Saved files of LoRA on an output layer bring its weight,
    /// too.
    /// </summary>
    public static TheoryData<string, string[], bool> Untying => new()
    {
        { """{"modules_to_save": ["embed_tokens"]}""", [$"{Prefix}{Embeddings}"], true },
        { """{"modules_to_save": ["lm_head"]}""", [$"{Prefix}{Head}"], true },
        { """{"modules_to_save": ["embed_tokens"], "ensure_weight_tying": true}""", [$"{Prefix}{Embeddings}", $"{Prefix}{Head}"], false },
    };

    [Theory]
    [MemberData(nameof(Untying))]
    public void A_copy_that_is_trained_in_one_place_unties_the_two(string config, string[] keys, bool unties)
    {
        using var golden = new GoldenBatch("qwen2");
        string adapter = Adapter(golden, config, keys);
        string expected = Checkpointed(
            golden.Folder,
            "expected",
            tensors =>
            {
                float[] before = tensors[Embeddings];
                tensors[Embeddings] = keys.Contains($"{Prefix}{Embeddings}") ? [.. Changed(before)] : before;
                tensors[Head] = keys.Contains($"{Prefix}{Head}") ? [.. Changed(before)] : before;
            },
            root => root["tie_word_embeddings"] = false);
        RequireSame(golden, expected, golden.AdapterFolder, golden.Folder, adapter);
        Assert.Equal(!unties, ModelConfig.Read(RequireMerged(golden, golden.Folder, adapter)).TieWordEmbeddings);
    }

    [Fact]
    public void LoRA_on_an_output_layer_brings_the_layers_weight_with_it()
    {
        using var golden = new GoldenBatch("qwen2");
        string adapter = Adapter(
            golden,
            """{"target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "lm_head"], "rank_pattern": {}, "alpha_pattern": {}}""",
            [$"{Prefix}lm_head.base_layer.weight"], loraOn: "lm_head");
        string merged = RequireMerged(golden, golden.Folder, adapter);
        Assert.False(ModelConfig.Read(merged).TieWordEmbeddings);
        using Checkpoint weights = Checkpoint.Open(merged), source = Checkpoint.Open(golden.Folder);
        Assert.Equal(source[Embeddings].ToFloat32(), weights[Embeddings].ToFloat32());
    }

    /// <summary>The first of the tokens stands in the golden's batch.</summary>
    public static TheoryData<string, string, string[]> Tokens => new()
    {
        { "qwen3", """{"trainable_token_indices": [7, 3, 0]}""", ["model.embed_tokens"] },
        { "qwen3", """{"trainable_token_indices": {"embed_tokens": [7, 9], "lm_head": [1, 2, 3]}}""", ["model.embed_tokens", "lm_head"] },
        { "qwen2", """{"trainable_token_indices": [7, 3, 0]}""", ["model.embed_tokens"] },
        { "qwen2", """{"trainable_token_indices": {"embed_tokens": [7, 9], "lm_head": [7, 9]}}""", ["model.embed_tokens"] },
        { "qwen2", """{"trainable_token_indices": {"embed_tokens": [7, 9], "lm_head": [4]}}""", ["model.embed_tokens", "lm_head"] },
        { "qwen2", """{"trainable_token_indices": {"lm_head": [4]}}""", ["lm_head"] },
        { "qwen2-bfloat16", """{"trainable_token_indices": [11]}""", ["model.embed_tokens"] },
        { "bert-cls", """{"trainable_token_indices": {"word_embeddings": [13, 8]}}""", ["bert.embeddings.word_embeddings"] },
        { "roberta-mlm", """{"trainable_token_indices": [17, 8]}""", ["roberta.embeddings.word_embeddings"] },
    };

    [Theory]
    [MemberData(nameof(Tokens))]
    public void Rows_of_tokens_stand_in_the_places_of_the_models(string name, string config, string[] modules)
    {
        using var golden = new GoldenBatch(name);
        string adapter = Adapter(golden, config, [.. modules.Select(module => $"{Prefix}{module}.token_adapter.trainable_tokens_delta")]);
        JsonNode indices = JsonNode.Parse(config)!["trainable_token_indices"]!;
        bool unties = modules.Contains("lm_head") && name.StartsWith("qwen2", StringComparison.Ordinal);
        string expected = Checkpointed(
            golden.Folder,
            "expected",
            tensors =>
            {
                if (unties)
                {
                    tensors[Head] = [.. tensors[Embeddings]];
                }

                foreach (string module in modules)
                {
                    int[] list = [.. (indices as JsonArray ?? indices[module[(module.LastIndexOf('.') + 1)..]]!.AsArray()).Select(
                        index => index!.GetValue<int>())];
                    float[] table = [.. tensors[$"{module}.weight"]];
                    int columns = golden.Architecture.HiddenSize;
                    float[] rows = [.. Changed(list.SelectMany(index => table[(index * columns)..((index + 1) * columns)]))];
                    for (int i = 0; i < rows.Length; i++)
                    {
                        table[(list[i / columns] * columns) + (i % columns)] = rows[i];
                    }

                    tensors[$"{module}.weight"] = table;
                }
            },
            unties ? root => root["tie_word_embeddings"] = false : null);
        RequireSame(golden, expected, golden.AdapterFolder, golden.Folder, adapter);
        RequireMerged(golden, golden.Folder, adapter);
    }

    [Fact]
    public void What_cannot_be_is_refused_with_what_to_do()
    {
        using var tied = new GoldenBatch("qwen2");
        using var masked = new GoldenBatch("roberta-mlm");
        Refused(tied, """{"trainable_token_indices": [100000]}""", "names the token 100000, and the model's vocabulary has");
        Refused(tied, """{"trainable_token_indices": {"embed": [1]}}""",
            "names 'embed', but no embedding has that name or ends in it. Rows of model.embed_tokens and lm_head can be trained.");
        Refused(tied, """{"trainable_token_indices": [1], "modules_to_save": ["embed_tokens"], "ensure_weight_tying": true}""",
            "which modules_to_save trains whole; leave one of them out");
        Refused(masked, """{"modules_to_save": ["word_embeddings"]}""", "Set ensure_weight_tying: true");
        Refused(masked, """{"modules_to_save": ["lm_head"]}""", "uses in two places");

        // Both keys of what is one in the model, with other numbers.
        string adapter = Adapter(tied, null, [$"{Prefix}{Embeddings}", $"{Prefix}{Head}"], same: false);
        using AdapterFile file = AdapterFile.Read(adapter);
        Assert.Contains(
            "but the configuration ties them", Assert.Throws<ModelFileException>(() => ModelAdapters.Bind(tied.Architecture, file)).Message,
            StringComparison.Ordinal);

        static void Refused(GoldenBatch golden, string config, string expected)
        {
            AdapterConfig changed =
                AdapterConfig.Read(Merged(golden.AdapterFolder, config, Directory.CreateTempSubdirectory("peft-").FullName));
            Assert.Contains(
                expected,
                Assert.Throws<ArgumentException>(
                    () => ModelAdapters.Tuning(AdaptedArchitecture.For(golden.Architecture, changed), changed)).Message,
                        StringComparison.Ordinal);
        }
    }

    /// <summary>The golden's adapter with further tensors: the base's numbers, changed.</summary>
    private string Adapter(GoldenBatch golden, string? config, string[] keys, string? loraOn = null, bool same = true)
    {
        string target = folder.File("adapter");
        Directory.CreateDirectory(target);
        Merged(golden.AdapterFolder, config ?? "{}", target);
        using SafetensorsFile source = SafetensorsFile.Open(Path.Combine(golden.AdapterFolder, AdapterFile.WeightsFileName));
        using Checkpoint checkpoint = Checkpoint.Open(golden.Folder);
        var writer = new SafetensorsWriter();
        foreach (SafetensorsTensor tensor in source.Tensors)
        {
            writer.Copy(tensor, tensor.Name);
        }

        AdapterConfig read = AdapterConfig.Read(target);
        foreach ((int number, string key) in keys.Index())
        {
            string parameter = key[Prefix.Length..].Replace(".base_layer", "", StringComparison.Ordinal);
            bool rows = parameter.EndsWith("trainable_tokens_delta", StringComparison.Ordinal);
            string module = parameter.Replace(".token_adapter.trainable_tokens_delta", "", StringComparison.Ordinal);
            SafetensorsTensor table = checkpoint.TryGet(rows ? $"{module}.weight" : parameter, out SafetensorsTensor? own)
                ? own
                : checkpoint[Embeddings];
            float[] values = table.ToFloat32();
            int columns = (int)table.Shape[1];
            if (rows)
            {
                TokenIndices entry = read.TrainableTokenIndices.First(
                    entry => entry.Module is null || module.EndsWith(entry.Module, StringComparison.Ordinal));
                values = [.. entry.Indices.SelectMany(index => values[(index * columns)..((index + 1) * columns)])];
            }

            writer.Add(key, [values.Length / columns, columns], [.. Changed(values, same ? 1 : 1 + number)]);
        }

        if (loraOn is not null)
        {
            int rank = read.Rank;
            writer.Add<float>(
                $"{Prefix}{loraOn}.lora_A.weight", [rank, golden.Architecture.HiddenSize], (first, values) => Fill(first, values, 0.02f));
            writer.Add<float>(
                $"{Prefix}{loraOn}.lora_B.weight", [golden.Architecture.VocabularySize, rank],
                (first, values) => Fill(first, values, 0.03f));
        }

        writer.Write(Path.Combine(target, AdapterFile.WeightsFileName));
        return target;

        static void Fill(long first, Span<float> values, float scale)
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = scale * (((first + i) * 7 % 11) - 5);
            }
        }
    }

    private static string Merged(string adapter, string config, string target)
    {
        JsonObject root = JsonFile(Path.Combine(adapter, AdapterConfig.FileName));
        foreach ((string key, JsonNode? value) in JsonNode.Parse(config)!.AsObject())
        {
            root[key] = value?.DeepClone();
        }

        File.WriteAllText(Path.Combine(target, AdapterConfig.FileName), root.ToJsonString());
        return target;
    }

    private static JsonObject JsonFile(string path) => JsonNode.Parse(File.ReadAllText(path))!.AsObject();

    /// <summary>A copy of a model folder with other tensors, float32.</summary>
    private string Checkpointed(string model, string name, Action<Dictionary<string, float[]>> change, Action<JsonObject>? configure = null)
    {
        string target = folder.File(name);
        Directory.CreateDirectory(target);
        JsonObject config = JsonFile(Path.Combine(model, ModelConfig.FileName));
        configure?.Invoke(config);
        File.WriteAllText(Path.Combine(target, ModelConfig.FileName), config.ToJsonString());
        using Checkpoint source = Checkpoint.Open(model);
        Dictionary<string, float[]> tensors =
            source.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.ToFloat32(), StringComparer.Ordinal);
        Dictionary<string, long[]> shapes =
            source.Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Shape.ToArray(), StringComparer.Ordinal);
        change(tensors);
        var writer = new SafetensorsWriter();
        foreach ((string key, float[] values) in tensors)
        {
            writer.Add(key, shapes.GetValueOrDefault(key) ?? shapes[Embeddings], values);
        }

        writer.Write(Path.Combine(target, Checkpoint.SingleFileName));
        return target;
    }

    private static IEnumerable<float> Changed(IEnumerable<float> values, float scale = 1) =>
        values.Select((value, i) => (float)(BFloat(value) + (scale * 0.0625f * ((i % 5) - 2))));

    /// <summary>So that numbers stored in bfloat16 stay as they are where they are written to such a table.</summary>
    private static float BFloat(float value) => (float)(Devices.Kernels.BFloat16)(MathF.Round(value * 16) / 16);

    private static void RequireSame(
        GoldenBatch golden, string expectedFolder, string expectedAdapter, string actualFolder, string actualAdapter)
    {
        float[] expected = Logits(golden, expectedFolder, expectedAdapter), actual = Logits(golden, actualFolder, actualAdapter);
        Assert.NotEqual(Logits(golden, golden.Folder, golden.AdapterFolder), actual);
        Assert.Equal(expected, actual);
    }

    /// <summary>The merged folder gives what base and adapter give; its numbers are stored as float32. Returns it.</summary>
    private string RequireMerged(GoldenBatch golden, string model, string adapter)
    {
        string merged = folder.File("merged");
        AdapterMerge.Write(ModelFolder.Open(model), adapter, merged, new MergeOptions { StorageType = SafetensorsType.Float32 });
        float[] expected = Logits(golden, model, adapter), actual = Logits(golden, merged, null);
        double difference = Math.Sqrt(expected.Zip(actual, (a, b) => Math.Pow(a - b, 2)).Sum()),
            norm = Math.Sqrt(expected.Sum(value => (double)value * value));

        // As merged.logits of the goldens: another order of sums in float32.
        Assert.InRange(difference / norm, 0, GoldenBatch.Tolerance / 10);
        return merged;
    }

    private static float[] Logits(GoldenBatch golden, string model, string? adapter)
    {
        using var loaded = new LoadedModel(model, adapter, train: false, golden.Capacity, weightType: WeightType.Float32);
        Assert.Empty(loaded.Report.Initialized);
        return loaded.Run(golden.Batch, new RunnerOptions { EveryToken = true, VocabularyLogits = true }).Logits;
    }
}
