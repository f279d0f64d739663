using Engine.Common.Files;
using Engine.Safetensors;

namespace Engine.Tests.Safetensors;

public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_sharded_checkpoint_of_Transformers_opens_as_one()
    {
        using Checkpoint checkpoint = Checkpoint.Open(SharedFiles.Path("goldens/models/llama"));

        Assert.Equal(4, checkpoint.Files.Count);
        Assert.Equal(443648, checkpoint.TotalBytes);
        Assert.Equal([288L, 64L], checkpoint["lm_head.weight"].Shape);
        Assert.All(checkpoint.Tensors, tensor => Assert.Equal(tensor.ElementCount, tensor.ToFloat32().LongLength));
    }

    [SharedFact]
    public void Integer_buffers_beside_the_weights_are_tolerated()
    {
        using Checkpoint checkpoint = Checkpoint.Open(SharedFiles.Path("data/models/all-MiniLM-L6-v2"));

        Assert.Equal(Enumerable.Range(0, 512), checkpoint["embeddings.position_ids"].ToInt32());
        Assert.Equal([30522L, 384L], checkpoint["embeddings.word_embeddings.weight"].Shape);
    }

    [Fact]
    public void A_tensor_named_in_the_index_must_be_in_its_shard()
    {
        Shard("a.safetensors", "x");
        Shard("b.safetensors", "y");

        Assert.Contains(
            "tensor 'y' should be in a.safetensors, but it is in b.safetensors",
            Refused("""{"weight_map":{"x":"a.safetensors","y":"a.safetensors","z":"b.safetensors"}}"""));
        Assert.Contains(
            "tensor 'z' should be in b.safetensors, but no shard holds it",
            Refused("""{"weight_map":{"x":"a.safetensors","y":"b.safetensors","z":"b.safetensors"}}"""));
        Assert.Contains("names the shard c.safetensors, which is not in the folder", Refused("""{"weight_map":{"x":"c.safetensors"}}"""));
    }

    [Fact]
    public void A_tensor_in_two_shards_is_refused()
    {
        Shard("a.safetensors", "x");
        Shard("b.safetensors", "x");

        Assert.Contains("tensor 'x' is also in a.safetensors", Refused("""{"weight_map":{"x":"a.safetensors","y":"b.safetensors"}}"""));
    }

    [Theory]
    [InlineData("../a.safetensors")]
    [InlineData("sub/a.safetensors")]
    [InlineData("sub\\\\a.safetensors")]
    [InlineData("/etc/a.safetensors")]
    [InlineData("C:a.safetensors")]
    [InlineData(".safetensors")]
    [InlineData("a..safetensors")]
    [InlineData("a.bin")]
    public void Shard_names_that_are_no_plain_names_are_refused(string shard)
    {
        Assert.Contains("the plain name of a .safetensors file", Refused("{\"weight_map\":{\"x\":\"" + shard + "\"}}"));
    }

    [Theory]
    [InlineData("{}", "'weight_map' is missing")]
    [InlineData("""{"weight_map":{"x":1}}""", "'x' is no string")]
    [InlineData("""{"weight_map":{"x":"a.safetensors","x":"b.safetensors"}}""", "uplicate property 'x'")]
    [InlineData("[]", "a JSON object was expected")]
    [InlineData("{", "not the JSON expected")]
    public void A_damaged_index_is_refused(string index, string expected)
    {
        Assert.Contains(expected, Refused(index));
    }

    /// <summary>Writers differ in what they say of the whole: nothing is read of it.</summary>
    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("{\"total_size\": 8.0, \"total_parameters\": null}")]
    public void An_index_may_say_anything_of_the_whole(string metadata)
    {
        Shard("a.safetensors", "x");
        File.WriteAllText(folder.File(Checkpoint.IndexFileName), $$"""{"metadata":{{metadata}},"weight_map":{"x":"a.safetensors"} }""");

        using Checkpoint checkpoint = Checkpoint.Open(folder.Root);

        Assert.Equal([1f], checkpoint["x"].ToFloat32());
    }

    [Theory]
    [InlineData(new[] { "config.json" }, "It holds config.json.")]
    [InlineData(
        new[] { "config.json", "pytorch_model.bin" }, "It holds pytorch_model.bin, a Python pickle", "Transformers", "save_pretrained")]
    [InlineData(
        new[] { "pytorch_model-00001-of-00002.bin", "pytorch_model.bin.index.json" },
        "It holds pytorch_model-00001-of-00002.bin, a Python pickle")]
    [InlineData(new[] { "training_args.bin", "README.md" }, "It holds README.md, training_args.bin.")]
    [InlineData(new[] { "consolidated.00.pth" }, "It holds consolidated.00.pth, a Python pickle")]
    [InlineData(new[] { "consolidated.safetensors" }, "It holds consolidated.safetensors, which names its tensors otherwise")]
    [InlineData(
        new[] { "model-00001-of-00002.safetensors" }, "It holds model-00001-of-00002.safetensors, a part",
        "get model.safetensors.index.json")]
    [InlineData(new[] { "model.fp16.safetensors" }, "It holds model.fp16.safetensors", "rename it to model.safetensors")]
    [InlineData(new[] { "adapter_model.safetensors", "config.json" }, "an adapter's weights; name the folder of the model")]
    [InlineData(new[] { "model-q4_k_m.gguf" }, "It holds model-q4_k_m.gguf, llama.cpp's format")]
    [InlineData(new[] { "tf_model.h5" }, "It holds tf_model.h5, TensorFlow's format", "from_tf=True")]
    [InlineData(new[] { "flax_model.msgpack" }, "It holds flax_model.msgpack, Flax's format", "from_flax=True")]
    [InlineData(new string[0], "It holds no files.")]
    public void A_folder_without_weights_says_what_it_holds_and_what_to_do(string[] files, params string[] expected)
    {
        foreach (string file in files)
        {
            File.WriteAllText(folder.File(file), "");
        }

        string message = Assert.Throws<ModelFileException>(() => Checkpoint.Open(folder.Root)).Message;

        Assert.StartsWith(
            $"{folder.Root}: the folder holds no weights: model.safetensors, or parts with model.safetensors.index.json, was expected.",
            message);
        Assert.All(expected, part => Assert.Contains(part, message));
    }

    [Fact]
    public void A_path_without_anything_is_called_one()
    {
        Assert.Contains("no such file or folder", Assert.Throws<ModelFileException>(() => Checkpoint.Open(folder.File("none"))).Message);
    }

    private string Refused(string index)
    {
        File.WriteAllText(folder.File(Checkpoint.IndexFileName), index);
        ModelFileException exception = Assert.Throws<ModelFileException>(() => Checkpoint.Open(folder.Root));
        return exception.Message;
    }

    private void Shard(string file, string tensor) => new SafetensorsWriter().Add(tensor, [1], new[] { 1f }).Write(folder.File(file));
}
