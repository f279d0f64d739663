using System.Text.Json.Nodes;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>
/// Every family of decoders with random weights against <see cref="DecoderReference"/> in double precision, which needs no goldens: logits,
/// loss, and the slope of the loss along a random direction of each parameter.
/// </summary>
public sealed class DecoderFamilyTests
{
    private const string Sizes = """
        "vocab_size":37,"hidden_size":24,"num_attention_heads":4,"num_key_value_heads":2,"head_dim":8,"intermediate_size":20,
        "max_position_embeddings":64,"rms_norm_eps":1e-5,"rope_theta":1000.0,"pad_token_id":0,"initializer_range":0.3
        """;

    private static readonly Dictionary<string, string> Families = new(StringComparer.Ordinal)
    {
        ["llama"] = """ "num_hidden_layers":2,"attention_bias":true,"mlp_bias":true """,
        ["qwen2"] = """ "num_hidden_layers":2 """,
        ["qwen3"] = """ "num_hidden_layers":2 """,
        ["mistral"] = """ "num_hidden_layers":2,"sliding_window":5 """,
        ["gemma2"] = """
            "num_hidden_layers":2,"sliding_window":4,"layer_types":["sliding_attention","full_attention"],"query_pre_attn_scalar":11.0,
            "attn_logit_softcapping":1.5,"final_logit_softcapping":2.5
            """,
        ["gemma3_text"] = """
            "num_hidden_layers":3,"sliding_window":4,"layer_types":["sliding_attention","sliding_attention","full_attention"],
            "query_pre_attn_scalar":11.0,"rope_local_base_freq":50.0
            """,
        ["phi3"] = """ "num_hidden_layers":2,"partial_rotary_factor":0.75 """,
        ["olmo2"] = """ "num_hidden_layers":2 """,
    };

    private static readonly int[][] Texts = [[5, 9, 1, 30, 2, 17, 17, 4, 36, 11, 8, 3, 20], [7], [12, 6, 33, 2, 19, 25, 1]];

    /// <summary>Compiled kernels are held by Transformers' goldens for every family but this one.</summary>
    private const string WithoutGoldens = "olmo2";

    public static TheoryData<string, string> OnDevices
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (string device in TestDevices.Quick)
            {
                foreach (string family in Families.Keys.Where(family => device == "cpu" || family == WithoutGoldens))
                {
                    rows.Add(device, family);
                }
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void Logits_and_slopes_agree_with_double_precision(string deviceName, string family)
    {
        using var folder = new TemporaryFolder();
        JsonObject config = JsonNode.Parse($"{{\"model_type\":\"{family}\",{Sizes},{Families[family]}}}")!.AsObject();
        File.WriteAllText(folder.File("config.json"), config.ToJsonString());
        Architecture architecture = ModelFolder.Open(folder.Root).CreateArchitecture();
        Dictionary<string, double[]> parameters = RandomModel.Write(architecture, folder.File("model.safetensors"));
        RaggedBatch batch = RaggedBatch.FromRows([.. Texts.Select(text => (text, (int[]?)null))]);
        batch = batch.WithNextTokenLabels(batch.InputIds);
        using var loaded = new LoadedModel(
            folder.Root, null, train: true, BatchShape.Of(architecture, batch, everyToken: true), deviceName);
        Assert.Empty(loaded.Report.Initialized);
        ModelRun run = loaded.Run(batch, new RunnerOptions { Gradients = true, EveryToken = true, VocabularyLogits = true });
        var reference = new DecoderReference(config, parameters);
        double[] logits = [.. Texts.SelectMany(text => reference.Logits(text).SelectMany(row => row))];

        // Float32 sums of up to 24 terms through three layers; logits are of order one.
        Numbers.Near(logits, run.Logits[..logits.Length], 3e-5, 3e-5);
        Assert.Equal(Loss(), run.Loss, 1e-5);

        RandomModel.CheckSlopes(loaded, parameters, Loss);

        double Loss() => Texts.Where(text => text.Length > 1).Sum(text => (text.Length - 1) * reference.Loss(text))
            / Texts.Sum(text => text.Length - 1);
    }
}
