using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Safetensors;
using Engine.Training.Configuration;
using Engine.Training.Federated;
using Engine.Training.Running;
using Engine.Training.Tests.Running;

namespace Engine.Training.Tests.Federated;

public sealed class FederatedRunTests
{
    /// <summary>Without dropout, so that clients may train in any order.</summary>
    private static readonly string[] Plain = ["method=plain", "adapter.lora_dropout=0"];

    [Fact]
    public void One_client_of_one_round_is_a_run_of_its_own()
    {
        using var tiny = new TinyRun();
        TrainingOutcome own = Train(tiny, "own", "lr_scheduler_type=constant", "method=plain");
        TrainingOutcome federated = Train(tiny, "federated", "federated={clients: 1, rounds: 1}", "method=plain");
        Assert.Equal(TrainerRuns.Bytes(own), TrainerRuns.Bytes(federated));
        Assert.Equal(own.Before, federated.Before);
        Assert.Equal(own.After, federated.After);
        TrainerRuns.RequireTrained(tiny, "own");
    }

    [Fact]
    public void A_round_averages_what_the_clients_files_make_by_their_rows()
    {
        using var tiny = new TinyRun();
        WithoutDropout(tiny);
        string[] rows = File.ReadAllLines(tiny.File("train.tsv"));
        File.WriteAllLines(tiny.File("one.tsv"), rows[..13]);
        File.WriteAllLines(tiny.File("two.tsv"), [rows[0], .. rows[13..]]);
        string[] common = [.. Plain, "lr_scheduler_type=constant", "data.labels=[animal, tool]"];
        TrainingOutcome one = Train(tiny, "one", [.. common, "data.train=one.tsv"]);
        TrainingOutcome two = Train(tiny, "two", [.. common, "data.train=two.tsv"]);
        TrainingOutcome both = Train(
            tiny, "both", [.. common, "data.train=[one.tsv, two.tsv]", "federated={clients: 2, rounds: 1, split: file}"]);
        using SafetensorsFile first = Adapter(one), second = Adapter(two), average = Adapter(both);
        double share = 12.0 / (rows.Length - 1);
        Assert.Equal(first.Tensors.Count, average.Tensors.Count);
        foreach (SafetensorsTensor tensor in average.Tensors)
        {
            float[] a = first[tensor.Name].ToFloat32(), b = second[tensor.Name].ToFloat32();
            Assert.NotEqual(a, b);
            Assert.Equal(a.Zip(b, (x, y) => (float)((share * x) + ((1 - share) * y))), tensor.ToFloat32());
        }
    }

    [Theory]
    [InlineData("aggregation: fedit")]
    [InlineData("aggregation: lora-fair, mu: 0.01")]
    public void Resumed_rounds_equal_uninterrupted_ones(string aggregation)
    {
        using var tiny = new TinyRun();
        string federated = $"federated={{clients: 4, rounds: 4, split: label, concentration: 0.5, participation: 0.5, {aggregation}}}";
        const string Method = "method={name: flat-lora, rho: 0.1, noise_seed: 7, rise_every: 0}";
        string[] settings = [Method, federated, "save_steps=1", "num_train_epochs=1"];
        TrainingOutcome whole = Train(tiny, "whole", settings);
        string path = tiny.WriteRun("stopped");
        Assert.Throws<TrainingException>(() => Run(path, settings, new TrainerOptions(), new TrainerRuns.KillAt(2)));
        TrainingOutcome resumed = Run(path, settings, new TrainerOptions { Resume = true });
        Assert.Equal(TrainerRuns.Bytes(whole), TrainerRuns.Bytes(resumed));
        Assert.Equal(TrainerRuns.Losses(tiny, "whole"), TrainerRuns.Losses(tiny, "stopped"));
        Assert.Equal(File.ReadAllLines(tiny.File("whole/evaluations.jsonl")), File.ReadAllLines(tiny.File("stopped/evaluations.jsonl")));
        Assert.Equal(4, whole.Steps);
        TrainerRuns.RequireTrained(tiny, "whole");

        JsonNode[] lines = Lines(tiny, "whole");
        Assert.Equal([1, 2, 3, 4], lines.Select(line => line["step"]!.GetValue<int>()));
        Assert.All(lines, line => Assert.Equal(2, line["clients"]!.AsArray().Count));
        Assert.True(lines.Select(line => line["clients"]!.ToJsonString()).Distinct().Count() > 1);
    }

    /// <summary>Clients that train from different A by different gradients leave something to correct, and the averaged A stays.</summary>
    [Fact]
    public void Lora_fair_changes_B_alone_in_the_first_round()
    {
        using var tiny = new TinyRun();
        TrainingOutcome average = Train(tiny, "fedit", [.. Plain, "federated={clients: 3, rounds: 1}"]);
        TrainingOutcome fair = Train(tiny, "fair", [.. Plain, "federated={clients: 3, rounds: 1, aggregation: lora-fair}"]);
        using SafetensorsFile one = Adapter(average), other = Adapter(fair);
        foreach (SafetensorsTensor tensor in one.Tensors)
        {
            bool isB = tensor.Name.Contains("lora_B", StringComparison.Ordinal);
            Assert.Equal(isB, !tensor.ToFloat32().SequenceEqual(other[tensor.Name].ToFloat32()));
        }
    }

    [Fact]
    public void Rounds_of_clients_learn()
    {
        using var tiny = new TinyRun();
        TrainingOutcome outcome = Train(tiny, "run", "method=plain", "federated={clients: 4, rounds: 5, split: label}");
        Assert.True(outcome.After!["loss"] < outcome.Before!["loss"]);
        Assert.Equal(6, File.ReadAllLines(tiny.File("run/evaluations.jsonl")).Length);
        using var device = new CpuDevice();
        using Predictor predictor = Predictor.Open(device, tiny.File("model"), tiny.File("run/adapter"), seed: 3);
        Assert.Equal(2, predictor.Predict([("the small otter number 3", null)], maxLength: 64, batchSize: 1).Single().Scores.Count);
    }

    [Fact]
    public void A_stopped_run_goes_on_after_its_last_whole_round()
    {
        using var tiny = new TinyRun();
        string[] settings = ["method=plain", "federated={clients: 4, rounds: 2}", "save_steps=1"];
        TrainingOutcome whole = Train(tiny, "whole", settings);
        using CancellationTokenSource cancellation = new();
        string path = tiny.WriteRun("stopped");
        Assert.True(Run(path, settings, new TrainerOptions(), new TrainerRuns.StopAt(1, cancellation), cancellation.Token).Interrupted);
        TrainingOutcome resumed = Run(path, settings, new TrainerOptions { Resume = true });
        Assert.Equal(TrainerRuns.Bytes(whole), TrainerRuns.Bytes(resumed));
    }

    [Fact]
    public void A_round_that_is_cancelled_leaves_the_weights_before_it()
    {
        using var tiny = new TinyRun();
        using var device = new CpuDevice();
        var run = RunConfiguration.Load(tiny.WriteRun("run"), ["method=plain", "federated={clients: 4, rounds: 2}"]);
        using PreparedRun prepared = PreparedRun.Create(run, device);
        prepared.Load();
        float[] start = Weights();
        prepared.Step(0, default);
        float[] first = Weights();
        Assert.NotEqual(start, first);
        Assert.Throws<OperationCanceledException>(() => prepared.Step(1, new CancellationToken(canceled: true)));
        Assert.Equal(first, Weights());
        prepared.Step(1, default);
        Assert.NotEqual(first, Weights());

        float[] Weights() => prepared.Session.Trainables.Values.View<float>().ToArray();
    }

    /// <summary>A round that trained nothing would be of no use: the first has a share of the rate already.</summary>
    [Fact]
    public void Rounds_warm_up_from_the_first_on()
    {
        using var tiny = new TinyRun();
        Train(
            tiny, "run", "method=plain", "federated={clients: 2, rounds: 4}", "warmup_steps=2", "learning_rate=0.003",
            "lr_scheduler_type=constant_with_warmup");
        double[] rates = [.. Lines(tiny, "run").Select(line => line["learning_rate"]!.GetValue<double>())];
        Assert.Equal([0.001, 0.002, 0.003, 0.003], rates.Select(rate => Math.Round(rate, 12)));
        TrainerRuns.RequireTrained(tiny, "run");
    }

    [Theory]
    [InlineData("federated={clients: 41, rounds: 1}", "federated.clients is 41, and there are 40 rows")]
    [InlineData("federated={clients: 0, rounds: 1}", "federated.clients is '0'; expected a whole number of at least 1")]
    [InlineData("federated={clients: 2}", "the key 'federated.rounds' is missing")]
    [InlineData(
        "federated={clients: 2, rounds: 1, participation: 1.5}", "federated.participation is '1.5'; expected a finite number above 0")]
    [InlineData("federated={clients: 2, rounds: 1, participation: 0}", "federated.participation is '0'")]
    [InlineData("federated={clients: 2, rounds: 1, concentration: 1}", "federated.concentration is '1'; expected none, since")]
    [InlineData("federated={clients: 2, rounds: 1, mu: 1}", "federated.mu is '1'; expected none, since only aggregation: lora-fair")]
    [InlineData("federated={clients: 2, rounds: 1, split: file}", "split: file makes a client of each file, and data.train has 1")]
    [InlineData("federated={clients: 2, rounds: 1, split: class}", "federated.split is 'class'")]
    [InlineData("federated={clients: 2, rounds: 1};adapter=null", "federated: what clients send is an adapter")]
    [InlineData("federated={clients: 2, rounds: 1};method=la-lora;class_weights=balanced", "class_weights: method la-lora clips")]
    [InlineData("federated={clients: 2, rounds: 1};method=la-lora;loss_average=batches", "loss_average: method la-lora takes")]
    [InlineData("federated={clients: 2, rounds: 1};method=la-lora;group_by_length=true", "group_by_length: method la-lora shuffles")]
    [InlineData("method={name: la-lora, optimizer: sgd};adam_beta1=0.8", "adam_beta1: it is AdamW's")]
    [InlineData("method={name: la-lora, optimizer: sgd, clip: 0};adam_beta2=0.9", "adam_beta2: it is AdamW's")]
    [InlineData("method={name: la-lora, optimizer: sgd};adam_epsilon=1.0e-6", "adam_epsilon: it is AdamW's")]
    [InlineData("federated={clients: 2, rounds: 1};method=la-lora;dtype=float16", "tells of the data and which no noise hides")]
    [InlineData("federated={clients: 2, rounds: 1};method=looksam", "federated: method looksam keeps numbers from one step to the next")]
    [InlineData("federated={clients: 2, rounds: 1, aggregation: lora-fair};adapter.use_dora=true", "has DoRA's magnitudes beside it")]
    public void What_cannot_be_federated_is_refused(string settings, string message)
    {
        using var tiny = new TinyRun();
        using var device = new CpuDevice();
        Exception error = Assert.ThrowsAny<Exception>(() =>
        {
            var run = RunConfiguration.Load(tiny.WriteRun("run"), ["method=plain", .. settings.Split(';')]);
            using var trainer = new Trainer(run, device);
        });
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.True(error is ConfigurationException or Engine.Model.Batching.DataFileException);
    }

    /// <summary>Moments, counts of updates and noise are where the uninterrupted run has them.</summary>
    [Theory]
    [InlineData("{name: la-lora, clip: 0.5, dp_sigma: 0.3, noise_seed: 9}")]
    [InlineData("{name: la-lora, reference: code, optimizer: sgd}")]
    [InlineData("{name: la-lora, clip: 0}")]
    public void Private_rounds_resume_to_the_bit(string method)
    {
        using var tiny = new TinyRun();
        string[] settings =
        [
            $"method={method}", "federated={clients: 3, rounds: 4, participation: 0.6}", "save_steps=1", "num_train_epochs=1",
            "adapter.lora_dropout=0.1",
        ];
        TrainingOutcome whole = Train(tiny, "whole", settings);
        Assert.Equal(whole.ForecastBytes, whole.PeakBytes);
        string path = tiny.WriteRun("stopped");
        Assert.Throws<TrainingException>(() => Run(path, settings, new TrainerOptions(), new TrainerRuns.KillAt(2)));
        TrainingOutcome resumed = Run(path, settings, new TrainerOptions { Resume = true });
        Assert.Equal(TrainerRuns.Bytes(whole), TrainerRuns.Bytes(resumed));
        Assert.Equal(TrainerRuns.Losses(tiny, "whole"), TrainerRuns.Losses(tiny, "stopped"));
        TrainerRuns.RequireTrained(tiny, "whole");
    }

    /// <summary>
    /// Of three clients the largest spends: each row is with chance 8 over its client's rows in a batch of the steps that the client has
    /// taken. Another seed of the noise makes another adapter.
    /// </summary>
    [Fact]
    public void Epsilon_of_a_round_is_the_accountants_of_the_client_that_spent_most()
    {
        using var tiny = new TinyRun();
        const string Federated = "federated={clients: 3, rounds: 3, split: label, concentration: 0.3, participation: 0.6}";
        string[] settings = ["num_train_epochs=1", Federated];
        const string Method = "method={name: la-lora, dp_sigma: 0.8, R: 0.5, delta: 1.0e-4";
        TrainingOutcome outcome = Train(tiny, "run", [$"{Method}}}", .. settings]);
        using var device = new CpuDevice();
        RunConfiguration other = RunConfiguration.Load(tiny.WriteRun("other"), ["method=plain", .. settings]);
        using PreparedRun prepared = PreparedRun.Create(other, device);
        FederatedClients clients = FederatedClients.Of(prepared.Run, prepared.Run.Federated!, prepared.Data);
        JsonNode[] lines = Lines(tiny, "run");
        Assert.Equal(3, lines.Length);
        for (int round = 0; round < 3; round++)
        {
            long[] steps = clients.StepsBefore(round + 1);
            double expected = clients.All.Zip(steps).Max(client =>
            {
                var spent = new PrivacyAccountant();
                spent.Add(1.6, Math.Min(1, 8.0 / client.First.Rows), client.Second);
                return spent.Epsilon(1e-4);
            });
            Assert.Equal(expected, lines[round]["epsilon"]!.GetValue<double>(), 1e-9);
            Assert.InRange(lines[round]["clip_factor"]!.GetValue<double>(), 1e-6, 1);
        }

        JsonNode summary = JsonNode.Parse(File.ReadAllText(tiny.File("run/summary.json")))!;
        Assert.Equal(lines[2]["epsilon"]!.GetValue<double>(), summary["epsilon"]!.GetValue<double>());
        Assert.Equal(1e-4, summary["delta"]!.GetValue<double>());
        TrainingOutcome reseeded = Train(tiny, "seed", [$"{Method}, noise_seed: 1}}", .. settings]);
        Assert.NotEqual(TrainerRuns.Bytes(outcome), TrainerRuns.Bytes(reseeded));
    }

    /// <summary>The number that Opacus' own tests hold its accountant against: 50 rows, batches of 2, sigma 1.5, 2250 steps.</summary>
    [Fact]
    public void Epsilon_of_a_run_is_the_published_one()
    {
        using var tiny = new TinyRun();
        tiny.WriteTable("fifty.tsv", Enumerable.Range(0, 50).Select(i => ($"the heron number {i}", i % 2 == 0 ? "animal" : "tool")));
        using var device = new CpuDevice();
        using PreparedRun prepared = PreparedRun.Create(
            RunConfiguration.Load(
                tiny.WriteRun("run"),
                [
                    "method={name: la-lora, dp_sigma: 1.5}", "data.train=fifty.tsv", "per_device_train_batch_size=2",
                    "gradient_accumulation_steps=1",
                ]),
            device);
        Assert.InRange(prepared.Privacy!.EpsilonAfter(2250), 7.3291, 7.3292);
        Assert.Equal(0, prepared.Privacy.EpsilonAfter(0));
    }

    [Theory]
    [InlineData("{name: la-lora}", "each row's gradient is clipped to 1 and gets noise of 1 times that")]
    [InlineData("{name: la-lora}", "seed is as secret as noise_seed: it tells which batch a row is in. noise_seed is the default")]
    [InlineData("{name: la-lora, reference: code}", "promises nothing")]
    [InlineData("{name: la-lora, clip: 0}", null)]
    public void A_run_says_what_it_promises(string method, string? note)
    {
        using var tiny = new TinyRun();
        using var device = new CpuDevice();
        using PreparedRun prepared = PreparedRun.Create(
            RunConfiguration.Load(tiny.WriteRun("run"), [$"method={method}", "federated={clients: 2, rounds: 1}"]), device);
        string[] notes = [.. prepared.Load().Where(text => text.StartsWith("la-lora", StringComparison.Ordinal))];
        Assert.Equal(note is null ? 0 : 1, notes.Length);
        Assert.True(note is null || notes[0].Contains(note, StringComparison.Ordinal), string.Join('\n', notes));
        Assert.Equal(method == "{name: la-lora}", prepared.Privacy is not null);
        Assert.Equal(method != "{name: la-lora}", prepared.Run.GroupByLength);
    }

    /// <summary>No token is masked: a round of other methods stands still and says so, a private one has its noise and its line.</summary>
    [Theory]
    [InlineData("{name: la-lora, dp_sigma: 2}", true)]
    [InlineData("{name: plain}", false)]
    public void A_private_round_without_labels_is_a_round_of_noise(string method, bool moves)
    {
        using var tiny = new TinyRun();
        using var device = new CpuDevice();
        string[] settings =
        [
            $"method={method}", "task=masked-lm", "data.label=null", "data.mlm_probability=1.0e-9", "federated={clients: 2, rounds: 1}",
            "eval_strategy=no",
        ];
        using (PreparedRun prepared = PreparedRun.Create(RunConfiguration.Load(tiny.WriteRun("rounds"), settings), device))
        {
            prepared.Load();
            float[] start = prepared.Session.Trainables.Values.View<float>().ToArray();
            prepared.Step(0, default);
            Assert.Equal(moves, !start.SequenceEqual(prepared.Session.Trainables.Values.View<float>().ToArray()));
        }

        Train(tiny, "run", settings);
        JsonNode line = Lines(tiny, "run").Single();
        Assert.Equal(moves ? null : "true", line["skipped"]?.ToString());
        Assert.Equal(moves ? 0 : null, line["loss"]?.GetValue<double>());
        Assert.Equal(moves, line["epsilon"] is not null);
    }

    [Fact]
    public void A_seed_of_ones_own_is_not_called_the_default()
    {
        using var tiny = new TinyRun();
        using var device = new CpuDevice();
        RunConfiguration run = RunConfiguration.Load(tiny.WriteRun("run"), ["method={name: la-lora, noise_seed: 18446744073709551615}"]);
        using PreparedRun prepared = PreparedRun.Create(run, device);
        Assert.DoesNotContain("is the default", prepared.Privacy!.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void Classes_divide_classification_alone()
    {
        using var tiny = new TinyRun();
        string message = Assert.Throws<ConfigurationException>(() => RunConfiguration.Load(
            tiny.WriteRun("run"), ["task=masked-lm", "data.label=null", "federated={clients: 2, rounds: 1, split: label}"])).Message;
        Assert.Contains("federated.split: only sequence-classification has classes", message, StringComparison.Ordinal);
    }

    private static TrainingOutcome Train(TinyRun tiny, string output, params string[] settings) =>
        Run(tiny.WriteRun(output), settings, new TrainerOptions());

    private static TrainingOutcome Run(
        string path,
        string[] settings,
        TrainerOptions options,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        using var device = new CpuDevice();
        using var trainer = new Trainer(RunConfiguration.Load(path, settings), device, options, progress);
        return trainer.Train(cancellation);
    }

    private static JsonNode[] Lines(TinyRun tiny, string output) =>
        [.. File.ReadLines(tiny.File($"{output}/metrics.jsonl")).Select(line => JsonNode.Parse(line)!)];

    private static SafetensorsFile Adapter(TrainingOutcome outcome) =>
        SafetensorsFile.Open(Path.Combine(outcome.WeightsFolder, "adapter_model.safetensors"));

    private static void WithoutDropout(TinyRun tiny)
    {
        string config = tiny.File("model/config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("_prob\": 0.1", "_prob\": 0.0", StringComparison.Ordinal));
    }
}
