using Engine.Common.Files;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Tokenizers;

namespace Engine.Tests.Files;

/// <summary>What lies in a folder in place of a file that was not fetched, in every file of a model, an adapter and a tokenizer.</summary>
public sealed class StandInTests : IDisposable
{
    /// <summary>As the Git LFS specification has it (docs/spec.md, "The Pointer").</summary>
    private const string Pointer = """
        version https://git-lfs.github.com/spec/v1
        oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393
        size 12345

        """;

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("model.safetensors.index.json")]
    [InlineData("config.json")]
    [InlineData("adapter_model.safetensors")]
    [InlineData("adapter_config.json")]
    [InlineData("tokenizer.json")]
    [InlineData("tokenizer_config.json")]
    [InlineData("special_tokens_map.json")]
    [InlineData("vocab.json")]
    [InlineData("merges.txt")]
    [InlineData("vocab.txt")]
    public void A_pointer_of_Git_LFS_is_called_one_in_whatever_file_it_stands(string name)
    {
        foreach ((string content, string expected) in new[]
        {
            (Pointer, "it is a Git LFS pointer, not the file of 12,345 bytes; run 'git lfs install' and 'git lfs pull'"),
            ("<!DOCTYPE html>\n<html lang=\"en\">", "a web page"),
            ("../../blobs/4d7a214614ab2935c943f9e0ff69d22eadbb8f32", "the text of a symbolic link to '../../blobs/4d7a2146"),
        })
        {
            File.WriteAllText(folder.File(name), content);
            string message = Assert.ThrowsAny<Exception>(() => Open(name)).Message;

            Assert.Contains(name, message);
            Assert.Contains(expected, message);
        }
    }

    [Fact]
    public void A_pointer_in_place_of_a_shard_is_called_one()
    {
        new SafetensorsWriter().Add("x", [1], new[] { 1f }).Write(folder.File("a.safetensors"));
        File.WriteAllText(folder.File("b.safetensors"), Pointer);
        File.WriteAllText(folder.File(Checkpoint.IndexFileName), """{"weight_map":{"x":"a.safetensors","y":"b.safetensors"}}""");

        string message = Assert.Throws<ModelFileException>(() => Checkpoint.Open(folder.Root)).Message;

        Assert.Contains("b.safetensors: it is a Git LFS pointer", message);
    }

    [Fact]
    public void An_answer_in_place_of_weights_is_quoted()
    {
        File.WriteAllText(folder.File("model.safetensors"), "Invalid username or password.");

        string message = Assert.Throws<ModelFileException>(() => Checkpoint.Open(folder.Root)).Message;

        Assert.Contains("model.safetensors: it is the text 'Invalid username or password.', not the file", message);
    }

    private void Open(string name)
    {
        switch (name)
        {
            case "model.safetensors" or "model.safetensors.index.json":
                Checkpoint.Open(folder.Root).Dispose();
                break;
            case "config.json":
                ModelConfig.Read(folder.Root);
                break;
            case "adapter_model.safetensors":
                File.WriteAllText(
                    folder.File("adapter_config.json"), """{"peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["query"]}""");
                AdapterFile.Read(folder.Root).Dispose();
                break;
            case "adapter_config.json":
                AdapterConfig.Read(folder.Root);
                break;
            default:
                Tokenizer.Load(folder.Root);
                break;
        }
    }
}
