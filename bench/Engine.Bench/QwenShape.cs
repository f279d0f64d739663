using Engine.Devices;
using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;

namespace Engine.Bench;

/// <summary>A model of Qwen2.5-0.5B's size with random weights.</summary>
internal static class QwenShape
{
    public const int Layers = 24;

    public const int Vocabulary = 151936;

    private const string Config = """
        {
          "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_act": "silu", "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14,
          "num_key_value_heads": 2, "intermediate_size": 4864, "max_position_embeddings": 32768, "vocab_size": 151936, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
          "tie_word_embeddings": true, "initializer_range": 0.02, "attention_dropout": 0.0, "use_sliding_window": false, "sliding_window": 32768, "max_window_layers": 21
        }
        """;

    public static Architecture Architecture() => new Qwen2ForCausalLM(DecoderConfig.From(ModelConfig.Parse(Config)));

    /// <summary>Fills matrices with uniform numbers of deviation 0.02, the same million over and over, and vectors as the architecture initialises them.</summary>
    public static void Fill(TransformerModel model)
    {
        const int Chunk = 1 << 20;
        var random = new Random(1);
        var values = new float[Chunk];
        for (int i = 0; i < Chunk; i++)
        {
            values[i] = 0.02f * MathF.Sqrt(12) * (random.NextSingle() - 0.5f);
        }

        foreach (ParameterSpec spec in model.Architecture.Parameters)
        {
            Variable variable = model.Parameter(spec.Name);
            if (spec.Shape.Rank == 1)
            {
                ModelWeights.Write(variable, [.. Enumerable.Repeat(spec.Initialization == ParameterInitialization.Ones ? 1f : 0f, (int)spec.Shape.Count)]);
                continue;
            }

            for (long first = 0; first < spec.Shape.Count; first += Chunk)
            {
                var count = (int)Math.Min(Chunk, spec.Shape.Count - first);
                ModelWeights.Write(variable.Block.Overlay(spec.Name, new Shape(count), variable, first), values.AsSpan(0, count));
            }
        }

        ModelWeights.InitializeAdapters(model, seed: 1);
    }
}
