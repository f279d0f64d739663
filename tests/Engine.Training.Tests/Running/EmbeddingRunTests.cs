using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Model.Loading;
using Engine.Model;
using Engine.Model.Execution;
using Engine.Model.Generation;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Optim;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>
/// Runs that train embeddings and output layers, whole or in some rows, of a decoder whose tokens are bytes, and of one that lacks the
/// tokenizer's last tokens.
/// </summary>
public sealed class EmbeddingRunTests : IDisposable
{
    private const string Embeddings = "model.embed_tokens.weight", Head = "lm_head.weight";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>What PEFT calls these entries, which keys it stores, and whether input and output are one afterwards.</summary>
    public static TheoryData<bool, string, string, string[]> Choices => new()
    {
        { true, "trainable_token_indices: [104, 105]", "plain", ["model.embed_tokens.token_adapter.trainable_tokens_delta"] },
        { false, "trainable_token_indices: {embed_tokens: [104], lm_head: [105, 120]}", "plain",
            ["lm_head.token_adapter.trainable_tokens_delta", "model.embed_tokens.token_adapter.trainable_tokens_delta"] },
        { true, "trainable_token_indices: {lm_head: [105]}", "{name: sam, rho: 0.05}", ["lm_head.token_adapter.trainable_tokens_delta"] },
        { true, "modules_to_save: [embed_tokens]", "plain", [Embeddings] },
        { true, "modules_to_save: [lm_head]", "plain", [Head] },
        { true, "modules_to_save: [embed_tokens], ensure_weight_tying: true", "plain", [Head, Embeddings] },
        { false, "modules_to_save: [embed_tokens, lm_head]", "plain", [Head, Embeddings] },
    };

    [Theory]
    [MemberData(nameof(Choices))]
    public void Embeddings_are_trained_resumed_to_the_bit_saved_as_PEFT_does_and_merged(
        bool tied, string adapter, string method, string[] keys)
    {
        Write(tied);
        string settings = $"gradient_accumulation_steps: 2\nweight_decay: 0.1\nmethod: {method}";
        TrainingOutcome whole = Train("whole", adapter, settings).Outcome;
        using var cancellation = new CancellationTokenSource();
        Assert.True(Train("stopped", adapter, settings, stopAt: 2, cancellation: cancellation).Outcome.Interrupted);
        TrainingOutcome resumed = Train("stopped", adapter, settings, resume: true).Outcome;
        Assert.Equal(Bytes(whole), Bytes(resumed));

        using SafetensorsFile saved = SafetensorsFile.Open(Path.Combine(whole.WeightsFolder, AdapterFile.WeightsFileName));
        Assert.Equal(
            keys.Order(StringComparer.Ordinal),
            saved.Tensors.Select(tensor => tensor.Name["base_model.model.".Length..])
                .Where(name => !name.Contains("lora_", StringComparison.Ordinal)).Order(StringComparer.Ordinal));

        string merged = Path.Combine(folder.Root, "merged");
        AdapterMerge.Write(ModelFolder.Open(Model), whole.WeightsFolder, merged, new MergeOptions());
        Assert.Equal(Generate(Model, whole.WeightsFolder), Generate(merged, null));
        using Checkpoint before = Checkpoint.Open(Model), after = Checkpoint.Open(merged);
        foreach ((string name, string module) in new[] { (Embeddings, "embed_tokens"), (Head, "lm_head") }.Where(
            pair => after.Contains(pair.Item1)))
        {
            float[] was = (before.TryGet(name, out SafetensorsTensor? own) ? own : before[Embeddings]).ToFloat32(),
                now = after[name].ToFloat32();
            int[] changed = [.. Enumerable.Range(0, was.Length)
                .Where(i => BitConverter.SingleToInt32Bits(was[i]) != BitConverter.SingleToInt32Bits(now[i])).Select(i => i / 32)
                    .Distinct()];
            int[]? only = adapter.Contains("[104, 105]", StringComparison.Ordinal) ? [104, 105]
                : adapter.Contains("{embed_tokens", StringComparison.Ordinal) ? (module == "lm_head" ? [105, 120] : [104])
                : adapter.Contains("{lm_head", StringComparison.Ordinal) ? (module == "lm_head" ? [105] : [])
                : adapter.Contains("ensure", StringComparison.Ordinal) || adapter.Contains(module, StringComparison.Ordinal) ? null : [];
            Assert.True(
                only is null ? changed.Length > 2 : changed.SequenceEqual(only), $"{name}: the rows {string.Join(", ", changed)} changed");
        }
    }

    /// <summary>
    /// A tied weight may lie in the file under the output layer's name alone: a run makes the same of it as under the embeddings'.
    /// </summary>
    [Theory]
    [InlineData("modules_to_save: [embed_tokens, lm_head]")]
    [InlineData("modules_to_save: [lm_head]")]
    [InlineData("modules_to_save: [embed_tokens]")]
    [InlineData("target_modules: [q_proj, lm_head]")]
    [InlineData("trainable_token_indices: {lm_head: [5]}")]
    [InlineData("modules_to_save: [lm_head]", "resize_token_embeddings: true")]
    [InlineData("ensure_weight_tying: true, modules_to_save: [lm_head]")]
    [InlineData("")]
    public void A_tied_weight_that_is_stored_as_the_output_layers_is_both(string adapter, string settings = "")
    {
        Write(tied: true, vocabulary: settings.Length > 0 ? 260 : 272);
        byte[] expected = Bytes(Train("embeddings", adapter, settings).Outcome);
        string weights = Path.Combine(Model, Checkpoint.SingleFileName);
        var writer = new SafetensorsWriter();
        using (SafetensorsFile file = SafetensorsFile.Open(weights))
        {
            foreach (SafetensorsTensor tensor in file.Tensors)
            {
                float[] values = tensor.ToFloat32();
                writer.Add<float>(
                    tensor.Name == Embeddings ? Head : tensor.Name, [.. tensor.Shape],
                    (first, destination) => values.AsSpan((int)first, destination.Length).CopyTo(destination));
            }
        }

        writer.Write(weights);
        TrainingOutcome run = Train("head", adapter, settings).Outcome;
        Assert.Equal(expected, Bytes(run));
        string merged = Path.Combine(folder.Root, "merged");
        AdapterMerge.Write(ModelFolder.Open(Model), run.WeightsFolder, merged, new MergeOptions());
        Assert.Equal(Generate(Model, run.WeightsFolder), Generate(merged, null));
    }

    [Theory]
    [InlineData(true, "trainable_token_indices: [260, 261, 262]")]
    [InlineData(true, "modules_to_save: [embed_tokens, lm_head], ensure_weight_tying: true")]
    [InlineData(false, "modules_to_save: [embed_tokens, lm_head]")]
    [InlineData(false, "target_modules: [q_proj, lm_head]")]
    public void A_vocabulary_that_grew_is_trained_saved_whole_loaded_and_merged(bool tied, string adapter)
    {
        // The tokenizer has 263 tokens.
        Write(tied, vocabulary: 260);
        Assert.Contains(
            "resize_token_embeddings: true gives them rows", Assert.Throws<TrainingException>(() => Train("refused", adapter)).Message,
            StringComparison.Ordinal);

        (TrainingOutcome run, IReadOnlyList<string> notes) = Train("run", adapter, "resize_token_embeddings: true");
        Assert.Contains("The vocabulary grows from 260 to 263 tokens; the new ones start as the mean of the others.", notes);
        Assert.Equal(
            adapter.StartsWith("target", StringComparison.Ordinal),
            notes.Any(note => note.StartsWith("No row of the tokens from 260 on is trained", StringComparison.Ordinal)));

        // The folder says by itself of which vocabulary it is, and the base model stays as it was.
        string alone = Path.Combine(folder.Root, "elsewhere", "adapter");
        Directory.CreateDirectory(alone);
        foreach (string file in Directory.GetFiles(run.WeightsFolder))
        {
            File.Copy(file, Path.Combine(alone, Path.GetFileName(file)));
        }

        string merged = Path.Combine(folder.Root, "merged");
        AdapterMerge.Write(ModelFolder.Open(Model), alone, merged, new MergeOptions());
        Assert.Equal(263, ModelFolder.Open(merged).CreateArchitecture().VocabularySize);
        Assert.True(ModelFolder.Open(merged).HasTokenizer);
        Assert.Equal(Generate(Model, alone), Generate(merged, null));

        // Rows that nobody trained are the mean of those of the checkpoint.
        using Checkpoint before = Checkpoint.Open(Model), after = Checkpoint.Open(merged);
        float[] was = before[Embeddings].ToFloat32(), now = after[Embeddings].ToFloat32();
        if (adapter.StartsWith("target", StringComparison.Ordinal))
        {
            Assert.Equal(was, now[..was.Length]);
            for (int j = 0; j < 32; j++)
            {
                Assert.Equal(Enumerable.Range(0, 260).Average(row => (double)was[(row * 32) + j]), now[(261 * 32) + j], 1e-7);
            }
        }

        // Training goes on from it.
        Assert.Equal(3, Train("further", "", $"num_train_epochs: 1", init: alone).Outcome.Steps);

        File.Delete(Path.Combine(alone, "tokenizer.json"));
        Assert.Contains(
            "has 263 rows, and the model's vocabulary has 260 tokens",
            Assert.Throws<Engine.Common.Files.ModelFileException>(() => Generate(Model, alone)).Message, StringComparison.Ordinal);
    }

    /// <summary>As the cases in shared/cases/adapter-pattern-typos, and others of their kind.</summary>
    [Theory]
    [InlineData("rank_pattern: {q_prj: 2}", "adapter.rank_pattern: 'q_prj' matches no module; did you mean 'q_proj'?")]
    [InlineData("alpha_pattern: {'^v_proj': 100}", "adapter.alpha_pattern: '^v_proj' matches no module; did you mean 'v_proj'?")]
    [InlineData("exclude_modules: [v_prjo]", "adapter.exclude_modules: 'v_prjo' matches no module; did you mean 'v_proj'?")]
    [InlineData("exclude_modules: '.*layers\\.0\\.'", "adapter.exclude_modules: '.*layers\\.0\\.' matches no module")]
    [InlineData("modules_to_save: [embed_token, lmhead]", "adapter.modules_to_save: 'lmhead' matches no module; did you mean 'lm_head'?")]
    [InlineData(
        "layers_to_transform: [0, 2]", "adapter.layers_to_transform: '2' is the number of no layer that has a module of target_modules")]
    [InlineData(
        "layers_to_transform: [0], layers_pattern: [layer]",
        "adapter.layers_pattern: 'layer' is the name of no list of layers; did you mean 'layers'?")]
    [InlineData("rank_pattern: {'[': 2}", "adapter.rank_pattern: the regular expression '[' is not understood: Unterminated [] set.")]
    [InlineData(
        "alpha_pattern: {'q_proj(': 2}", "adapter.alpha_pattern: the regular expression 'q_proj(' is not understood: Not enough )'s.")]
    [InlineData("target_modules: '.*('", "adapter.target_modules: the regular expression '.*(' is not understood: Not enough )'s.")]
    [InlineData("rank_pattern: {k_proj: 2}", "adapter.rank_pattern: 'k_proj' matches only modules without an adapter")]
    public void A_pattern_without_effect_is_an_error_that_names_the_nearest_module(string adapter, string expected)
    {
        Write(tied: true);
        Assert.Contains(
            expected,
            Assert.Throws<ConfigurationException>(
                () => Train("run", adapter.Replace("embed_token, ", "", StringComparison.Ordinal))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stored_adapter_with_patterns_without_effect_still_loads_and_says_so()
    {
        Write(tied: true);
        TrainingOutcome run = Train("run", "").Outcome;
        string path = Path.Combine(run.WeightsFolder, AdapterConfig.FileName);
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        config["rank_pattern"] = new JsonObject { ["c_attn"] = 2 };
        config["target_modules"] = new JsonArray("q_proj", "v_proj", "c_attn");
        config["modules_to_save"] = new JsonArray("pre_classifier");
        File.WriteAllText(path, config.ToJsonString());
        using var device = new CpuDevice();
        using (Generator generator = Generator.Open(device, Model))
        {
            string note = Assert.Single(generator.AddAdapter("a", run.WeightsFolder));
            Assert.Contains(
                "target_modules: 'c_attn' matches no linear layer; rank_pattern: 'c_attn' matches no module; modules_to_save: "
                    + "'pre_classifier' matches no module.", note, StringComparison.Ordinal);
        }

        Assert.Equal(
            3, Train("further", "", init: run.WeightsFolder).Notes.Count(note => note.Contains("matches no", StringComparison.Ordinal)));
    }

    private string Model => Path.Combine(folder.Root, "model");

    /// <summary>A decoder with drawn weights; its tokenizer has 263 tokens.</summary>
    private void Write(bool tied, int vocabulary = 272)
    {
        TinyDecoder.Write(Model);
        string path = Path.Combine(Model, ModelConfig.FileName);
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        config["vocab_size"] = vocabulary;
        config["tie_word_embeddings"] = tied;
        File.WriteAllText(path, config.ToJsonString());
        using var device = new CpuDevice();
        using var model = new TransformerModel(ModelFolder.Open(Model).CreateArchitecture(), new Tuning.Frozen());
        model.Allocate(device);
        ModelWeights.InitializeAll(model, seed: 5);
        ModelWeights.Save(model, Path.Combine(Model, Checkpoint.SingleFileName));
        folder.Write(
            "train.jsonl",
            string.Concat(
                Enumerable.Range(0, 6)
                    .Select(i => JsonSerializer.Serialize(new { prompt = $"hi {i}: ", completion = $"hixxx {i}<|im_end|>" }) + "\n")));
    }

    private (TrainingOutcome Outcome, IReadOnlyList<string> Notes) Train(
        string output, string adapter, string settings = "", long? stopAt = null, CancellationTokenSource? cancellation = null,
        bool resume = false, string? init = null)
    {
        string factors = init is not null
            ? $"init: {init}"
            : adapter.Contains("target_modules", StringComparison.Ordinal)
                ? "r: 4, lora_alpha: 8"
                : "r: 4, lora_alpha: 8, target_modules: [q_proj, v_proj]";
        string path = folder.Write($"{output}.yaml", $$"""
            model: model
            task: causal-lm
            output: {{output}}
            adapter: {{{factors}}{{(adapter.Length > 0 ? $", {adapter}" : "")}}}
            data: {train: train.jsonl}
            learning_rate: 1.0e-2
            per_device_train_batch_size: 2
            max_length: 64
            seed: 3
            save_steps: 1
            {{(settings.Contains("epochs", StringComparison.Ordinal) ? "" : "num_train_epochs: 2")}}
            {{settings}}
            """);
        using var device = new CpuDevice();
        var seen = new Seen(stopAt, cancellation);
        using var trainer = new Trainer(RunConfiguration.Load(path), device, new TrainerOptions { Resume = resume }, seen);
        TrainingOutcome result = trainer.Train(cancellation?.Token ?? default);
        Assert.Equal(result.ForecastBytes, result.PeakBytes);
        return (result, seen.Notes);
    }

    private static IReadOnlyList<int> Generate(string model, string? adapter)
    {
        using var device = new CpuDevice();
        using Generator generator = Generator.Open(device, model, vocabularyOf: adapter);
        if (adapter is not null)
        {
            generator.AddAdapter("a", adapter);
            generator.UseAdapter("a");
        }

        return generator.Generate(
            [new GenerationRequest(generator.Encode("hi <|im_end|>"), new GenerationOptions { MaxNewTokens = 12 })])[0].Ids;
    }

    private static byte[] Bytes(TrainingOutcome outcome) =>
        File.ReadAllBytes(Path.Combine(outcome.WeightsFolder, AdapterFile.WeightsFileName));

    private sealed class Seen(long? stopAt, CancellationTokenSource? cancellation) : IProgress<TrainingProgress>
    {
        public IReadOnlyList<string> Notes { get; private set; } = [];

        public void Report(TrainingProgress value)
        {
            if (value is TrainingProgress.Started started)
            {
                Notes = started.Notes;
            }

            if (value is TrainingProgress.Step { StepNumber: var taken } && taken == stopAt)
            {
                cancellation!.Cancel();
            }
        }
    }
}
