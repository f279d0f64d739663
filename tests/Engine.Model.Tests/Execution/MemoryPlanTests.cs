using Engine.Devices;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
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
        ["roberta-base"] = ArchitectureCatalog.Create(ModelConfig.Parse(RobertaBase), HeadKind.MaskedLm),
        ["qwen2.5-0.5b"] = new CausalDecoder(DecoderConfig.From(ModelConfig.Parse(Qwen25Half))),
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

    /// <summary>
    /// The best placement is NP-hard to find; what the planner's rule loses to no placement at all, gaps included, stays below a tenth.
    /// </summary>
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

    /// <summary>Qwen2.5-7B's sizes: 7,615,616,512 parameters, its head untied.</summary>
    private static Architecture Qwen7B => new CausalDecoder(DecoderConfig.From(ModelConfig.Parse("""
        {
          "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 3584, "num_hidden_layers": 28, "num_attention_heads": 28,
          "num_key_value_heads": 4, "intermediate_size": 18944, "max_position_embeddings": 32768, "vocab_size": 152064, "rms_norm_eps": 1e-06,
          "rope_theta": 1000000.0, "hidden_act": "silu", "tie_word_embeddings": false
        }
        """)));

    [Fact]
    public void More_trained_numbers_than_32_bits_count_are_refused_before_anything_is_reserved()
    {
        Architecture model = Qwen7B;
        var whole = Assert.Throws<ArgumentException>(() => new TransformerModel(model, new Tuning.Full()));
        Assert.StartsWith(
            "Qwen2ForCausalLM would have 7,615,616,512 trained numbers, and at most 2,146,435,071 can be trained", whole.Message,
            StringComparison.Ordinal);
        Assert.Contains("Train an adapter", whole.Message, StringComparison.Ordinal);

        // 28 layers of 7 matrices at rank 1024 are 2.6 thousand million numbers in A and B.
        var wide = Assert.Throws<ArgumentException>(() => new TransformerModel(model, Everywhere(model, 1024)));
        Assert.Contains("lower r, or name fewer modules", wide.Message, StringComparison.Ordinal);

        var saved = Assert.Throws<ArgumentException>(() => new TransformerModel(model, new Tuning.Lora(
            Everywhere(model, 8).Adapters,
            [.. model.Parameters.Select(spec => spec.Name).Where(name => name.Contains("mlp", StringComparison.Ordinal))])));
        Assert.Contains("those of modules_to_save", saved.Message, StringComparison.Ordinal);
    }

    /// <summary>Near the limit every offset is still right, in bytes beyond 2^32.</summary>
    [Fact]
    public void Adapters_of_nearly_as_many_numbers_as_32_bits_count_are_planned()
    {
        Architecture model = Qwen7B;
        using var planned = new TransformerModel(model, Everywhere(model, 800), ElementType.BFloat16);
        TrainableParameters trainables = planned.Trainables!;
        long factors = planned.Adapters.Sum(layer => layer.A.Shape.Count + layer.B.Shape.Count);
        Assert.InRange(factors, 2_000_000_000, TrainableParameters.LargestCount);
        Assert.Equal(factors, trainables.Count);
        Assert.Equal(sizeof(float) * factors, trainables.GradientBlock.Bytes);
        (_, Variable last) = trainables.Entries[^1];
        Assert.Equal(factors - last.Shape.Count, TrainableParameters.OffsetOf(last));
    }

    private static Tuning.Lora Everywhere(Architecture model, int rank) => new(
        [.. model.LinearGroups.SelectMany(group => group).Where(linear => linear.Module != model.OutputModule)
            .Select(linear => new LoraTarget(linear.Module, rank, 1f, 0f))], []);

    private static PlanLayout Layout(string name, BatchShape shape, bool checkpointing)
    {
        using Device device = TestDevices.Open("cpu");
        using var model = new TransformerModel(Models[name], new Tuning.Full());
        using var inputs = new BatchInputs(model.Architecture, shape);
        var options = new RunnerOptions { Gradients = true, Dropout = true, GradientCheckpointing = checkpointing };
        return Planner.Layout(device, model.BuildGraph(inputs, shape, options).Graph);
    }
}
