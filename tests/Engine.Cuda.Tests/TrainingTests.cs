using Engine.Devices;
using Engine.Devices.Cuda;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Optim;
using Engine.Optim.Methods;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Cuda.Tests;

/// <summary>
/// Whole training steps on a card that computes nothing: the launches, the graphs and the memory are real, the numbers are not.
/// </summary>
public sealed class TrainingTests : FakeDriverTests
{
    private const string Roberta = """
        {
          "architectures": ["RobertaForSequenceClassification"], "model_type": "roberta", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
          "intermediate_size": 48, "max_position_embeddings": 66, "vocab_size": 100, "type_vocab_size": 1, "pad_token_id": 1, "layer_norm_eps": 1e-05,
          "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1
        }
        """;

    private const string Qwen = """
        {
          "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": 275, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
          "num_key_value_heads": 2, "intermediate_size": 48, "max_position_embeddings": 64, "hidden_act": "silu", "rms_norm_eps": 1e-06, "rope_theta": 10000.0,
          "tie_word_embeddings": true
        }
        """;

    [FakeDriverTheory]
    [InlineData("lora", true)]
    [InlineData("lora", false)]
    [InlineData("flat-lora", true)]
    [InlineData("lora-sam", true)]
    public void A_step_replays_its_plans_as_graphs_and_takes_the_memory_that_was_forecast(string method, bool pools)
    {
        FakeDriver.Set("pools", pools ? 1 : 0);
        using CudaDevice device = FakeDriver.Open();
        RaggedBatch batch = Batch(9, 30, 4);
        using var training = new Training(device, method, batch);
        FakeDriver.Reset();
        FakeDriver.Set("pools", pools ? 1 : 0);
        long held = FakeDriver.Count("bytes");
        long forecast = training.Session.Forecast([training.Shape], []).Values.Sum();
        training.Start();
        Assert.Equal(forecast, FakeDriver.Count("bytes") - held);
        training.Session.Step([batch], 1e-3, "test");
        Assert.Equal(forecast, FakeDriver.Count("bytes") - held);
        Assert.Equal(pools ? forecast : 0, FakeDriver.Count("pool_peak"));
        Assert.Equal(forecast, device.Memory.Peak);

        // From the second step on nothing is bound or built: uploads, graphs, and one read at the end.
        FakeDriver.Reset();
        training.Session.Step([batch], 5e-4, "test");
        string[] kinds = [.. FakeDriver.Log.Select(line => line.Split(' ')[0])];
        Assert.Equal(["graph-launch", "node", "read", "synchronize", "write"], kinds.Distinct().Order(StringComparer.Ordinal));
        Assert.Equal((1, 1), (kinds.Count(kind => kind == "read"), kinds.Count(kind => kind == "synchronize")));

        // Begin, micro-batch and update; with a second pass ascent and micro-batch again.
        Assert.Equal(method == "lora-sam" ? 5 : 3, kinds.Count(kind => kind == "graph-launch"));

        // Flat-LoRA's first step has measured the loss without noise, too.
        Assert.Equal(method == "lora" ? 3 : 4, FakeDriver.Count("executables"));

        // Another learning rate, another dropout mask, the same arguments: what changes lies in buffers.
        FakeLaunch[] second = FakeDriver.Launches;
        FakeDriver.Reset();
        training.Session.Step([batch], 1e-4, "test");
        Assert.Equal(second.Select(Text), FakeDriver.Launches.Select(Text));
        Assert.Contains(second, launch => launch.Kernel.StartsWith("AdamW", StringComparison.Ordinal));
        Assert.Contains(second, launch => launch.Kernel.StartsWith("MatMulThinGroups", StringComparison.Ordinal));
        Assert.Contains(second, launch => launch.Kernel.StartsWith("Attention", StringComparison.Ordinal));
    }

    public static TheoryData<ElementType, bool> VendorRuns { get; } = WantedDevices.Long
        ? new()
        {
            { ElementType.Float32, false },
            { ElementType.BFloat16, false },
            { ElementType.Float16, true },
            { ElementType.BFloat16, true },
        }
        : new() { { ElementType.Float32, false }, { ElementType.BFloat16, true } };

    /// <summary>
    /// A classifier and a language model, whose loss has products and scratch memory of its own; A in 16 bits is part of the forecast, and
    /// so is what the library holds.
    /// </summary>
    [FakeDriverTheory]
    [MemberData(nameof(VendorRuns))]
    public void A_step_with_the_vendors_products_takes_the_memory_that_was_forecast_and_is_graphs(ElementType type, bool decoder)
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        RaggedBatch batch = decoder ? Texts(40, 33) : Batch(9, 30, 40);
        using var training = new Training(device, "lora", batch, type, products: type, decoder: decoder);
        long held = FakeDriver.Count("bytes"), forecast = training.Session.Forecast([training.Shape], []).Values.Sum();
        Assert.Equal(32 << 20, held);
        training.Start();
        training.Session.Step([batch], 1e-3, "test");
        Assert.Equal(held + forecast, FakeDriver.Count("bytes"));
        Assert.Equal(held + forecast, device.Memory.Peak);
        FakeDriver.Reset();
        training.Session.Step([batch], 1e-3, "test");
        Assert.Equal(
            ["graph-launch", "node", "node-library", "read", "synchronize", "write"],
            FakeDriver.Log.Select(line => line.Split(' ')[0]).Distinct().Order(StringComparer.Ordinal));
        string told = type switch { ElementType.Float32 => "type=0", ElementType.Float16 => "type=2 ", _ => "type=14" };
        Assert.Contains(
            FakeDriver.Log, line => line.StartsWith("node-library cublasLt", StringComparison.Ordinal)
                && line.Contains(told, StringComparison.Ordinal));
        Assert.Equal(
            type != ElementType.Float32,
            FakeDriver.Launches.Any(launch => launch.Kernel.StartsWith("MatMulVendor_Round", StringComparison.Ordinal)));
        Assert.DoesNotContain(FakeDriver.Launches, launch => launch.Kernel.StartsWith("MatMulGroups", StringComparison.Ordinal));

        // Rows and columns follow two views: what is left to us is thin.
        Assert.All(
            FakeDriver.Launches.Where(launch => launch.Kernel.StartsWith("MatMulMatrixUnits", StringComparison.Ordinal)),
            launch => Assert.True(Math.Min(launch.Arguments[4].Value, launch.Arguments[5].Value) <= 16));

        // Without the library the same run needs less.
        using CudaDevice own = FakeDriver.Open();
        using var other = new Training(own, "lora", batch, type, products: type, decoder: decoder);
        Assert.True(type == ElementType.Float32 || other.Session.Forecast([other.Shape], []).Values.Sum() < forecast);
    }

    [FakeDriverFact]
    public void A_method_that_serves_other_tensors_leaves_out_the_librarys_nodes_too()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        RaggedBatch batch = Batch(9, 30, 40);
        using var training = new Training(device, "sl-sam", batch);
        training.Start();
        var counts = new List<int>();
        for (int step = 0; step < 5; step++)
        {
            FakeDriver.Reset();
            training.Session.Step([batch], 1e-3, "test");
            counts.Add(FakeDriver.Log.Count(line => line.StartsWith("node-library cublasLt", StringComparison.Ordinal)));
        }

        Assert.True(counts.Distinct().Count() > 1, $"every step ran {counts[0]} products, whatever it served");
    }

    [FakeDriverFact]
    [Trait("Category", "Long")]
    public void A_profile_tells_the_librarys_products_from_ours()
    {
        using CudaDevice device = FakeDriver.OpenVendor();
        RaggedBatch batch = Batch(9, 30, 40);
        using var training = new Training(device, "lora", batch, ElementType.BFloat16, products: ElementType.BFloat16);
        training.Start();
        training.Session.Profile = new Graph.Profile();
        training.Session.Step([batch], 1e-3, "test");
        string[] operators = [.. training.Session.Profile.Rows.Select(row => row.Operator)];
        Assert.Contains("MatMul", operators);
        Assert.Contains("MatMul cublasLt_bf16", operators);
    }

    /// <summary>With float16's loss scaling as well. ESAM's selection needs the samples' losses on the way.</summary>
    [FakeDriverFact]
    public void A_step_reads_to_the_host_once_and_of_a_method_that_selects_samples_twice()
    {
        using CudaDevice device = FakeDriver.Open();
        RaggedBatch batch = Batch(9, 4);
        foreach (string method in MethodCatalog.Names)
        {
            // GOAT changes its frozen weights, which it refuses in 16 bits; LA-LoRA refuses steps that the data leave out.
            ElementType[] types =
                method is Goat.MethodName or LaLora.MethodName ? [ElementType.Float32] : [ElementType.Float32, ElementType.Float16];

            // The second has all that the first has, and loss scaling.
            foreach (ElementType type in WantedDevices.Long ? types : types[^1..])
            {
                using var training = new Training(device, method, batch, type);
                training.Start();
                training.Session.Step([batch, batch], 1e-3, "test");
                FakeDriver.Reset();
                training.Session.Step([batch, batch], 1e-3, "test");
                Assert.Equal(
                    (method, type, method == Esam.MethodName ? 2 : 1),
                    (method, type, FakeDriver.Log.Count(line => line.StartsWith("read ", StringComparison.Ordinal))));
            }
        }
    }

    [FakeDriverFact]
    public void A_method_that_serves_other_tensors_each_step_disables_nodes_and_builds_nothing()
    {
        using CudaDevice device = FakeDriver.Open();
        RaggedBatch batch = Batch(9, 4);
        using var training = new Training(device, "sl-sam", batch);
        training.Start();
        training.Session.Step([batch], 1e-3, "test");
        FakeDriver.Reset();
        var counts = new List<int>();
        for (int step = 0; step < 5; step++)
        {
            int before = FakeDriver.Launches.Length;
            training.Session.Step([batch], 1e-3, "test");
            counts.Add(FakeDriver.Launches.Length - before);
        }

        Assert.DoesNotContain(
            FakeDriver.Log, line => line.StartsWith("launch", StringComparison.Ordinal)
                || line.StartsWith("instantiate", StringComparison.Ordinal));
        Assert.True(counts.Distinct().Count() > 1, $"every step ran {counts[0]} launches, whatever it served");
    }

    [FakeDriverFact]
    public void A_profiled_step_runs_its_launches_one_by_one_and_they_are_the_same()
    {
        using CudaDevice device = FakeDriver.Open();
        RaggedBatch batch = Batch(9, 4);
        using var training = new Training(device, "lora", batch);
        training.Start();
        FakeDriver.Reset();
        training.Session.Step([batch], 1e-3, "test");
        FakeLaunch[] inGraphs = FakeDriver.Launches;
        FakeDriver.Reset();
        training.Session.Profile = new Graph.Profile();
        training.Session.Step([batch], 1e-3, "test");
        Assert.All(FakeDriver.Launches, launch => Assert.False(launch.InGraph));
        Assert.Equal(inGraphs.Select(Text), FakeDriver.Launches.Select(Text));
    }

    [FakeDriverFact]
    public void Memory_that_runs_out_in_the_arena_is_an_error_by_owner()
    {
        using CudaDevice device = FakeDriver.Open();
        using var training = new Training(device, "lora", Batch(9, 30));
        FakeDriver.Set("memory", 200_000);
        Assert.Contains("no room for", Assert.Throws<DeviceOutOfMemoryException>(training.Start).Message);
    }

    /// <summary>
    /// Every norm of a layer in one launch; what comes to the host is the norms that magnitudes start from, not the weights.
    /// </summary>
    [FakeDriverFact]
    public void Doras_norms_are_one_launch_a_layer()
    {
        using CudaDevice device = FakeDriver.Open();
        using var training = new Training(device, "lora", Batch(9), useDora: true);
        training.Model.Allocate(device);
        ModelWeights.InitializeAll(training.Model, seed: 1);
        FakeDriver.Reset();
        AdapterInitialization.Start(training.Model, seed: 1);
        int layers = training.Model.Adapters.Count;
        Assert.Equal(4, layers);

        // Before the magnitudes and after the start, which may change the weights.
        Assert.Equal(2 * layers, FakeDriver.Launches.Count(launch => launch.Kernel.Contains("RowSquaredNorms", StringComparison.Ordinal)));
        Assert.Equal(
            Enumerable.Repeat("read 128", layers), FakeDriver.Log.Where(line => line.StartsWith("read ", StringComparison.Ordinal)));
    }

    [FakeDriverFact]
    public void A_card_lost_in_a_step_stops_the_run_and_says_which_checkpoint_it_can_go_on_from()
    {
        using var tiny = new Engine.Training.Tests.Running.TinyRun();
        using (CudaDevice device = FakeDriver.Open())
        using (var trainer = new Trainer(RunConfiguration.Load(tiny.WriteRun("run", method: "plain")), device, null, new LoseAt(5)))
        {
            var error = Assert.Throws<TrainingException>(() => trainer.Train());
            Assert.IsType<DeviceLostException>(error.StoppedBy);
            Assert.StartsWith("The run stopped after step 5: cuda:0 (Fake Card A)", error.Message, StringComparison.Ordinal);
            Assert.Contains(
                $"{tiny.File("run/checkpoint-3")}, holds the weights after step 3 and can be resumed", error.Message,
                StringComparison.Ordinal);
        }

        FakeDriver.Forget();
    }

    private static string Text(FakeLaunch launch) =>
        $"{launch.Kernel} {launch.Grid} {launch.GroupSize} {string.Join(',', launch.Arguments)}";

    private static RaggedBatch Batch(params int[] lengths)
    {
        RaggedBatch batch = RaggedBatch.FromRows([.. lengths.Select(length => (Enumerable.Range(5, length).ToArray(), (int[]?)null))]);
        return batch with { ClassLabels = [.. lengths.Select(length => length % 2)] };
    }

    /// <summary>Texts of a language model, each token labelled with the next.</summary>
    private static RaggedBatch Texts(params int[] lengths)
    {
        RaggedBatch batch = RaggedBatch.FromRows([.. lengths.Select(length => (Enumerable.Range(5, length).ToArray(), (int[]?)null))]);
        return batch.WithNextTokenLabels([.. lengths.SelectMany(length => Enumerable.Range(5, length))]);
    }

    private sealed class LoseAt(long step) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value is TrainingProgress.Step { StepNumber: var taken } && taken == step)
            {
                FakeDriver.Lose(719);
            }
        }
    }

    /// <summary>A tiny classifier, or language model, with its session.</summary>
    private sealed class Training : IDisposable
    {
        private readonly Device device;

        public Training(
            Device device, string method, RaggedBatch batch, ElementType type = ElementType.Float32, bool useDora = false,
            ElementType products = ElementType.Float32, bool decoder = false)
        {
            this.device = device;
            Architecture architecture = decoder
                ? new CausalDecoder(DecoderConfig.From(ModelConfig.Parse(Qwen)))
                : ArchitectureCatalog.Create(ModelConfig.Parse(Roberta), HeadKind.SequenceClassification);
            Method settings = MethodCatalog.Create(method == "lora" ? Plain.MethodName : method);
            var config = new AdapterConfig
            {
                Rank = method == Goat.MethodName ? 8 : 4,
                LoraAlpha = 8,
                Form = settings.Form,
                TargetModules = decoder ? ModulePattern.Of("q_proj", "v_proj") : ModulePattern.Of("query", "value"),
                TaskType = decoder ? AdapterConfig.CausalLanguageModel : AdapterConfig.SequenceClassification,
                UseDora = useDora,
            };
            TrainingMethod plugIn = settings.CreatePlugIn();
            Tuning.Lora tuning = ModelAdapters.Tuning(architecture, config) with { WritesBaseWeights = plugIn.WritesBaseWeights };
            Model = new TransformerModel(architecture, tuning, type) { Products = products };
            Shape = BatchShape.Of(architecture, batch);
            Session = new TrainingSession(
                device, Model, plugIn, new AdamWOptions { MaxGradNorm = 1 }, Shape, totalSteps: 10, seed: 1, microBatches: 2);
        }

        public TransformerModel Model { get; }

        public TrainingSession Session { get; }

        public BatchShape Shape { get; }

        public void Start()
        {
            Model.Allocate(device);
            ModelWeights.InitializeAll(Model, seed: 1);
            AdapterInitialization.Start(Model, seed: 1);
            Session.Allocate([Shape], []);
            Session.Begin();
        }

        public void Dispose()
        {
            Session.Dispose();
            Model.Dispose();
        }
    }
}
