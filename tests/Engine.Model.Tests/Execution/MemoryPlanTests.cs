using Engine.Devices;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;

namespace Engine.Model.Tests.Execution;

/// <summary>The planned memory of models of real sizes; nothing of it is allocated.</summary>
public sealed class MemoryPlanTests
{
    private const string RobertaBase = """
        {
          "architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "hidden_size": 768, "num_hidden_layers": 12,
          "num_attention_heads": 12, "intermediate_size": 3072, "max_position_embeddings": 514, "vocab_size": 50265, "type_vocab_size": 1,
          "pad_token_id": 1, "layer_norm_eps": 1e-05, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1
        }
        """;

    private const string Qwen25Half = """
        {
          "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14,
          "num_key_value_heads": 2, "intermediate_size": 4864, "max_position_embeddings": 32768, "vocab_size": 151936, "rms_norm_eps": 1e-06,
          "rope_theta": 1000000.0, "hidden_act": "silu", "tie_word_embeddings": true
        }
        """;

    private static readonly Dictionary<string, Architecture> Models = new()
    {
        ["roberta-base"] = new RobertaForMaskedLM(EncoderConfig.From(ModelConfig.Parse(RobertaBase))),
        ["qwen2.5-0.5b"] = new Qwen2ForCausalLM(DecoderConfig.From(ModelConfig.Parse(Qwen25Half))),
    };

    /// <summary>Texts of 128 to 2048 tokens, a label at one token in seven or at every one.</summary>
    public static TheoryData<string, int, int, int> Shapes => new()
    {
        { "roberta-base", 8, 1024, 160 },
        { "roberta-base", 8, 4096, 608 },
        { "roberta-base", 2, 1024, 0 },
        { "qwen2.5-0.5b", 1, 512, 0 },
        { "qwen2.5-0.5b", 4, 8192, 1184 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Checkpointing_keeps_one_tensor_a_layer_and_the_activations_of_one_layer(string name, int rows, int tokens, int selected)
    {
        var shape = new BatchShape(rows, tokens, selected);
        long kept = Layout(name, shape, checkpointing: false).ArenaBytes, repeated = Layout(name, shape, checkpointing: true).ArenaBytes;
        Assert.InRange(repeated, 0, (long)(0.4 * kept));
    }

    /// <summary>The best placement is NP-hard to find; what the planner's rule loses to no placement at all, gaps included, stays below a tenth.</summary>
    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_arena_is_at_most_a_tenth_larger_than_what_is_alive_at_the_worst_moment(string name, int rows, int tokens, int selected)
    {
        foreach (bool checkpointing in (bool[])[false, true])
        {
            PlanLayout layout = Layout(name, new BatchShape(rows, tokens, selected), checkpointing);
            Assert.InRange((double)layout.ArenaBytes / layout.LiveBytes, 1.0, 1.1);
        }
    }

    private static PlanLayout Layout(string name, BatchShape shape, bool checkpointing)
    {
        using Device device = TestDevices.Open("cpu");
        using var model = new TransformerModel(Models[name], new Tuning.Full());
        using var inputs = new BatchInputs(model.Architecture, shape);
        var options = new RunnerOptions { Gradients = true, Dropout = true, GradientCheckpointing = checkpointing };
        return Planner.Layout(device, model.BuildGraph(inputs, shape, options).Graph);
    }
}
