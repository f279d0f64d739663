using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Devices.Cpu;
using Engine.Common.Files;
using Engine.Safetensors;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>Runs of <c>task: causal-lm</c> on a decoder whose tokens are bytes.</summary>
public sealed class CausalRunTests : IDisposable
{
    /// <summary>
    /// Sums over the same tokens in another order, in float32: 2^-24 by the square root of the tokens, and what training makes of it.
    /// </summary>
    private const double SumOrder = 3e-6;

    private static readonly string[] Prompts =
        ["one and one is ", "a longer prompt: ", "q", "what comes after nine? ", "name a colour. ", "x = "];
    private static readonly string[] Answers = ["two", "and a longer answer, too", "r", "ten", "green or blue", "y"];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Packed_samples_train_as_rows_of_their_own_and_not_as_one_text()
    {
        UseQwen2();
        WriteCompletions("train.jsonl", Prompts.Length);
        const int Steps = 4;
        Outcome separate = Train("separate", $"per_device_train_batch_size: {Prompts.Length}\nmax_steps: {Steps}");
        Outcome packed = Train("packed", $"per_device_train_batch_size: {Prompts.Length}\nmax_steps: {Steps}\npacking: true");
        int packs = JoinPacks("packed.yaml", "joined.safetensors", Steps);
        Assert.InRange(packs, 2, Prompts.Length - 1);
        Outcome joined = Train("joined", $"max_steps: {Steps}", "{train: joined.safetensors}");

        for (int step = 0; step < Steps; step++)
        {
            Assert.Equal(separate.Losses[step], packed.Losses[step], separate.Losses[step] * SumOrder);
        }

        Assert.True(RelativeDifference(separate, packed) < 1e-4, $"the adapters differ by {RelativeDifference(separate, packed):g2}");

        // One segment for a whole pack: samples see those before them, and positions go on.
        Assert.True(
            Math.Abs(joined.Losses[0] - separate.Losses[0]) > 30 * SumOrder * separate.Losses[0],
            $"{joined.Losses[0]} against {separate.Losses[0]}");
        Assert.True(RelativeDifference(separate, joined) > 1e-2, $"the adapters differ by {RelativeDifference(separate, joined):g2} only");
    }

    [Fact]
    public void Resumed_packed_run_equals_the_uninterrupted_one()
    {
        UseTiny();
        WriteCompletions("train.jsonl", 40);
        const string Settings = "per_device_train_batch_size: 2\npacking: true\nnum_train_epochs: 2\nsave_steps: 3";
        Outcome whole = Train("whole", Settings);
        using var cancellation = new CancellationTokenSource();
        Assert.True(Train("stopped", Settings, stopAt: 4, cancellation: cancellation).Result.Interrupted);
        Outcome resumed = Train("stopped", Settings, options: new TrainerOptions { Resume = true });
        Assert.Equal(File.ReadAllBytes(whole.WeightsFile), File.ReadAllBytes(resumed.WeightsFile));
        Assert.Equal(whole.Losses, resumed.Losses);
        Assert.True(whole.Losses.TakeLast(5).Average() < whole.Losses.Take(5).Average(), string.Join(' ', whole.Losses));
    }

    [Fact]
    public void Evaluation_weighs_tokens_alike_and_the_best_loss_is_kept()
    {
        UseTiny();
        WriteCompletions("train.jsonl", 24);
        WriteCompletions("dev.jsonl", 6);
        const string Data = "{train: train.jsonl, validation: dev.jsonl}";
        string settings = "num_train_epochs: 30\nearly_stopping_patience: 2\nload_best_model_at_end: true\nper_device_eval_batch_size: ";
        Outcome outcome = Train("best", settings + 4, Data);
        JsonNode[] evaluations = Lines("best", "evaluations.jsonl");
        Assert.All(
            evaluations, line => Assert.Equal(Math.Exp(line["loss"]!.GetValue<double>()), line["perplexity"]!.GetValue<double>(), 1e-9));
        Assert.Equal(
            evaluations.Where(line => line["step"]!.GetValue<long>() > 0).Min(line => line["loss"]!.GetValue<double>()),
            outcome.Result.After!["loss"]);
        Assert.True(outcome.Result.After["loss"] < 0.8 * outcome.Result.Before!["loss"]);

        // A batch of one row and batches of four: a mean of batch means would differ, answers being of unequal length.
        Outcome single = Train("single", settings + 1, Data);
        Assert.Equal(outcome.Result.Before["loss"], single.Result.Before!["loss"], outcome.Result.Before["loss"] * SumOrder);
    }

    [Fact]
    public void User_is_told_what_was_cut_left_out_and_packed()
    {
        UseTiny();
        WriteCompletions("train.jsonl", 6);
        Outcome outcome = Train("notes", "max_length: 16\npacking: true\nmax_steps: 1");
        Assert.Contains(
            outcome.Notes, note =>
                note.Contains("train.jsonl: 4 of 6 samples are longer than max_length (16 tokens)", StringComparison.Ordinal));
        Assert.Contains(outcome.Notes, note => note.Contains("2 of 6 samples were left out", StringComparison.Ordinal));
        Assert.Contains(
            outcome.Notes, note => note.Contains("Packed 4 samples into 3 rows of at most 16 tokens", StringComparison.Ordinal));
    }

    [Fact]
    public void Messages_need_a_chat_template_from_somewhere()
    {
        UseTiny(chatTemplate: null);
        folder.Write("train.jsonl", """{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}""");
        Assert.Contains(
            "chat_template", Assert.Throws<ModelFileException>(() => Train("none", "max_steps: 1")).Message, StringComparison.Ordinal);
        foreach (string name in (string[])["chatml", "qwen2", "qwen2.5", "llama3"])
        {
            Assert.Equal(1, Train(name, $"max_steps: 1\nmax_length: 200\nchat_template: {name}").Result.Steps);
        }
    }

    private void UseTiny(string? chatTemplate = TinyDecoder.ChatMl) => TinyDecoder.Write(Path.Combine(folder.Root, "model"), chatTemplate);

    /// <summary>The qwen2 of the goldens, whose vocabulary is larger than the tokenizer's.</summary>
    private void UseQwen2()
    {
        string model = Path.Combine(folder.Root, "model");
        TinyDecoder.WriteTokenizer(model);
        foreach (string file in (string[])["config.json", "model.safetensors"])
        {
            File.Copy(SharedFiles.Path($"goldens/models/qwen2/{file}"), Path.Combine(model, file));
        }
    }

    private void WriteCompletions(string name, int count) => folder.Write(name, string.Concat(Enumerable.Range(0, count).Select(i =>
        JsonSerializer.Serialize(new { prompt = Prompts[i % Prompts.Length], completion = Answers[i % Answers.Length] }) + "\n")));

    /// <summary>Writes each pack as one row without seams, as often as there are steps; returns how many packs there are.</summary>
    private int JoinPacks(string runFile, string target, int steps)
    {
        RunConfiguration run = RunConfiguration.Load(Path.Combine(folder.Root, runFile));
        using RunData data = RunData.Load(run);
        var samples = new Engine.Training.Data.CausalEncoder(data.Tokenizer!, null, completionOnlyLoss: true).Encode(
            run.ReadRecords().Train, run.MaxLength!.Value);
        IReadOnlyList<int[]> packs = Engine.Training.Data.SamplePacker.Pack(samples.Rows.Lengths, run.MaxLength.Value);
        int[] ids = new int[packs.Count * run.MaxLength.Value], mask = new int[ids.Length], labels = new int[ids.Length];
        labels.AsSpan().Fill(-100);
        for (int pack = 0; pack < packs.Count; pack++)
        {
            int place = pack * run.MaxLength.Value;
            foreach (int sample in packs[pack])
            {
                int length = samples.Rows.Lengths[sample];
                samples.Rows.Batch([sample]).InputIds.CopyTo(ids, place);
                samples.Rows.TokenLabels![sample].CopyTo(labels, place);
                mask.AsSpan(place, length).Fill(1);
                place += length;
            }
        }

        var writer = new SafetensorsWriter();
        for (int step = 0; step < steps; step++)
        {
            writer.Add($"input_ids.{step}", [packs.Count, run.MaxLength.Value], ids);
            writer.Add($"attention_mask.{step}", [packs.Count, run.MaxLength.Value], mask);
            writer.Add($"labels.{step}", [packs.Count, run.MaxLength.Value], labels);
        }

        writer.Write(Path.Combine(folder.Root, target));
        return packs.Count;
    }

    private Outcome Train(
        string output, string settings, string data = "{train: train.jsonl}", TrainerOptions? options = null, long? stopAt = null,
        CancellationTokenSource? cancellation = null)
    {
        string path = folder.Write($"{output}.yaml", $$"""
            model: model
            task: causal-lm
            output: {{output}}
            adapter: {r: 4, lora_alpha: 8, target_modules: [q_proj, v_proj, down_proj]}
            data: {{data}}
            learning_rate: 1.0e-2
            seed: 3
            {{(settings.Contains("max_length", StringComparison.Ordinal) ? "" : "max_length: 64")}}
            {{settings}}
            """);
        using var device = new CpuDevice();
        var seen = new Seen(stopAt, cancellation);
        using var trainer = new Trainer(RunConfiguration.Load(path), device, options, seen);
        TrainingOutcome result = trainer.Train(cancellation?.Token ?? default);
        Assert.Equal(result.ForecastBytes, result.PeakBytes);
        return new Outcome(result, [.. Lines(output, "metrics.jsonl").Select(line => line["loss"]!.GetValue<double>())], seen.Notes);
    }

    private JsonNode[] Lines(string output, string file) =>
        [.. File.ReadLines(Path.Combine(folder.Root, output, file)).Select(line => JsonNode.Parse(line)!)];

    private static double RelativeDifference(Outcome first, Outcome second)
    {
        using SafetensorsFile a = SafetensorsFile.Open(first.WeightsFile), b = SafetensorsFile.Open(second.WeightsFile);
        double difference = 0, norm = 0;
        foreach (SafetensorsTensor tensor in a.Tensors)
        {
            foreach ((float x, float y) in tensor.ToFloat32().Zip(b[tensor.Name].ToFloat32()))
            {
                difference += (x - y) * (double)(x - y);
                norm += x * (double)x;
            }
        }

        return Math.Sqrt(difference / norm);
    }

    private sealed record Outcome(TrainingOutcome Result, double[] Losses, IReadOnlyList<string> Notes)
    {
        public string WeightsFile => Path.Combine(Result.WeightsFolder, "adapter_model.safetensors");
    }

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
