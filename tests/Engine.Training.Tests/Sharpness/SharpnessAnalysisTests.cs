using System.Text.Json.Nodes;
using Engine.Common;
using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Common.Files;
using Engine.Optim;
using Engine.Optim.Sharpness;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Engine.Training.Sharpness;
using Engine.Training.Tests.Running;

namespace Engine.Training.Tests.Sharpness;

/// <summary>Trained adapters, measured from their files.</summary>
public sealed class SharpnessAnalysisTests : IDisposable
{
    private static readonly SharpnessOptions Quick =
        new() { Samples = 2, Iterations = 2, LanczosSteps = 2, AscentSteps = 2, Points = 3, Grid = 2 };

    private readonly TinyRun run = new();

    public void Dispose() => run.Dispose();

    /// <summary>Merged weights are those of the adapter but for the rounding of W0 + s B A to float32.</summary>
    [Theory]
    [InlineData("")]
    [InlineData(", use_dora: true")]
    [InlineData(", use_rslora: true, modules_to_save: [classifier]")]
    public void Both_spaces_start_from_the_loss_of_the_trained_adapter(string adapter)
    {
        RunConfiguration trained = Train("run", adapter: adapter);
        AdapterReport report = Measure(SharpnessSubject.OfRun("run", trained));
        Assert.True(report.Complete);
        Assert.Equal(20, report.Rows);
        double loss = JsonNode.Parse(File.ReadAllText(new RunFolder(trained.Output).SummaryPath))!["metrics"]!["loss"]!.GetValue<double>();
        Assert.Equal(loss, report.Of(SharpnessSpace.Adapter)!.Loss, 2e-6);
        Assert.Equal(loss, report.Of(SharpnessSpace.Weights)!.Loss, 1e-5);

        // Query and value of two layers: A [4, 32], B [32, 4], with DoRA 32 magnitudes; W [32, 32].
        Assert.Equal(
            4 * ((2 * 4 * 32) + (adapter.Contains("dora", StringComparison.Ordinal) ? 32 : 0)),
            report.Of(SharpnessSpace.Adapter)!.Dimension);
        Assert.Equal(4 * 32 * 32, report.Of(SharpnessSpace.Weights)!.Dimension);
        Assert.Equal(4, report.Layers.Count);
        Assert.All(
            report.Layers, layer =>
                Assert.InRange(layer.Geometry!.EffectiveRank, 1, adapter.Contains("dora", StringComparison.Ordinal) ? 32 : 4.001));
        Assert.All(report.Layers, layer => Assert.Equal(10, layer.Intruders!.Looked));
    }

    [Fact]
    public void Two_measurements_write_the_same_bytes_and_change_no_file()
    {
        RunConfiguration trained = Train("run");
        string weights = Path.Combine(new RunFolder(trained.Output).AdapterPath, "adapter_model.safetensors");
        byte[] before = File.ReadAllBytes(weights);
        string[] files = [.. Enumerable.Range(0, 2).Select(i =>
        {
            var results = new SharpnessResults(
                "cpu", trained.Model, trained.Data.Validation!.ToString(), Quick,
                [Measure(SharpnessSubject.OfRun("run", trained, rows: 7))]);
            string path = Path.Combine(run.Folder, $"sharpness{i}.json");
            results.Write(path);
            return File.ReadAllText(path);
        })];
        Assert.Equal(files[0], files[1]);
        Assert.Equal(before, File.ReadAllBytes(weights));
        JsonNode json = JsonNode.Parse(files[0])!;
        Assert.Equal(7, json["adapters"]![0]!["rows"]!.GetValue<int>());
        Assert.Equal("weights", json["adapters"]![0]!["spaces"]![1]!["space"]!.GetValue<string>());
        Assert.Equal("worst-case", json["options"]!["instruments"]![1]!.GetValue<string>());
    }

    /// <summary>
    /// The adapter is exact and nothing else moves, so that without noise to speak of the metrics are the run's; and a small noise moves
    /// the loss along the gradient, by twice as much where it is twice as large, since the draws are the same.
    /// </summary>
    [Theory]
    [InlineData("")]
    [InlineData(", use_rslora: true, modules_to_save: [classifier]")]
    public void Noise_in_the_base_weights_gives_the_mean_and_the_deviation_of_the_tasks_metrics(string adapter)
    {
        RunConfiguration trained = Train("run", adapter: adapter);
        JsonNode metrics = JsonNode.Parse(File.ReadAllText(new RunFolder(trained.Output).SummaryPath))!["metrics"]!;
        IReadOnlyDictionary<string, MetricUnderNoise> none = Under(1e-7), small = Under(2e-3), twice = Under(4e-3), large = Under(1);
        foreach ((string name, MetricUnderNoise metric) in none)
        {
            double value = metrics[name]!.GetValue<double>();
            Assert.Equal(value, metric.Exact, 1e-5);
            Assert.Equal(value, metric.Noisy.Value, 1e-5);
            Assert.Equal(8, metric.Noisy.Samples);
        }

        Assert.InRange(small["loss"].Noisy.Deviation, 1e-6, 1);
        Assert.Equal(2, twice["loss"].Noisy.Deviation / small["loss"].Noisy.Deviation, 0.1);
        Assert.True(large["loss"].Noisy.Value > large["loss"].Exact, "noise as large as the weights costs loss");
        Assert.Equal(none["loss"].Exact, large["loss"].Exact);

        IReadOnlyDictionary<string, MetricUnderNoise> Under(double sigma)
        {
            using Device device = new CpuDevice(new CpuOptions { Threads = 2 });
            var options = new SharpnessOptions
            {
                Instruments = [SharpnessInstrument.Noise],
                Spaces = [SharpnessSpace.Adapter],
                Sigma = sigma,
                Samples = 8,
            };
            long before = device.Memory.Current, done = 0, total = 0;
            var watch = new Watch(progress => (done, total) = (progress.Done, progress.Total));
            AdapterReport report = new SharpnessAnalysis(device, options).Measure(SharpnessSubject.OfRun("run", trained), watch);
            Assert.True(report.Complete);
            Assert.Equal((total, before), (done, device.Memory.Current));
            return report.Noise!;
        }
    }

    [Fact]
    public void Cancelled_it_says_that_it_is_not_complete_and_frees_its_memory()
    {
        RunConfiguration trained = Train("run");
        using Device device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var source = new CancellationTokenSource();
        long before = device.Memory.Current;
        var progress = new Watch(value =>
        {
            Assert.InRange(value.Done, 0, value.Total);
            if (value.What == "weights: trace")
            {
                source.Cancel();
            }
        });
        AdapterReport report = new SharpnessAnalysis(device, Quick).Measure(SharpnessSubject.OfRun("run", trained), progress, source.Token);
        Assert.False(report.Complete);
        Assert.NotNull(report.Of(SharpnessSpace.Adapter)!.Plane);
        Assert.NotNull(report.Of(SharpnessSpace.Weights)!.Spectrum);
        Assert.Null(report.Of(SharpnessSpace.Weights)!.Trace);
        Assert.Equal(before, device.Memory.Current);
    }

    [Fact]
    public void What_does_not_fit_is_refused_with_a_sentence()
    {
        RunConfiguration trained = Train("run");
        SharpnessSubject subject = SharpnessSubject.OfRun("run", trained);
        ModelFileException wrongBase = Assert.Throws<ModelFileException>(
            () => SharpnessAnalysis.Require(subject with { Run = trained with { Model = OtherModel() } }));
        Assert.Contains("lora_", wrongBase.Message, StringComparison.Ordinal);
        Assert.Throws<ModelFileException>(() => SharpnessAnalysis.Require(subject with { Adapter = Path.Combine(run.Folder, "absent") }));
        ConfigurationException noData = Assert.Throws<ConfigurationException>(
            () => SharpnessAnalysis.Require(subject with { Run = trained with { Data = trained.Data with { Validation = null } } }));
        Assert.Contains("no data", noData.Message, StringComparison.Ordinal);
        using Device device = new CpuDevice(new CpuOptions { Threads = 1 });
        foreach (SharpnessOptions wrong in (SharpnessOptions[])[Quick with { Sigma = 0 }, Quick with { Samples = 1 },
            Quick with { Instruments = [] }, Quick with { Grid = 1 }])
        {
            Assert.Throws<ConfigurationException>(() => new SharpnessAnalysis(device, wrong));
        }
    }

    private RunConfiguration Train(string output, string adapter = "")
    {
        string path = run.WriteRun(output, "max_steps: 4", method: "plain", adapter: adapter);
        RunConfiguration configuration = RunConfiguration.Load(path);
        using Device device = new CpuDevice(new CpuOptions { Threads = 2 });
        using var trainer = new Trainer(configuration, device, new TrainerOptions(), null);
        trainer.Train(CancellationToken.None);
        return configuration;
    }

    private static AdapterReport Measure(SharpnessSubject subject)
    {
        using Device device = new CpuDevice(new CpuOptions { Threads = 2 });
        return new SharpnessAnalysis(device, Quick).Measure(subject);
    }

    /// <summary>The same model with wider layers.</summary>
    private string OtherModel()
    {
        string folder = Path.Combine(run.Folder, "other"), model = Path.Combine(run.Folder, "model");
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(model))
        {
            File.WriteAllText(
                Path.Combine(folder, Path.GetFileName(file)),
                File.ReadAllText(file).Replace("\"hidden_size\": 32", "\"hidden_size\": 40", StringComparison.Ordinal));
        }

        return folder;
    }

    private sealed class Watch(Action<SharpnessProgress> onReport) : IProgress<SharpnessProgress>
    {
        public void Report(SharpnessProgress value) => onReport(value);
    }
}
