using Engine.Common.Files;
using Engine.Model.Architectures;
using Engine.Model.HuggingFace;
using Engine.Model.Loading;
using Engine.Safetensors;

namespace Engine.Tests.Files;

public sealed class StoredWeightTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    /// <summary>What a quantized checkpoint holds beside its scales: numbers that mean nothing by themselves.</summary>
    [Fact]
    public void A_weight_of_whole_numbers_is_refused()
    {
        new SafetensorsWriter().Add("model.embed_tokens.weight", [2, 2], new sbyte[] { 1, 2, 3, 4 })
            .Write(folder.File("model.safetensors"));
        using Checkpoint checkpoint = Checkpoint.Open(folder.Root);
        var architecture = new CausalDecoder(DecoderConfig.From(ModelConfig.Parse(
            """{"model_type":"llama","vocab_size":2,"hidden_size":2,"num_hidden_layers":1,"num_attention_heads":1,"intermediate_size":2,"max_position_embeddings":4}""")));

        string message =
            Assert.Throws<ModelFileException>(() => ModelWeights.Find(checkpoint, architecture, "model.embed_tokens.weight")).Message;

        Assert.Contains("'model.embed_tokens.weight' holds I8; a floating-point type was expected", message);
    }
}
