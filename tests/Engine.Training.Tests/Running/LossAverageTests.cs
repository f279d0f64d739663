using System.Text.Json.Nodes;
using Engine.Devices.Cpu;
using Engine.Safetensors;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>Runs of language models whose micro-batches have few and many labels.</summary>
public sealed class LossAverageTests : IDisposable
{
    /// <summary>Sums over the same tokens in another order, in float32.</summary>
    private const double SumOrder = 1e-5;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>
    /// The sum of the tokens' losses over their number in the whole step, as Transformers has it since 4.46
    /// (shared/cases/causal-accumulation-tokens).
    /// </summary>
    [SharedTheory]
    [InlineData("data: {train: CASE/d.jsonl}", 4.7344, 0.2144)]
    [InlineData("data: {train: CASE/p.jsonl}\npacking: true\nmax_length: 45", 4.1903, 0.1877)]
    public void Two_micro_batches_of_one_sample_are_one_batch_of_two(string data, double loss, double norm)
    {
        string keys = $$"""
            model: {{SharedFiles.Path("data/models/tinystory-llama")}}
            task: causal-lm
            adapter: {r: 4, lora_alpha: 8, target_modules: [q_proj, v_proj]}
            group_by_length: false
            {{data.Replace("CASE", SharedFiles.Path("cases/causal-accumulation-tokens"), StringComparison.Ordinal)}}
            """;
        JsonNode whole = Assert.Single(Train("whole", $"{keys}\nmax_steps: 1\nper_device_train_batch_size: 2"));
        JsonNode parts = Assert.Single(
            Train("parts", $"{keys}\nmax_steps: 1\nper_device_train_batch_size: 1\ngradient_accumulation_steps: 2"));
        Assert.Equal(loss, Number(whole, "loss"), 1e-4);
        Assert.Equal(norm, Number(whole, "gradient_norm"), 1e-4);
        Assert.Equal(Number(whole, "loss"), Number(parts, "loss"), SumOrder * loss);
        Assert.Equal(Number(whole, "gradient_norm"), Number(parts, "gradient_norm"), SumOrder * norm);

        JsonNode means = Assert.Single(
            Train("means", $"{keys}\nmax_steps: 1\nper_device_train_batch_size: 1\ngradient_accumulation_steps: 2\nloss_average: batches"));
        Assert.True(Number(means, "loss") > 1.2 * loss, $"the mean of the two means is {Number(means, "loss")}");
    }

    /// <summary>Forty texts of unlike length in batches of three, the last of one.</summary>
    [Theory]
    [InlineData("task: masked-lm\ndata: {train: train.txt, format: text, mlm_probability: 0.4}")]
    [InlineData("task: sequence-classification\ndata: {train: train.tsv, text: sentence, label: label}")]
    public void A_step_over_all_batches_is_that_of_one_batch_of_their_texts(string keys)
    {
        using var tiny = new TinyRun();
        string table = Path.Combine(tiny.Folder, "train.tsv"), config = Path.Combine(tiny.Folder, "model", "config.json");
        folder.Write("train.tsv", File.ReadAllText(table));
        folder.Write("train.txt", string.Join('\n', File.ReadLines(table).Skip(1).Select(line => line.Split('\t')[0])));
        File.WriteAllText(config, File.ReadAllText(config).Replace("_prob\": 0.1", "_prob\": 0.0", StringComparison.Ordinal));
        string run = $"model: {tiny.Folder}/model\n{keys}\nmax_length: 32\nmax_steps: 1\nadapter: {{r: 4, target_modules: [query, value]}}";
        JsonNode whole = Assert.Single(Train("whole", $"{run}\nper_device_train_batch_size: 40"));
        JsonNode parts = Assert.Single(Train("parts", $"{run}\nper_device_train_batch_size: 3\ngradient_accumulation_steps: 14"));
        Assert.Equal(Number(whole, "tokens"), Number(parts, "tokens"));
        Assert.Equal(Number(whole, "loss"), Number(parts, "loss"), SumOrder * Number(whole, "loss"));
        Assert.Equal(Number(whole, "gradient_norm"), Number(parts, "gradient_norm"), 10 * SumOrder * Number(whole, "gradient_norm"));
    }

    /// <summary>At a constant rate a step that is skipped leaves no trace but its line.</summary>
    [Fact]
    public void A_step_without_any_label_is_skipped_and_said_and_its_run_resumes()
    {
        string golden = SharedFiles.Path("goldens/trajectories/qwen2/lora-accumulate2.safetensors");
        WriteBatches(golden, "all.safetensors", [0, 1, 2]);
        WriteBatches(golden, "gap.safetensors", [0, -1, 1, 2]);
        JsonNode[] all = Train("all", Keys("all"));
        List<TrainingProgress.Skipped> skipped = [];
        JsonNode[] lines = Train("gap", Keys("gap"), skipped: skipped);
        Assert.Equal([null, "true", null, null], lines.Select(line => line["skipped"]?.ToString()));
        Assert.Equal(4, lines.Length);
        Assert.Null(lines[1]["loss"]);
        TrainingProgress.Skipped said = Assert.Single(skipped);
        Assert.Equal(2, said.StepNumber);
        Assert.Contains("has a label", said.Reason, StringComparison.Ordinal);
        Assert.Contains("gap.safetensors is -100", said.Reason, StringComparison.Ordinal);
        Assert.Equal(Weights("all"), Weights("gap"));

        // In a step with another batch it contributes nothing.
        JsonNode beside = Train("beside", $"{Keys("gap")}\ngradient_accumulation_steps: 2")[0];
        Assert.Equal(Number(all[0], "loss"), Number(beside, "loss"));
        Assert.Equal(Number(all[0], "gradient_norm"), Number(beside, "gradient_norm"));

        Directory.Delete(Path.Combine(folder.Root, "gap", "checkpoint-3"), recursive: true);
        File.Delete(Path.Combine(folder.Root, "gap", "summary.json"));
        Train("gap", Keys("gap"), new TrainerOptions { Resume = true });
        Assert.Equal(Weights("all"), Weights("gap"));

        string Keys(string data) => $$"""
            model: {{SharedFiles.Path("goldens/models/qwen2")}}
            task: causal-lm
            data: {train: {{data}}.safetensors}
            adapter: {init: {{SharedFiles.Path("goldens/trajectories/qwen2/lora-accumulate2.init")}}}
            save_steps: 1
            """;
    }

    private byte[] Weights(string output) => File.ReadAllBytes(Path.Combine(folder.Root, output, "adapter", "adapter_model.safetensors"));

    /// <summary>Batches of a golden in this order; -1 is the first again with no label.</summary>
    private void WriteBatches(string golden, string target, int[] batches)
    {
        using SafetensorsFile file = SafetensorsFile.Open(golden);
        var writer = new SafetensorsWriter();
        for (int i = 0; i < batches.Length; i++)
        {
            foreach (string name in (string[])["input_ids", "attention_mask", "labels"])
            {
                SafetensorsTensor tensor = file[$"{name}.{Math.Max(0, batches[i])}"];
                int[] values = [.. tensor.ToFloat32().Select(value => (int)value)];
                writer.Add($"{name}.{i}", [.. tensor.Shape], batches[i] < 0 && name == "labels" ? [.. values.Select(_ => -100)] : values);
            }
        }

        writer.Write(Path.Combine(folder.Root, target));
    }

    private JsonNode[] Train(string output, string keys, TrainerOptions? options = null, List<TrainingProgress.Skipped>? skipped = null)
    {
        string path = folder.Write($"{output}.yaml", $"output: {output}\nmax_grad_norm: 0\nlr_scheduler_type: constant\n{keys}");
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var trainer = new Trainer(RunConfiguration.Load(path), device, options, new Seen(skipped ?? []));
        trainer.Train();
        return [.. File.ReadLines(Path.Combine(folder.Root, output, "metrics.jsonl")).Select(line => JsonNode.Parse(line)!)];
    }

    private static double Number(JsonNode line, string key) => line[key]!.GetValue<double>();

    private sealed class Seen(List<TrainingProgress.Skipped> skipped) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value is TrainingProgress.Skipped step)
            {
                skipped.Add(step);
            }
        }
    }
}
