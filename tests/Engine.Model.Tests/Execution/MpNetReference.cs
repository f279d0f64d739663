using System.Text.Json.Nodes;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;

namespace Engine.Model.Tests.Execution;

/// <summary>
/// MPNet token by token in double precision, written from the modeling file of Transformers 5: from its configuration and its parameters by
/// name.
/// </summary>
internal sealed class MpNetReference(JsonObject config, IReadOnlyDictionary<string, double[]> parameters)
{
    /// <summary>The least distances of the buckets of one direction: 8 2^(k / 2) from the ninth on.</summary>
    private static readonly int[] Buckets = [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91];

    /// <summary>A text's logits: a row of one vector, or of one for each token.</summary>
    public double[][] Logits(HeadKind head, int[] text)
    {
        double[][] hidden = Hidden(text);
        return head switch
        {
            HeadKind.SequenceClassification => [Linear(Tanh(Linear(hidden[0], "classifier.dense")), "classifier.out_proj")],
            HeadKind.MultipleChoice => [Linear(Tanh(Linear(hidden[0], "mpnet.pooler.dense")), "classifier")],
            HeadKind.QuestionAnswering => Each(hidden, row => Linear(row, "qa_outputs")),
            HeadKind.TokenClassification => Each(hidden, row => Linear(row, "classifier")),
            _ => Each(hidden, row => Product(
                Norm([.. Linear(row, "lm_head.dense").Select(Gelu)], "lm_head.layer_norm"),
                parameters["mpnet.embeddings.word_embeddings.weight"], parameters["lm_head.bias"])),
        };
    }

    /// <summary>The last hidden states of a text without padding [tokens][hidden]; positions count from 2.</summary>
    public double[][] Hidden(int[] ids)
    {
        double[][] x = [.. ids.Select((id, i) => Norm(Sum(Row("word", id), Row("position", i + 2)), "mpnet.embeddings.LayerNorm"))];
        for (int layer = 0; layer < Int("num_hidden_layers"); layer++)
        {
            string path = $"mpnet.encoder.layer.{layer}";
            double[][] attended = Attention(x, $"{path}.attention.attn");
            x = [.. x.Zip(attended, (row, other) => Norm(Sum(row, other), $"{path}.attention.LayerNorm"))];
            x = Each(x, row => Norm(
                Sum(Linear([.. Linear(row, $"{path}.intermediate.dense").Select(Gelu)], $"{path}.output.dense"), row),
                $"{path}.output.LayerNorm"));
        }

        return x;
    }

    private double[][] Attention(double[][] x, string path)
    {
        int heads = Int("num_attention_heads"), size = Int("hidden_size") / heads;
        double[] table = parameters["mpnet.encoder.relative_attention_bias.weight"];
        double[][] q = Each(x, row => Linear(row, $"{path}.q")), k = Each(x, row => Linear(row, $"{path}.k")),
            v = Each(x, row => Linear(row, $"{path}.v"));
        return [.. x.Select((_, i) =>
        {
            var output = new double[heads * size];
            for (int head = 0; head < heads; head++)
            {
                double[] weights = [.. x.Select((_, j) => Math.Exp(
                    (Enumerable.Range(head * size, size).Sum(e => q[i][e] * k[j][e]) / Math.Sqrt(size))
                        + table[(Bucket(j - i) * heads) + head]))];
                for (int e = head * size; e < (head + 1) * size; e++)
                {
                    output[e] = weights.Select((weight, j) => weight * v[j][e]).Sum() / weights.Sum();
                }
            }

            return Linear(output, $"{path}.o");
        })];
    }

    private static int Bucket(int distance) =>
        (distance > 0 ? Buckets.Length : 0) + Buckets.Count(start => start <= Math.Abs(distance)) - 1;

    private double[] Row(string table, int row) =>
        parameters[$"mpnet.embeddings.{table}_embeddings.weight"].AsSpan(row * Int("hidden_size"), Int("hidden_size")).ToArray();

    private double[] Norm(double[] row, string module)
    {
        double[] weight = parameters[$"{module}.weight"], bias = parameters[$"{module}.bias"];
        double mean = row.Average(), epsilon = config["layer_norm_eps"]!.GetValue<double>();
        double scale = 1 / Math.Sqrt(row.Average(value => (value - mean) * (value - mean)) + epsilon);
        return [.. row.Select((value, i) => ((value - mean) * scale * weight[i]) + bias[i])];
    }

    private double[] Linear(double[] x, string module) => Product(x, parameters[$"{module}.weight"], parameters[$"{module}.bias"]);

    private static double[] Product(double[] x, double[] weight, double[] bias) =>
        [.. bias.Select((start, row) => start + x.Select((value, column) => value * weight[(row * x.Length) + column]).Sum())];

    private static double Gelu(double x) => 0.5 * x * (1 + Numbers.Erf(x / Math.Sqrt(2)));

    private static double[] Tanh(double[] x) => [.. x.Select(Math.Tanh)];

    private static double[] Sum(double[] x, double[] y) => [.. x.Zip(y, (left, right) => left + right)];

    private static double[][] Each(double[][] rows, Func<double[], double[]> map) => [.. rows.Select(map)];

    private int Int(string key) => config[key]!.GetValue<int>();
}
