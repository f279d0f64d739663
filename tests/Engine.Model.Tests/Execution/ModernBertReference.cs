using System.Text.Json.Nodes;
using Engine.Kernels.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>
/// ModernBERT token by token in double precision, written from the modeling file of Transformers 5: from its configuration (every key that
/// matters must be there) and its parameters by name.
/// </summary>
internal sealed class ModernBertReference(JsonObject config, IReadOnlyDictionary<string, double[]> parameters)
{
    private const string Words = "model.embeddings.tok_embeddings";

    private int HeadSize => Int("hidden_size") / Int("num_attention_heads");

    /// <summary>The last hidden states of a text [tokens][hidden].</summary>
    public double[][] Hidden(IReadOnlyList<int> ids)
    {
        int hidden = Int("hidden_size");
        double[] words = parameters[$"{Words}.weight"];
        double[][] x = [.. ids.Select(id => Norm(words.AsSpan(id * hidden, hidden).ToArray(), "model.embeddings.norm"))];
        for (int layer = 0; layer < Int("num_hidden_layers"); layer++)
        {
            string path = $"model.layers.{layer}";
            bool local = layer % Int("global_attn_every_n_layers") != 0;
            x = Sum(x, Attention(layer == 0 ? x : Each(x, row => Norm(row, $"{path}.attn_norm")), $"{path}.attn", local));
            x = Sum(x, Each(x, row => FeedForward(Norm(row, $"{path}.mlp_norm"), $"{path}.mlp")));
        }

        return Each(x, row => Norm(row, "model.final_norm"));
    }

    /// <summary>What a head's output layer gives of each of these vectors.</summary>
    public double[][] Head(double[][] vectors)
    {
        string output = parameters.ContainsKey("classifier.weight") ? "classifier"
            : parameters.ContainsKey("decoder.weight") ? "decoder"
            : Words;
        return Each(vectors, row =>
        {
            double[] logits = Linear(Norm([.. Linear(row, "head.dense").Select(Gelu)], "head.norm"), output);
            double[]? bias = output == Words ? parameters.GetValueOrDefault("decoder.bias") : null;
            return bias is null ? logits : [.. logits.Zip(bias, (logit, value) => logit + value)];
        });
    }

    /// <summary>A text's vector, as <c>classifier_pooling</c> says.</summary>
    public double[] Pooled(double[][] hidden) => config["classifier_pooling"]!.GetValue<string>() == "mean"
        ? [.. Enumerable.Range(0, hidden[0].Length).Select(i => hidden.Average(row => row[i]))]
        : hidden[0];

    private double[][] Attention(double[][] x, string path, bool local)
    {
        int size = HeadSize, width = Int("hidden_size"), side = local ? Int("local_attention") / 2 : x.Length;
        double theta = Double(local ? "local_rope_theta" : "global_rope_theta");
        double[][] all = Each(x, row => Linear(row, $"{path}.Wqkv"));
        double[][] q = Turned(Each(all, row => row[..width]), theta), k = Turned(Each(all, row => row[width..(2 * width)]), theta);
        return [.. x.Select((_, i) =>
        {
            int first = Math.Max(0, i - side), end = Math.Min(x.Length, i + side + 1);
            var output = new double[width];
            for (int head = 0; head < width; head += size)
            {
                double[] weights = [.. Enumerable.Range(first, end - first).Select(j =>
                    Math.Exp(Enumerable.Range(head, size).Sum(e => q[i][e] * k[j][e]) / Math.Sqrt(size)))];
                for (int e = head; e < head + size; e++)
                {
                    output[e] = weights.Select((weight, j) => weight * all[first + j][(2 * width) + e]).Sum() / weights.Sum();
                }
            }

            return Linear(output, $"{path}.Wo");
        })];
    }

    private double[] FeedForward(double[] x, string path)
    {
        double[] both = Linear(x, $"{path}.Wi");
        int width = both.Length / 2;
        return Linear([.. both.Take(width).Select((gate, i) => Gelu(gate) * both[width + i])], $"{path}.Wo");
    }

    /// <summary>Every head's pairs (j, j + half) by position times theta^(-j / half).</summary>
    private double[][] Turned(double[][] x, double theta)
    {
        int half = HeadSize / 2;
        return [.. x.Select((row, position) => row.Select((value, i) =>
        {
            int j = i % HeadSize, pair = j % half;
            (double sine, double cosine) = Math.SinCos(position * Math.Pow(theta, -(double)pair / half));
            return (value * cosine) + (j < half ? -row[i + half] * sine : row[i - half] * sine);
        }).ToArray())];
    }

    private double[] Norm(double[] row, string module)
    {
        double[] weight = parameters[$"{module}.weight"];
        double[] bias = parameters.GetValueOrDefault($"{module}.bias") ?? new double[row.Length];
        double mean = row.Average(), scale = 1 / Math.Sqrt(row.Average(value => (value - mean) * (value - mean)) + Double("norm_eps"));
        return [.. row.Select((value, i) => ((value - mean) * scale * weight[i]) + bias[i])];
    }

    private double[] Linear(double[] x, string module)
    {
        double[] weight = parameters[$"{module}.weight"];
        double[] bias = parameters.GetValueOrDefault($"{module}.bias") ?? new double[weight.Length / x.Length];
        return [.. bias.Select((start, row) => start + x.Select((value, column) => value * weight[(row * x.Length) + column]).Sum())];
    }

    private static double Gelu(double x) => 0.5 * x * (1 + Numbers.Erf(x / Math.Sqrt(2)));

    private static double[][] Sum(double[][] x, double[][] y) => [.. x.Zip(y, (a, b) => a.Zip(b, (left, right) => left + right).ToArray())];

    private static double[][] Each(double[][] rows, Func<double[], double[]> map) => [.. rows.Select(map)];

    private int Int(string key) => config[key]!.GetValue<int>();

    private double Double(string key) => config[key]!.GetValue<double>();
}
