using System.Diagnostics;
using System.Text.Json;
using Engine.Devices;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Forms;
using Engine.Model.HuggingFace;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Optim;
using Engine.Optim.Methods;

namespace Engine.Bench;

/// <summary>
/// Whole LoRA steps of a RoBERTa-base-sized classifier (random weights, 8 texts of 128 tokens, rank 8 on query and value), beside
/// PyTorch's.
/// </summary>
internal static class TrainingBench
{
    private const int Rows = 8;
    private const int Length = 128;
    private const int Rounds = 4;

    private const string RobertaBase = """
        {
          "architectures": ["RobertaForSequenceClassification"], "model_type": "roberta", "hidden_size": 768, "num_hidden_layers": 12,
          "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 514, "vocab_size": 50265, "type_vocab_size": 1,
          "pad_token_id": 1, "layer_norm_eps": 1e-05, "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0
        }
        """;

    /// <summary>Times our steps and, in turns with them, the peer's script where Python with torch is there.</summary>
    public static void Run(Device device)
    {
        using TransformerModel model = Model();
        RaggedBatch batch = Batch();
        using TrainingSession session = Started(device, model, batch);
        double ours = double.PositiveInfinity;
        double? peer = null;
        for (int round = 0; round < Rounds; round++)
        {
            ours = Math.Min(ours, Seconds(session, batch));
            if (PeerSeconds() is double seconds)
            {
                peer = Math.Min(peer ?? seconds, seconds);
            }
        }

        Measurement.Report(
            device, "lora-step", $"roberta-base {Rows}x{Length} r8", ours, Operations, peer is null ? "none" : "PyTorch",
            peer ?? double.NaN);
    }

    /// <summary>
    /// A step's operations, forward and backward through the frozen weights: 2 multiplications and additions per weight and token each.
    /// </summary>
    internal const double Operations = 4.0 * 85.0e6 * Rows * Length;

    /// <summary>A session that has taken a step.</summary>
    /// <param name="method">A name of the catalogue.</param>
    internal static TrainingSession Started(Device device, TransformerModel model, RaggedBatch batch, string method = Plain.MethodName)
    {
        BatchShape shape = BatchShape.Of(model.Architecture, batch);
        model.Allocate(device);
        ModelWeights.InitializeAll(model, seed: 1);
        AdapterInitialization.Start(model, seed: 1);
        var session = new TrainingSession(
            device, model, MethodCatalog.Create(method).CreatePlugIn(), new AdamWOptions(), shape, totalSteps: 100, seed: 1);
        session.Allocate([shape], []);
        session.Begin();
        session.Step([batch], 1e-3, "benchmark");
        return session;
    }

    /// <summary>A step's time.</summary>
    internal static double Seconds(TrainingSession session, RaggedBatch batch)
    {
        long start = Stopwatch.GetTimestamp();
        session.Step([batch], 1e-3, "benchmark");
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    /// <summary>The classifier with its adapters.</summary>
    internal static TransformerModel Model() => Model(dropout: 0, "query", "value");

    /// <summary>The classifier, every parameter trained.</summary>
    internal static TransformerModel WholeModel() => new(Classifier(), new Tuning.Full());

    /// <summary>The same with dropout before the adapters of these modules.</summary>
    internal static TransformerModel Model(double dropout, params string[] modules) => Model(dropout, form: null, modules);

    /// <summary>The same with adapters of a form.</summary>
    internal static TransformerModel Model(double dropout, AdapterForm? form, params string[] modules)
    {
        Architecture architecture = Classifier();
        var config = new AdapterConfig
        {
            Rank = 8,
            LoraAlpha = 16,
            LoraDropout = dropout,
            Form = form,
            TargetModules = ModulePattern.Of(modules),
            TaskType = AdapterConfig.SequenceClassification,
        };
        return new TransformerModel(architecture, ModelAdapters.Tuning(architecture, config));
    }

    private static Architecture Classifier() =>
        ArchitectureCatalog.Create(ModelConfig.Parse(RobertaBase), HeadKind.SequenceClassification);

    internal static RaggedBatch Batch()
    {
        RaggedBatch batch = RaggedBatch.FromRows([.. Enumerable.Range(0, Rows).Select(row =>
            (Enumerable.Range(0, Length).Select(i => 5 + (((row * Length) + i) * 7919 % 50000)).ToArray(), (int[]?)null))]);
        return batch with { ClassLabels = [.. Enumerable.Range(0, Rows).Select(row => row % 2)] };
    }

    /// <summary>The best of three steps of bench/peers/lora_step.py; null where it cannot run.</summary>
    private static double? PeerSeconds()
    {
        string script = Path.Combine("bench", "peers", "lora_step.py");
        if (!File.Exists(script))
        {
            return null;
        }

        using Process process = Process.Start(new ProcessStartInfo("/usr/bin/python3", [script, "3"]) { RedirectStandardOutput = true })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? JsonDocument.Parse(output).RootElement.GetProperty("seconds").GetDouble() : null;
    }
}
