using System.Text.Json.Nodes;

namespace Engine.Model.Tests.Execution;

/// <summary>
/// Decoders token by token in double precision, written from the modeling files of Transformers 5: what each family computes, from its
/// configuration (every key that matters must be there) and its parameters by name.
/// </summary>
internal sealed class DecoderReference(JsonObject config, IReadOnlyDictionary<string, double[]> parameters)
{
    private readonly string type = config["model_type"]!.GetValue<string>();

    private bool IsGemma => type is "gemma2" or "gemma3_text";

    private int Hidden => Int("hidden_size");

    private int HeadSize => Int("head_dim");

    /// <summary>Logits after each token of a text [tokens][vocabulary].</summary>
    public double[][] Logits(IReadOnlyList<int> ids)
    {
        double[] embeddings = parameters["model.embed_tokens.weight"];
        double[][] x = [.. ids.Select(id => embeddings.AsSpan(id * Hidden, Hidden).ToArray())];
        x = IsGemma ? Each(x, row => Scaled(row, Math.Sqrt(Hidden))) : x;
        for (int layer = 0; layer < Int("num_hidden_layers"); layer++)
        {
            x = Layer(x, layer);
        }

        string head = parameters.ContainsKey("lm_head.weight") ? "lm_head" : "model.embed_tokens";
        double cap = Cap("final_logit_softcapping");
        return Each(Each(x, row => Norm(row, "model.norm")), row => [.. Linear(row, head).Select(value => Capped(value, cap))]);
    }

    /// <summary>The mean of -log p of each token given those before it.</summary>
    public double Loss(IReadOnlyList<int> ids)
    {
        double[][] logits = Logits(ids);
        return Enumerable.Range(1, ids.Count - 1).Average(i =>
        {
            double most = logits[i - 1].Max();
            return most + Math.Log(logits[i - 1].Sum(value => Math.Exp(value - most))) - logits[i - 1][ids[i]];
        });
    }

    private double[][] Layer(double[][] x, int layer)
    {
        string path = $"model.layers.{layer}";
        string?[] norms = IsGemma
            ? ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"]
            : type == "olmo2" ? [null, "post_attention_layernorm", null, "post_feedforward_layernorm"]
            : ["input_layernorm", null, "post_attention_layernorm", null];
        x = Block(x, norms[0], norms[1], rows => Attention(rows, $"{path}.self_attn", layer));
        return Block(x, norms[2], norms[3], rows => Each(rows, row => FeedForward(row, $"{path}.mlp")));

        double[][] Block(double[][] residual, string? before, string? behind, Func<double[][], double[][]> block)
        {
            double[][] result = block(before is null ? residual : Each(residual, row => Norm(row, $"{path}.{before}")));
            result = behind is null ? result : Each(result, row => Norm(row, $"{path}.{behind}"));
            return [.. residual.Zip(result, (a, b) => a.Zip(b, (left, right) => left + right).ToArray())];
        }
    }

    private double[][] Attention(double[][] x, string path, int layer)
    {
        int heads = Int("num_attention_heads"), keyHeads = Int("num_key_value_heads"), size = HeadSize;
        double[][] q, k, v;
        if (type == "phi3")
        {
            double[][] all = Each(x, row => Linear(row, $"{path}.qkv_proj"));
            (q, k, v) = (
                Each(all, row => row[..(heads * size)]), Each(all, row => row[(heads * size)..((heads + keyHeads) * size)]),
                Each(all, row => row[((heads + keyHeads) * size)..]));
        }
        else
        {
            (q, k, v) = (
                Each(x, row => Linear(row, $"{path}.q_proj")), Each(x, row => Linear(row, $"{path}.k_proj")),
                Each(x, row => Linear(row, $"{path}.v_proj")));
        }

        if (type == "olmo2")
        {
            (q, k) = (Each(q, row => Norm(row, $"{path}.q_norm")), Each(k, row => Norm(row, $"{path}.k_norm")));
        }
        else if (type is "gemma3_text" or "qwen3")
        {
            q = Each(q, row => Heads(row, head => Norm(head, $"{path}.q_norm")));
            k = Each(k, row => Heads(row, head => Norm(head, $"{path}.k_norm")));
        }

        bool local = type == "mistral" || (IsGemma && config["layer_types"]![layer]!.GetValue<string>() == "sliding_attention");
        double theta = type == "gemma3_text" && local ? Double("rope_local_base_freq") : Double("rope_theta");
        (q, k) = (Turned(q, theta), Turned(k, theta));
        double scale = 1 / Math.Sqrt(IsGemma ? Double("query_pre_attn_scalar") : size), cap = Cap("attn_logit_softcapping");
        var output = new double[x.Length][];
        for (int i = 0; i < x.Length; i++)
        {
            output[i] = new double[heads * size];
            int first = local ? Math.Max(0, i - Int("sliding_window") + 1) : 0;
            for (int head = 0; head < heads; head++)
            {
                int keyHead = head / (heads / keyHeads);
                double[] weights = [.. Enumerable.Range(first, i - first + 1).Select(j =>
                {
                    double score = Enumerable.Range(0, size).Sum(e => q[i][(head * size) + e] * k[j][(keyHead * size) + e]);
                    return Math.Exp(Capped(scale * score, cap));
                })];
                double sum = weights.Sum();
                for (int j = first; j <= i; j++)
                {
                    for (int e = 0; e < size; e++)
                    {
                        output[i][(head * size) + e] += weights[j - first] / sum * v[j][(keyHead * size) + e];
                    }
                }
            }
        }

        return Each(output, row => Linear(row, $"{path}.o_proj"));
    }

    private double[] FeedForward(double[] x, string path)
    {
        double[] gate, up;
        if (type == "phi3")
        {
            double[] both = Linear(x, $"{path}.gate_up_proj");
            (gate, up) = (both[..(both.Length / 2)], both[(both.Length / 2)..]);
        }
        else
        {
            (gate, up) = (Linear(x, $"{path}.gate_proj"), Linear(x, $"{path}.up_proj"));
        }

        Func<double, double> activation = IsGemma
            ? z => 0.5 * z * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (z + (0.044715 * z * z * z))))
            : z => z / (1 + Math.Exp(-z));
        return Linear([.. gate.Zip(up, (g, u) => activation(g) * u)], $"{path}.down_proj");
    }

    /// <summary>Every head's pairs (j, j + half of what is turned) by position times theta^(-j / half).</summary>
    private double[][] Turned(double[][] x, double theta)
    {
        int half = (int)(HeadSize * (config["partial_rotary_factor"]?.GetValue<double>() ?? 1)) / 2;
        return [.. x.Select((row, position) => Heads(row, head =>
        {
            double[] turned = [.. head];
            for (int j = 0; j < half; j++)
            {
                (double sine, double cosine) = Math.SinCos(position * Math.Pow(theta, -(double)j / half));
                turned[j] = (head[j] * cosine) - (head[j + half] * sine);
                turned[j + half] = (head[j + half] * cosine) + (head[j] * sine);
            }

            return turned;
        }))];
    }

    private double[] Heads(double[] row, Func<double[], double[]> map) => [.. row.Chunk(HeadSize).SelectMany(map)];

    private double[] Norm(double[] row, string module)
    {
        double[] weight = parameters[$"{module}.weight"];
        double scale = 1 / Math.Sqrt(row.Average(value => value * value) + Double("rms_norm_eps"));
        return [.. row.Select((value, i) => value * scale * (IsGemma ? 1 + weight[i] : weight[i]))];
    }

    private double[] Linear(double[] x, string module)
    {
        double[] weight = parameters[$"{module}.weight"];
        double[] bias = parameters.GetValueOrDefault($"{module}.bias") ?? new double[weight.Length / x.Length];
        return [.. bias.Select((start, row) => start + x.Select((value, column) => value * weight[(row * x.Length) + column]).Sum())];
    }

    private double Cap(string key) => config[key]?.GetValue<double>() ?? 0;

    private static double Capped(double value, double cap) => cap == 0 ? value : cap * Math.Tanh(value / cap);

    private static double[] Scaled(double[] row, double factor) => [.. row.Select(value => factor * value)];

    private static double[][] Each(double[][] rows, Func<double[], double[]> map) => [.. rows.Select(map)];

    private int Int(string key) => config[key]!.GetValue<int>();

    private double Double(string key) => config[key]!.GetValue<double>();
}
