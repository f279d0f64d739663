using Engine.Common;
using Engine.Devices;
using Engine.Optim.Methods;
using Engine.Optim.Schedules;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Data.Formats;
using Engine.Training.Running;

namespace Engine.Training.Tests.Configuration;

public sealed class RunConfigurationTests : IDisposable
{
    private const string Minimal = """
        model: base
        output: out
        data: {train: train.tsv, text: sentence, label: label}

        """;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Every_key_of_a_full_run_file_is_read()
    {
        RunConfiguration run = Load("""
            model: path/to/hugging-face-folder
            task: sequence-classification        # regression, masked-lm
            output: runs/demo
            method: {name: flat-lora, rho: 0.05, noise_seed: 18446744073709551615}
            adapter: {r: 8, lora_alpha: 16, lora_dropout: 0.0, target_modules: [query, value], use_rslora: false, init: optional/peft-folder}
            data: {train: train.tsv, validation: dev.tsv, format: tsv, header: true, text: sentence, text_pair: other, label: label}
            learning_rate: 5.0e-4
            weight_decay: 0.0
            num_train_epochs: 3
            per_device_train_batch_size: 16
            gradient_accumulation_steps: 1
            lr_scheduler_type: linear
            warmup_steps: 0
            max_grad_norm: 1.0
            max_length: 128
            seed: 1
            """);
        Assert.Equal(Path.Combine(folder.Root, "path/to/hugging-face-folder"), run.Model);
        Assert.Equal(Path.Combine(folder.Root, "runs/demo"), run.Output);
        Assert.Equal(Path.Combine(folder.Root, "optional/peft-folder"), run.Adapter!.Init);
        Assert.Equal(new FlatLora { Rho = 0.05, NoiseSeed = ulong.MaxValue }, run.Method);
        Assert.Equal((8, 16.0, 0.0, false), (run.Adapter.R, run.Adapter.LoraAlpha, run.Adapter.LoraDropout, run.Adapter.UseRslora));
        Assert.Equal(["query", "value"], run.Adapter.TargetModules!.Names!);
        Assert.Equal(ColumnReference.ByName("other"), run.Data.TextPair);
        Assert.Equal(
            (5e-4, 16, ScheduleKind.Linear, 128, 1UL),
            (run.LearningRate, run.PerDeviceTrainBatchSize, run.LrSchedulerType, run.MaxLength!.Value, run.Seed));
        Assert.Equal(
            (IntervalStrategy.Epoch, "accuracy", true), (run.EvalStrategy!.Value, run.MetricForBestModel!, run.GreaterIsBetter!.Value));
    }

    [Fact]
    public void Absent_keys_have_the_defaults_of_Transformers()
    {
        RunConfiguration run = Load(Minimal);
        Assert.Equal(
            (5e-5, 3.0, -1, 8, 1.0, 0.999),
            (run.LearningRate, run.NumTrainEpochs, run.MaxSteps, run.PerDeviceTrainBatchSize, run.MaxGradNorm, run.AdamBeta2));
        Assert.Null(run.Method);
        Assert.Null(run.Adapter);
        Assert.Equal(IntervalStrategy.No, run.EvalStrategy);
        Assert.Null(Load(Minimal + "method: plain\nadapter: null\n").Method);
    }

    [Fact]
    public void A_written_configuration_reads_back_as_itself()
    {
        string[] settings =
        [
            "method={name: flat-lora, rho: 0.1, noise_seed: 18446744073709551615}", "adapter.target_modules=.*(query|value)",
            "adapter.modules_to_save=[classifier]",
            "data.text=3", "data.label='1'", "data.labels=['0', \"yes: no\", null]", "lr_scheduler_type=cosine_with_restarts",
            "lr_scheduler_kwargs.num_cycles=2", "learning_rate=1e-4",
            "output='/tmp/with space/ünï: #x'", "data.validation=dev.tsv", "eval_strategy=no",
        ];
        RunConfiguration run = Load(Minimal, settings);
        string yaml = run.ToYaml();
        RunConfiguration again = RunConfiguration.Load(folder.Write("written.yaml", yaml));
        Assert.Equal(yaml, again.ToYaml());
        Assert.Equal(
            (run.Model, run.Output, run.LearningRate, run.LrSchedulerKwargs),
            (again.Model, again.Output, again.LearningRate, again.LrSchedulerKwargs));
        Assert.Equal((ColumnReference.ByIndex(3), ColumnReference.ByName("1")), (again.Data.Text!, again.Data.Label!));
        Assert.Equal(["0", "yes: no", "null"], again.Data.Labels!);
        Assert.Equal(".*(query|value)", again.Adapter!.TargetModules!.Expression);
        Assert.Equal(new FlatLora { Rho = 0.1, NoiseSeed = ulong.MaxValue }, again.Method);
    }

    [Fact]
    public void Prebatched_data_is_one_epoch()
    {
        string[] prebatched = ["data={train: batches.safetensors, format: prebatched}"];
        RunConfiguration run = Load(Minimal, prebatched);
        Assert.Equal(12, RunLength.Of(run, batchesPerEpoch: 12).TotalSteps);
        Assert.Equal(run.ToYaml(), Load(run.ToYaml()).ToYaml());
        Assert.Equal(5, RunLength.Of(Load(Minimal + "max_steps: 5\n", prebatched), 12).TotalSteps);
        Assert.Contains("used once", Fails(Minimal + "num_train_epochs: 3\n", prebatched));
    }

    [Fact]
    public void Damaged_run_files_are_refused_and_never_crash()
    {
        string yaml = Minimal
            + "method: {name: flat-lora, rho: 0.5}\nadapter:\n  target_modules: [query, value]\n  init: \"a\\tb\"\nlearning_rate: 1e-4\n";
        PhiloxGenerator random = new(11, 0, 0);
        const string inserted = "{}[]:,-&*!|>'\"%@`#?\n\t 0.\0é";
        int refused = 0, rounds = WantedDevices.Long ? 1000 : 200;
        for (int i = 0; i < rounds; i++)
        {
            PhiloxWords words = random.Block((ulong)i);
            int at = (int)(words.X % (uint)yaml.Length);
            int removed = (int)Math.Min(words.Y % 4, (uint)(yaml.Length - at));
            string damaged = yaml.Remove(at, removed).Insert(at, inserted[(int)(words.Z % (uint)inserted.Length)].ToString());
            if (Record.Exception(() => Load(damaged)) is { } error)
            {
                Assert.IsType<ConfigurationException>(error);
                refused++;
            }
        }

        Assert.InRange(refused, rounds / 5, rounds);
    }

    [Theory]
    [InlineData("learning_rat: 1\n", "run.yaml:4: the run file has no key 'learning_rat'; did you mean 'learning_rate'?")]
    [InlineData("adapter:\n  r: 8\n  lora_aplha: 3\n", "run.yaml:6: adapter has no key 'lora_aplha'; did you mean 'lora_alpha'?")]
    [InlineData("learning_rate: fast\n", "run.yaml:4: learning_rate is 'fast'; expected a number.")]
    [InlineData("learning_rate: -1\n", "run.yaml:4: learning_rate is '-1'; expected a finite number of at least 0.")]
    [InlineData("learning_rate: .nan\n", "run.yaml:4: learning_rate is '.nan'; expected a finite number")]
    [InlineData("learning_rate: '1e-3'\n", "expected a number")]
    [InlineData("learning_rate: [1]\n", "learning_rate is a list")]
    [InlineData("adam_beta1: 1\n", "of at least 0 and below 1")]
    [InlineData("per_device_train_batch_size: 0\n", "a whole number of at least 1")]
    [InlineData("per_device_train_batch_size: 1.5\n", "expected a whole number")]
    [InlineData("max_steps: 99999999999\n", "expected a whole number")]
    [InlineData("max_steps: 0\n", "max_steps: 0 steps train nothing")]
    [InlineData("seed: -1\n", "expected a whole number of at least 0")]
    [InlineData("load_best_model_at_end: yes\n", "expected true or false")]
    [InlineData("task: classification\n", "did you mean 'sequence-classification'?")]
    [InlineData("lr_scheduler_type: cosin\n", "did you mean 'cosine'?")]
    [InlineData("metric_for_best_model: acuracy\n", "did you mean 'accuracy'?")]
    [InlineData("metric_for_best_model: pearson\n", "metric_for_best_model is 'pearson'")]
    [InlineData("model: again\n", "run.yaml:4: the key 'model' is there twice (first at ")]
    [InlineData("adapter: 8\n", "adapter is '8'; expected a map")]
    [InlineData("adapter: {target_modules: []}\n", "a list with at least one entry")]
    [InlineData("method: {rho: 1}\n", "'method.name' is missing")]
    [InlineData("method: {name: sam, rho: [1]}\n", "run.yaml:4: method.rho is a list; expected a number, or a map such as {rise: 0.05}.")]
    [InlineData("method: {name: plain, rho: 1}\n", "run.yaml:4: the method plain has no key 'rho'; it belongs to the methods flat-lora, ")]
    [InlineData("dtype: half\n", "float32, bfloat16, float16")]
    [InlineData("dtype: bfloat16\n", "run.yaml:4: dtype: without an adapter every parameter is trained")]
    [InlineData("bf16: true\n", "run.yaml:4: bf16: without an adapter every matrix is trained and float32")]
    [InlineData("bf16: true\nfp16: true\n", "run.yaml:5: fp16: products are in bfloat16 (bf16) or in float16 (fp16), not in both")]
    [InlineData("products: cublas\n", "own, vendor")]
    [InlineData(
        "products: own\ntf32: true\n",
        "run.yaml:5: tf32: cublasLt computes in TF32, and products: own leaves products to Engine's kernels")]
    [InlineData("method: []\n", "a list with at least one method")]
    [InlineData("method: [flat-lora, {rho: 1}]\n", "'method.name' is missing")]
    [InlineData("eval_strategy: epoch\n", "run.yaml:4: eval_strategy: there is no data.validation")]
    [InlineData("load_best_model_at_end: true\n", "set data.validation")]
    [InlineData("early_stopping_patience: 2\n", "set data.validation")]
    [InlineData("lr_scheduler_type: polynomial\nlearning_rate: 1e-8\n", "must be below learning_rate")]
    [InlineData("seed: &a 1\n", "anchors and aliases")]
    [InlineData("seed: 1\n---\nseed: 2\n", "a second YAML document")]
    [InlineData("seed: [1\n", "this is not YAML")]
    [InlineData("seed: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]\n", "nesting is deeper")]
    public void Wrong_run_files_are_refused_with_place_and_remedy(string lines, string expected)
        => Assert.Contains(expected, Fails(Minimal + lines));

    [Theory]
    [InlineData("format: jsonl, header: true", "only tsv and csv have a header")]
    [InlineData("format: jsonl, text: 0", "no column numbers")]
    [InlineData("header: false", "with header: false columns have no names")]
    [InlineData("format: prebatched", "this format has no columns")]
    [InlineData("format: text, text: null, label: null", "read for task: masked-lm or causal-lm only")]
    [InlineData("text: null", "'data.text' is missing")]
    [InlineData("label: null", "'data.label' is missing")]
    [InlineData("validation_limit: 3", "no data.validation to limit")]
    [InlineData("train: null", "'data.train' is missing")]
    [InlineData("format: orc", "data.format is 'orc'")]
    [InlineData("labels: yes", "data.labels is 'yes'; expected a list")]
    public void Data_keys_that_do_not_go_together_are_refused(string settings, string expected)
    {
        string[] overrides = [.. settings.Split(", ").Select(setting => "data." + setting.Replace(": ", "=", StringComparison.Ordinal))];
        Assert.Contains(expected, Fails(Minimal, overrides));
    }

    [Theory]
    [InlineData("t.jsonl", "", "jsonl")]
    [InlineData("t.JSON", "", "json")]
    [InlineData("t.txt", "", "text")]
    [InlineData("t.safetensors", "", "prebatched")]
    [InlineData("t.txt", ", format: jsonl", "jsonl")]
    public void Format_of_causal_data_goes_by_the_files_ending(string file, string format, string expected)
    {
        RunConfiguration run = Load($"model: m\noutput: o\ntask: causal-lm\ndata: {{train: {file}{format}}}\n");
        Assert.Equal(expected, run.Data.Format?.Name);
        Assert.Equal(
            (true, false, "loss", false), (run.CompletionOnlyLoss, run.Packing, run.MetricForBestModel, run.GreaterIsBetter!.Value));
        Assert.Null(run.ChatTemplate);
    }

    [Theory]
    [InlineData("train: t.csv", "csv")]
    [InlineData("train: t.TSV", "tsv")]
    [InlineData("train: t.jsonl, validation: v.ndjson", "jsonl")]
    [InlineData("train: [a.json, b.json]", "json")]
    [InlineData("train: t.csv, format: tsv", "tsv")]
    [InlineData("train: t.data, format: csv", "csv")]
    [InlineData("train: [a.csv, b.tsv], validation: v.jsonl", null)]
    public void Format_of_labelled_data_goes_by_the_files_endings(string files, string? expected)
    {
        RunConfiguration run = Load($"model: m\noutput: o\ndata: {{{files}, text: a, label: b}}\n");
        Assert.Equal(expected, run.Data.Format?.Name);
        Assert.Equal(run.ToYaml(), RunConfiguration.Load(folder.Write("again.yaml", run.ToYaml())).ToYaml());
    }

    [Fact]
    public void Data_may_be_several_files_with_another_delimiter()
    {
        RunConfiguration run =
            Load("model: m\noutput: o\ndata: {train: [a.csv, sub/b.csv], validation: c.csv, delimiter: '|', text: t, label: l}\n");
        Assert.Equal([Path.Combine(folder.Root, "a.csv"), Path.Combine(folder.Root, "sub", "b.csv")], run.Data.Train.Paths);
        Assert.Equal('|', run.Data.Delimiter);
        RunConfiguration again = RunConfiguration.Load(folder.Write("again.yaml", run.ToYaml()));
        Assert.Equal(
            (run.Data.Train, run.Data.Validation, run.Data.Delimiter), (again.Data.Train, again.Data.Validation, again.Data.Delimiter));
        Assert.Equal('\t', Load(Minimal, ["data.delimiter=\\t"]).Data.Delimiter);
        Assert.Equal(';', Load(Minimal, ["data.delimiter=;"]).Data.Delimiter);
    }

    [Fact]
    public void Folders_and_patterns_of_data_are_written_out_as_their_files()
    {
        Directory.CreateDirectory(folder.File("shards"));
        string[] files = [folder.Write("shards/a-1.csv", ""), folder.Write("shards/a-2.csv", ""), folder.Write("b.csv.gz", "")];
        RunConfiguration run =
            Load("model: m\noutput: o\ndata: {train: [shards, b.csv.gz], validation: shards/*-2.csv, text: t, label: l}\n");
        Assert.Equal(files, run.Data.Train.Paths);
        Assert.Equal([files[1]], run.Data.Validation!.Paths);
        Assert.Equal(DataFormats.Csv, run.Data.Format);
        Assert.Equal(run.Data, RunConfiguration.Load(folder.Write("again.yaml", run.ToYaml())).Data);
    }

    [Theory]
    [InlineData("train: t, text: a, label: b", "data.train: there is no file '")]
    [InlineData("train: t.csv, validation: v.dat, text: a, label: b", "data.validation: there is no file '")]
    [InlineData("train: t.csv, delimiter: ';;', text: a, label: b", "data.delimiter is ';;'; expected one character")]
    [InlineData("train: t.csv, delimiter: '\"', text: a, label: b", "data.delimiter is '\"'; expected one character")]
    [InlineData("train: t.jsonl, delimiter: ';', text: a, label: b", "data.delimiter: only tsv and csv")]
    [InlineData("train: t.txt, text: a, label: b", "this format has no columns")]
    [InlineData("train: [t.csv, t.csv], text: a, label: b", "more than once")]
    [InlineData("train: [], text: a, label: b", "a list with at least one entry")]
    [InlineData("train: [a.safetensors, b.safetensors]", "prebatched data is one file")]
    public void Data_files_that_cannot_be_read_as_the_file_says_are_refused(string data, string expected) =>
        Assert.Contains(expected, Fails($"model: m\noutput: o\ndata: {{{data}}}\n"));

    [Theory]
    [InlineData("data: {train: t.tsv}", "the ending of 't.tsv'")]
    [InlineData("data: {train: t.tsv, format: tsv}", "tables are not read")]
    [InlineData("data: {train: t.jsonl, text: x}", "see data.kind")]
    [InlineData("data: {train: t.txt, kind: text}", "data.kind: it is read for task: causal-lm with jsonl")]
    [InlineData("data: {train: t.jsonl, kind: chat}", "data.kind is 'chat'")]
    [InlineData("data: {train: t.txt}\nchat_template: chatml", "chat_template: it is read")]
    [InlineData("data: {train: t.jsonl}\nchat_template: llama2", "did you mean 'llama3'?")]
    [InlineData("data: {train: t.safetensors}\npacking: true", "packing: it is for")]
    [InlineData("data: {train: t.safetensors}\ncompletion_only_loss: false", "completion_only_loss: it is for")]
    public void Keys_of_causal_data_that_do_not_go_together_are_refused(string lines, string expected) =>
        Assert.Contains(expected, Fails($"model: m\noutput: o\ntask: causal-lm\n{lines}\n"));

    [Theory]
    [InlineData("packing: true")]
    [InlineData("completion_only_loss: false")]
    [InlineData("chat_template: chatml")]
    public void Keys_of_causal_data_are_refused_for_other_tasks(string line) =>
        Assert.Contains("task: causal-lm", Fails(Minimal + line + "\n"));

    [Fact]
    public void Overrides_replace_values_under_the_same_checks()
    {
        RunConfiguration run =
            Load(Minimal + "method: flat-lora\n", ["learning_rate=1e-3", "adapter.r=4", "method.rho=0.2", "data.text=text"]);
        Assert.Equal((1e-3, 4), (run.LearningRate, run.Adapter!.R!.Value));
        Assert.Equal(new FlatLora { Rho = 0.2 }, run.Method);
        Assert.Null(Load(Minimal + "adapter: {r: 4}\n", ["adapter=null"]).Adapter);
        Assert.Contains("override learning_rat: the run file has no key", Fails(Minimal, ["learning_rat=1"]));
        Assert.Contains("override adapter.r is 'x'", Fails(Minimal, ["adapter.r=x"]));
        Assert.Contains("override model.x: 'model'", Fails(Minimal, ["model.x=1"]));
        Assert.Contains("expected key=value", Fails(Minimal, ["seed"]));
        Assert.Contains(
            "override method: the method flat-lora has no key 'roh'; did you mean 'rho'?",
            Fails(Minimal, ["method={name: flat-lora, roh: 1}"]));
    }

    [Fact]
    public void A_list_of_methods_is_read_and_written_again()
    {
        RunConfiguration run = Load(Minimal + "method:\n  - {name: flat-lora, rho: 0.1}\n  - nbar\n");
        Assert.Equal("flat-lora+nbar", run.Method!.Name);
        Assert.Equal(new Together(new FlatLora { Rho = 0.1 }, new NBar()), run.Method);
        RunConfiguration again = Load(run.ToYaml());
        Assert.Equal(run.ToYaml(), again.ToYaml());
        Assert.Equal(run.Method, again.Method);
        Assert.Equal(new FlatLora(), Load(Minimal + "method: [flat-lora]\n").Method);
    }

    [Theory]
    [InlineData(3.0, -1, 230, 2, 115, 345)]
    [InlineData(3.0, -1, 231, 2, 116, 348)]
    [InlineData(0.5, -1, 231, 2, 116, 58)]
    [InlineData(3.0, 7, 231, 2, 116, 7)]
    [InlineData(1.0, -1, 1, 4, 1, 1)]
    public void Steps_are_counted_as_Transformers_counts_them(
        double epochs, int maxSteps, int batches, int accumulate, int perEpoch, int total)
    {
        RunConfiguration run = Load(Minimal) with { NumTrainEpochs = epochs, MaxSteps = maxSteps, GradientAccumulationSteps = accumulate };
        var length = RunLength.Of(run, batches);
        Assert.Equal((perEpoch, total), (length.StepsPerEpoch, length.TotalSteps));
    }

    [Fact]
    public void Schedule_and_metric_follow_the_run_file()
    {
        RunConfiguration run = Load(
            "task: regression\nmetric_for_best_model: eval_mse\nwarmup_ratio: 0.06\n"
                + Minimal.Replace("tsv,", "tsv, validation: dev.tsv,", StringComparison.Ordinal));
        Assert.Equal(7, run.CreateSchedule(101).WarmupSteps);
        Assert.Equal("mse", run.BestMetric);
        Assert.False(run.GreaterIsBetter);
        Assert.Equal("mse", run.CreateBestTracker().Metric);
    }

    [Fact]
    public void Missing_and_empty_run_files_are_refused()
    {
        Assert.Contains(
            "does not exist",
            Assert.Throws<ConfigurationException>(() => RunConfiguration.Load(Path.Combine(folder.Root, "none.yaml"))).Message);
        Assert.Contains("not a map", Fails(""));
        Assert.Contains("not a map", Fails("- a\n"));
        Assert.Contains("'model' is missing", Fails("seed: 1\n"));
    }

    private RunConfiguration Load(string yaml, params string[] overrides) =>
        RunConfiguration.Load(folder.Write("run.yaml", yaml), overrides);

    private string Fails(string yaml, params string[] overrides) =>
        Assert.Throws<ConfigurationException>(() => Load(yaml, overrides)).Message;
}
