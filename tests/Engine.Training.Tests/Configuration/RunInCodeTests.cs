using Engine.Common;
using Engine.Devices.Cpu;
using Engine.Model.Peft;
using Engine.Optim;
using Engine.Optim.Methods;
using Engine.Optim.Sharpness;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;
using Engine.Training.Running;
using Engine.Training.Sharpness;
using Engine.Training.Tests.Running;

namespace Engine.Training.Tests.Configuration;

/// <summary>Runs that are made in C#: the defaults and refusals of a run file.</summary>
public sealed class RunInCodeTests : IDisposable
{
    private static readonly RunConfiguration Plain = new()
    {
        Model = "base",
        Output = "out",
        Data = new DataConfiguration
        {
            Train = "train.tsv",
            Validation = "dev.tsv",
            Text = ColumnReference.ByName("text"),
            Label = ColumnReference.ByName("label")
        },
    };

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>Whatever a file of the same keys says, code says.</summary>
    [Fact]
    public void A_run_made_in_code_is_the_one_that_a_file_of_its_keys_gives()
    {
        string file = folder.Write("run.yaml", """
            model: base
            output: out
            data: {train: train.tsv, validation: dev.tsv, text: text, label: label}
            """);
        string inCode =
            (Plain with
            {
                Model = Full("base"),
                Output = Full("out"),
                Data = Plain.Data with { Train = Full("train.tsv"), Validation = Full("dev.tsv") }
            }).Resolve().ToYaml();
        Assert.Equal(RunConfiguration.Load(file).ToYaml(), inCode);
        Assert.Equal(IntervalStrategy.Epoch, Plain.Resolve().EvalStrategy);
        Assert.Equal(inCode, RunConfiguration.Load(folder.Write("again.yaml", inCode)).Resolve().ToYaml());
        Assert.Null((Plain with { Method = new Plain() }).Resolve().Method);

        string Full(string name) => Path.Combine(folder.Root, name);
    }

    [Fact]
    public void Paths_of_a_run_made_in_code_are_those_of_the_folder_it_is_made_in()
    {
        RunConfiguration run = (Plain with
        {
            Adapter = new() { Init = "start" },
            Method = new BiLora { AuxiliaryInit = "aux.safetensors" },
        }).Resolve();
        foreach (string path in (string[])[run.Model, run.Output, run.Adapter!.Init!, AuxiliaryOf(run)])
        {
            Assert.Equal(Environment.CurrentDirectory, Path.GetDirectoryName(path));
        }
    }

    [Fact]
    public void The_home_folder_in_paths_of_a_run_made_in_code_is_that_of_a_run_file()
    {
        RunConfiguration run = (Plain with
        {
            Model = "~/m",
            Output = "~/o",
            Data = Plain.Data with { Train = new DataFiles(["~/a.tsv", "b.tsv"]) },
            Adapter = new() { Init = "~/start" },
            Method = new Together(new BiLora { AuxiliaryInit = "~/aux.safetensors" }, new LoraPlus()),
        }).Resolve();
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        foreach (string path in (string[])[run.Model, run.Output, run.Data.Train.Paths[0], run.Adapter!.Init!, AuxiliaryOf(run)])
        {
            Assert.Equal(home, Path.GetDirectoryName(path));
        }
    }

    private static string AuxiliaryOf(RunConfiguration run) => Together.Of(run.Method).OfType<BiLora>().Single().AuxiliaryInit!;

    public static TheoryData<Func<RunConfiguration, RunConfiguration>, string> Wrong => new()
    {
        { run => run with { Model = "hf://meta/llama" },
            "model is 'hf://meta/llama', an address of the Hugging Face Hub, and nothing is read from a network; download it (hf download meta/llama" },
        { run => run with { Output = "s3://b/o" }, "output is 's3://b/o', a URL, and nothing is written to a network" },
        { run => run with { Data = run.Data with { Train = "s3://b/x.tsv" } },
            "data.train is 's3://b/x.tsv', a URL, and nothing is read from a network" },
        { run => run with { Data = run.Data with { Validation = "" } }, "data.validation is ''; expected a path." },
        { run => run with { Adapter = new() { Init = "~other/a" } }, "adapter.init is '~other/a', not expanded" },
        { run => run with { Method = new BiLora { AuxiliaryInit = "hf://a/b" } }, "method.auxiliary_init is 'hf://a/b', an address" },
        { run => run with { LearningRate = -1 }, "learning_rate is '-1'; expected a finite number of at least 0." },
        { run => run with { LearningRate = double.NaN }, "learning_rate is 'NaN'; expected a finite number" },
        { run => run with { AdamBeta1 = 1 }, "adam_beta1 is '1'; expected a finite number of at least 0 and below 1." },
        { run => run with { PerDeviceTrainBatchSize = 0 }, "per_device_train_batch_size is '0'; expected a whole number of at least 1" },
        { run => run with { MaxSteps = 0 }, "max_steps: 0 steps train nothing" },
        { run => run with { MaxLength = 2 }, "max_length is '2'; expected a whole number of at least 3." },
        { run => run with { NumTrainEpochs = double.PositiveInfinity }, "num_train_epochs" },
        { run => run with { Task = (TaskKind)99 }, "task is '99'; expected one of" },
        { run => run with { Model = "" }, "model is ''; expected a path." },
        { run => run with { Output = null! }, "'output' is missing" },
        { run => run with { Method = new Together() }, "method is an empty list" },
        { run => run with { Method = new FlatLora { Rho = -1 } }, "method.rho is '-1'; expected a finite number of at least 0." },
        { run => run with { Method = new Together(new LoraPlus(), new Sam { Rho = double.NaN }) },
            "method.rho is 'NaN'; expected a finite" },
        { run => run with { Method = new LoraPlus { Ratio = 0 } }, "method.ratio is '0'; expected a finite number above 0." },
        { run => run with { Method = new EfmLora { RhoMin = 0.06 } },
            "method.rho_min is '0.06'; expected a number of at most rho, which is" },
        { run => run with { Method = new BiLora { Clip = (AuxiliaryClip)9 } }, "method.clip is '9'; expected one of" },
        { run => run with { Method = new BiLora { AuxiliaryInit = "" } }, "method.auxiliary_init is ''; expected a path." },
        { run => run with { Method = new Together(new Sam(), new FlatLora()) }, "method: sam and flat-lora do not go together" },
        { run => run with { Bf16 = true }, "bf16: without an adapter" },
        { run => run with { Dtype = Model.WeightType.Float16 }, "dtype: without an adapter" },
        { run => run with { Adapter = new() { R = 0 } }, "adapter.r is '0'; expected a whole number of at least 1" },
        { run => run with { Adapter = new() { ModulesToSave = [] } }, "adapter.modules_to_save is an empty list" },
        { run => run with { Adapter = new() { RankPattern = [new("query", 0)] } }, "adapter.rank_pattern.query is '0'" },
        { run => run with { Adapter = new() { LoraDropout = 1 } }, "adapter.lora_dropout is '1'" },
        { run => run with { Data = run.Data with { Limit = 0 } }, "data.limit is '0'" },
        { run => run with { Data = run.Data with { MlmProbability = 0 } }, "data.mlm_probability is '0'" },
        { run => run with { Data = run.Data with { Label = null } }, "'data.label' is missing" },
        { run => run with { Data = run.Data with { Format = DataFormats.JsonLines, Header = true } },
            "data.header: only tsv and csv have a header" },
        { run => run with { Data = run.Data with { Validation = null }, EvalStrategy = IntervalStrategy.Epoch },
            "eval_strategy: there is no data.validation" },
        { run => run with { EvalStrategy = IntervalStrategy.Steps }, "eval_steps" },
        { run => run with { LoadBestModelAtEnd = true, EvalStrategy = IntervalStrategy.No }, "set data.validation and eval_strategy" },
        { run => run with { MetricForBestModel = "acuracy" }, "did you mean 'accuracy'?" },
        { run => run with { LrSchedulerKwargs = new() { Power = 0 } }, "lr_scheduler_kwargs.power is '0'" },
        { run => run with { NumTrainEpochs = 2, Data = new() { Train = "batches.safetensors", Format = DataFormats.Prebatched } },
            "prebatched data is used once" },
        { run => run with { Packing = true }, "packing: it is for task: causal-lm" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void What_a_run_file_refuses_code_is_refused(Func<RunConfiguration, RunConfiguration> change, string expected)
    {
        Assert.Contains(expected, Assert.Throws<ConfigurationException>(() => change(Plain).Resolve()).Message);
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        Assert.Contains(expected, Assert.Throws<ConfigurationException>(() => new Trainer(change(Plain), device)).Message);
        Assert.Contains(expected, Assert.Throws<ConfigurationException>(() => PreparedRun.Create(change(Plain), device)).Message);
        Assert.False(Directory.Exists("out"));
    }

    [Fact]
    public void A_prebatched_run_made_in_code_is_one_epoch() =>
        Assert.Equal(
            1, (Plain with { Data = new() { Train = "batches.safetensors", Format = DataFormats.Prebatched } }).Resolve().NumTrainEpochs);

    /// <summary>Evaluated after each epoch, as the run file's default has it.</summary>
    [Fact]
    public void A_run_made_in_code_is_evaluated_as_its_file_would_be()
    {
        using var tiny = new TinyRun();
        var run = new RunConfiguration
        {
            Model = tiny.File("model"),
            Output = tiny.File("out"),
            Adapter = new() { R = 2, TargetModules = ModulePattern.Of(["query"]) },
            Data = new()
            {
                Train = tiny.File("train.tsv"),
                Validation = tiny.File("dev.tsv"),
                Text = ColumnReference.ByName("sentence"),
                Label = ColumnReference.ByName("label")
            },
            NumTrainEpochs = 2,
        };
        using var device = new CpuDevice(new CpuOptions { Threads = 2 });
        using (var trainer = new Trainer(run, device))
        {
            trainer.Train();
        }

        Assert.Equal(3, File.ReadAllLines(tiny.File("out/evaluations.jsonl")).Length);
        Assert.Contains("eval_strategy: epoch", File.ReadAllText(tiny.File("out/config.yaml")), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 16, 32, "data.validation_limit is '0'")]
    [InlineData(8, 0, 32, "per_device_eval_batch_size is '0'")]
    [InlineData(8, 1 << 21, 32, "per_device_eval_batch_size")]
    [InlineData(8, 16, 1, "max_length is '1'")]
    public void What_sharpness_is_measured_on_goes_by_the_same_bounds(int rows, int batch, int length, string expected)
    {
        RunConfiguration run = Plain with { PerDeviceEvalBatchSize = batch, MaxLength = length };
        SharpnessSubject subject = SharpnessSubject.OfRun("run", run, rows);
        Assert.Contains(expected, Assert.Throws<ConfigurationException>(() => SharpnessAnalysis.Require(subject)).Message);
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        Assert.Contains(
            expected,
            Assert.Throws<ConfigurationException>(() => new SharpnessAnalysis(device, new SharpnessOptions()).Measure(subject)).Message);
        Assert.Contains("no column numbers", Assert.Throws<ConfigurationException>(() => SharpnessAnalysis.Require(
            subject with
            {
                Run =
                Plain with { Data = Plain.Data with { Format = DataFormats.JsonLines, Text = ColumnReference.ByIndex(0) } }
            })).Message);
        foreach (SharpnessOptions options in (SharpnessOptions[])[new() { Grid = 50_000 }, new() { Samples = int.MaxValue },
            new() { Instruments = [(SharpnessInstrument)99] }])
        {
            Assert.Throws<ConfigurationException>(() => new SharpnessAnalysis(device, options));
        }
    }

    /// <summary>What a caller must not write cannot be written: counts, scales, the best so far.</summary>
    [Fact]
    public void State_of_training_has_no_public_setter()
    {
        foreach ((Type type, string property) in ((Type, string)[])[
            (typeof(TrainingSession), nameof(TrainingSession.StepsTaken)),
            (typeof(TrainingSession), nameof(TrainingSession.MicroBatchesTaken)),
            (typeof(LossScaling), nameof(LossScaling.State)),
            (typeof(Engine.Training.Metrics.BestTracker), nameof(Engine.Training.Metrics.BestTracker.State))])
        {
            Assert.Null(type.GetProperty(property)!.GetSetMethod());
        }
    }
}
