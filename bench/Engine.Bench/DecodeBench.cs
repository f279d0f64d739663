using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;
using Engine.Devices;
using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.HuggingFace;

namespace Engine.Bench;

/// <summary>
/// Decoding of one text by a model of Qwen2.5-0.5B's shape (random weights) beside what reading its weights once takes: the limit of a token, measured in the same
/// run by two threads that read a large array.
/// </summary>
internal static class DecodeBench
{
    private const int Prompt = 128;
    private const int Tokens = 24;
    private const int Rounds = 3;
    private const int ArrayLength = 128 << 20;

    private const string Qwen25 = """
        {
          "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 896, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
          "intermediate_size": 4864, "max_position_embeddings": 32768, "vocab_size": 151936, "tie_word_embeddings": true, "rope_theta": 1000000.0, "rms_norm_eps": 1e-06,
          "hidden_act": "silu"
        }
        """;

    /// <summary>Times tokens, the fastest counting on either side.</summary>
    public static void Run(Device device)
    {
        var architecture = new Qwen2ForCausalLM(DecoderConfig.From(ModelConfig.Parse(Qwen25)));
        using var model = new TransformerModel(architecture, new Tuning.Frozen());
        model.Allocate(device);
        foreach (ParameterSpec spec in architecture.Parameters)
        {
            Fill(model.Parameter(spec.Name));
        }

        long bytes = architecture.Parameters.Sum(spec => model.Parameter(spec.Name).Bytes);
        using var runner = new DecodingRunner(device, model, rows: 1, capacity: Prompt + (Rounds * Tokens) + Tokens);
        float[] logits = new float[architecture.OutputSize];
        float[] array = new float[ArrayLength];
        array.AsSpan().Fill(1f);
        runner.Run([new RowTokens(0, Enumerable.Range(0, Prompt).Select(i => i * 7919 % 150000).ToArray())], logits);
        Decode(runner, logits);
        double ours = double.PositiveInfinity, limit = double.PositiveInfinity;
        for (int round = 0; round < Rounds; round++)
        {
            limit = Math.Min(limit, bytes / Bandwidth(array));
            ours = Math.Min(ours, Decode(runner, logits));
        }

        // A multiplication and an addition for every weight.
        double operations = 2.0 * architecture.Parameters.Sum(spec => spec.Shape.Count);
        Measurement.Report(device, "decode", $"qwen2.5-0.5b float32, 1 row, {Prompt} tokens before", ours, operations, "weights read once", limit);
    }

    /// <summary>Seconds of the fastest token.</summary>
    private static double Decode(DecodingRunner runner, float[] logits)
    {
        double best = double.PositiveInfinity;
        for (int token = 0; token < Tokens; token++)
        {
            long start = Stopwatch.GetTimestamp();
            runner.Run([new RowTokens(0, new[] { 100 + token })], logits);
            best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    /// <summary>Bytes per second that two threads read from an array far larger than the caches.</summary>
    private static double Bandwidth(float[] array)
    {
        const int Threads = 2;
        double best = 0;
        for (int round = 0; round < 3; round++)
        {
            long start = Stopwatch.GetTimestamp();
            Thread[] readers = [.. Enumerable.Range(0, Threads).Select(i => new Thread(() => Sum(array.AsSpan(i * (array.Length / Threads), array.Length / Threads))))];
            Array.ForEach(readers, reader => reader.Start());
            Array.ForEach(readers, reader => reader.Join());
            best = Math.Max(best, array.Length * (double)sizeof(float) / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    private static float Sum(ReadOnlySpan<float> part)
    {
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(part);
        Vector<float> a = Vector<float>.Zero, b = a, c = a, d = a;
        for (int i = 0; i + 3 < vectors.Length; i += 4)
        {
            a += vectors[i];
            b += vectors[i + 1];
            c += vectors[i + 2];
            d += vectors[i + 3];
        }

        return Vector.Sum(a + b + c + d);
    }

    /// <summary>Small numbers without a pattern that a cache could use.</summary>
    private static void Fill(Variable variable)
    {
        var random = new Random(1);
        float[] values = new float[Math.Min(variable.Shape.Count, 1 << 20)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (float)((random.NextDouble() - 0.5) * 0.04);
        }

        BufferView<float> view = variable.View<float>();
        for (long first = 0; first < view.Length; first += values.Length)
        {
            long count = Math.Min(values.Length, view.Length - first);
            view.Slice(first, count).Write(values.AsSpan(0, (int)count));
        }
    }
}
