using Engine.Tests;
using Engine.Training.Running;
using Engine.Training.Tests.Running;
using Microsoft.Extensions.AI;

namespace Engine.FineTuning.Tests;

/// <summary>Sentence vectors as <see cref="IEmbeddingGenerator{TInput, TEmbedding}"/>: on the real MiniLM, and on a tiny RoBERTa.</summary>
public sealed class EmbeddingGeneratorTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [SharedFact]
    public async Task Vectors_are_those_of_sentence_transformers()
    {
        using EngineEmbeddingGenerator generator = EngineEmbeddingGenerator.Open(SharedFiles.Path("data/models/all-MiniLM-L6-v2"));
        using var golden = Safetensors.SafetensorsFile.Open(SharedFiles.Path("goldens/real/all-MiniLM-L6-v2.safetensors"));
        double[] hidden = golden["hidden.6.3"].ToFloat64();
        int tokens = hidden.Length / 384;

        GeneratedEmbeddings<Embedding<float>> embeddings = await generator.GenerateAsync(["No."]);

        // Float32 on both sides, each within 1e-6 of the numbers' size.
        Assert.All(
            embeddings[0].Vector.ToArray().Index(),
            number => Assert.Equal(Enumerable.Range(0, tokens).Average(token => hidden[(token * 384) + number.Index]), number.Item, 4e-6));
        Assert.Equal(384, generator.GetService<EmbeddingGeneratorMetadata>()!.DefaultModelDimensions);
        await Assert.ThrowsAsync<NotSupportedException>(
            () => generator.GenerateAsync(["No."], new EmbeddingGenerationOptions { Dimensions = 128 }));
    }

    [Fact]
    public async Task Folder_without_modules_is_pooled_as_it_stands_with_a_warning_unless_normalize_is_said()
    {
        string model = tiny.File("model");
        (float[] assumed, string[] warnings) = await EmbedAsync(normalize: null);
        (float[] raw, string[] silent) = await EmbedAsync(normalize: false);
        (float[] scaled, string[] none) = await EmbedAsync(normalize: true);

        Assert.StartsWith($"{model} has no modules.json", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Empty(silent.Concat(none));
        Assert.Equal(assumed, raw);
        double length = Length(raw);
        Assert.NotEqual(1, length, 0.1);

        // One division a number, in float32.
        Assert.Equal(1, Length(scaled), 1e-6);
        Assert.All(raw.Zip(scaled), pair => Assert.Equal(pair.First / length, pair.Second, 1e-6));
    }

    [Fact]
    public async Task Folder_with_modules_says_whether_vectors_are_scaled_and_the_options_overrule_it()
    {
        (float[] raw, _) = await EmbedAsync(normalize: false);
        File.WriteAllText(
            tiny.File("model/modules.json"),
            """[{"type": "sentence_transformers.models.Transformer"}, {"type": "sentence_transformers.models.Normalize"}]""");

        (float[] said, string[] warnings) = await EmbedAsync(normalize: null);
        (float[] overruled, _) = await EmbedAsync(normalize: false);

        Assert.Empty(warnings);
        Assert.Equal(1, Length(said), 1e-6);
        Assert.Equal(raw, overruled);
    }

    private static double Length(float[] vector) => Math.Sqrt(vector.Sum(value => (double)value * value));

    private async Task<(float[] Vector, string[] Warnings)> EmbedAsync(bool? normalize)
    {
        var log = new Recorder();
        using EngineEmbeddingGenerator generator = EngineEmbeddingGenerator.Open(
            tiny.File("model"), new EngineEmbeddingGeneratorOptions { Normalize = normalize, Logger = log });
        ReadOnlyMemory<float> vector = await generator.GenerateVectorAsync("the small heron");
        Assert.Equal(normalize ?? File.Exists(tiny.File("model/modules.json")), generator.GetService<TextEmbedder>()!.Normalizes);
        return (vector.ToArray(), [.. log.Warnings]);
    }
}
