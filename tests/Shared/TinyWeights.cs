using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Engine.Tests;

/// <summary>Random weights for a folder that a test made: those of the body, without a head, as a pretrained model has them.</summary>
internal static class TinyWeights
{
    /// <summary>
    /// Writes <c>model.safetensors</c> for the RoBERTa or Qwen2 (with tied embeddings) that the folder's config.json describes.
    /// </summary>
    public static void Write(string folder, int seed = 3)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "config.json")));
        JsonElement config = document.RootElement;
        double deviation = config.TryGetProperty("initializer_range", out JsonElement range) ? range.GetDouble() : 0.02;
        (string Name, int[] Shape)[] tensors = [.. config.GetProperty("model_type").GetString() == "roberta" ? Roberta(Size) : Qwen2(Size)];
        Random random = new(seed);
        Save(Path.Combine(folder, "model.safetensors"),
            [.. tensors.Select(tensor => (tensor.Name, tensor.Shape, Draw(random, tensor.Name, tensor.Shape, deviation)))]);

        int Size(string key) => config.GetProperty(key).GetInt32();
    }

    /// <summary>Writes float32 tensors as a safetensors file.</summary>
    public static void Save(string path, IReadOnlyList<(string Name, int[] Shape, float[] Values)> tensors)
    {
        long offset = 0;
        Dictionary<string, object> header = [];
        foreach ((string name, int[] shape, float[] values) in tensors)
        {
            long end = offset + ((long)values.Length * sizeof(float));
            header.Add(name, new { dtype = "F32", shape, data_offsets = new[] { offset, end } });
            offset = end;
        }

        byte[] json = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(header));
        byte[] length = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        using FileStream file = File.Create(path);
        file.Write(length);
        file.Write(json);
        foreach ((_, _, float[] values) in tensors)
        {
            file.Write(MemoryMarshal.AsBytes(values.AsSpan()));
        }
    }

    private static float[] Draw(Random random, string name, int[] shape, double deviation)
    {
        float[] values = new float[shape.Aggregate(1, (product, size) => product * size)];
        bool isNorm = name.EndsWith("norm.weight", StringComparison.OrdinalIgnoreCase);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = isNorm ? 1
                : name.EndsWith("bias", StringComparison.Ordinal) ? 0
                : (float)(deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return values;
    }

    private static IEnumerable<(string Name, int[] Shape)> Roberta(Func<string, int> size)
    {
        int hidden = size("hidden_size"), intermediate = size("intermediate_size");
        const string Embeddings = "roberta.embeddings";
        yield return ($"{Embeddings}.word_embeddings.weight", [size("vocab_size"), hidden]);
        yield return ($"{Embeddings}.position_embeddings.weight", [size("max_position_embeddings"), hidden]);
        yield return ($"{Embeddings}.token_type_embeddings.weight", [size("type_vocab_size"), hidden]);
        IEnumerable<(string, int[])> layers = Enumerable.Range(0, size("num_hidden_layers"))
            .SelectMany(layer => Layer($"roberta.encoder.layer.{layer}"))
                .SelectMany(module => module.EndsWith("LayerNorm", StringComparison.Ordinal) ? Norm(module) : Linear(module));
        foreach ((string, int[]) tensor in Norm($"{Embeddings}.LayerNorm").Concat(layers))
        {
            yield return tensor;
        }

        static IEnumerable<string> Layer(string path) => ((string[])[
            "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense", "attention.output.LayerNorm",
            "intermediate.dense", "output.dense", "output.LayerNorm"]).Select(module => $"{path}.{module}");

        IEnumerable<(string, int[])> Norm(string module) => [($"{module}.weight", [hidden]), ($"{module}.bias", [hidden])];

        IEnumerable<(string, int[])> Linear(string module)
        {
            bool widens = module.EndsWith("intermediate.dense", StringComparison.Ordinal),
                narrows = !module.Contains("attention") && !widens;
            return [($"{module}.weight", [widens ? intermediate : hidden, narrows ? intermediate : hidden]),
                ($"{module}.bias", [widens ? intermediate : hidden])];
        }
    }

    private static IEnumerable<(string Name, int[] Shape)> Qwen2(Func<string, int> size)
    {
        int hidden = size("hidden_size"), intermediate = size("intermediate_size");
        int keys = hidden / size("num_attention_heads") * size("num_key_value_heads");
        yield return ("model.embed_tokens.weight", [size("vocab_size"), hidden]);
        for (int layer = 0; layer < size("num_hidden_layers"); layer++)
        {
            string path = $"model.layers.{layer}";
            foreach ((string module, int rows) in new[] { ("q_proj", hidden), ("k_proj", keys), ("v_proj", keys) })
            {
                yield return ($"{path}.self_attn.{module}.weight", [rows, hidden]);
                yield return ($"{path}.self_attn.{module}.bias", [rows]);
            }

            yield return ($"{path}.self_attn.o_proj.weight", [hidden, hidden]);
            yield return ($"{path}.mlp.gate_proj.weight", [intermediate, hidden]);
            yield return ($"{path}.mlp.up_proj.weight", [intermediate, hidden]);
            yield return ($"{path}.mlp.down_proj.weight", [hidden, intermediate]);
            yield return ($"{path}.input_layernorm.weight", [hidden]);
            yield return ($"{path}.post_attention_layernorm.weight", [hidden]);
        }

        yield return ("model.norm.weight", [hidden]);
    }
}
