using Engine.Common.Files;
using Engine.Model.Generation;
using Engine.Tests;

namespace Engine.Model.Tests.Generation;

public sealed class GenerationConfigTests
{
    [Fact]
    public void Known_keys_are_read_and_others_left_alone()
    {
        GenerationOptions options =
            Read(
                """{"do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "repetition_penalty": 1.1, "eos_token_id": [5, 7], "num_beams": 1, "x": {}}""");
        Assert.Equal(
            new GenerationOptions { Sample = true, Temperature = 0.7f, TopK = 20, TopP = 0.8f, RepetitionPenalty = 1.1f },
            options with { EosTokenIds = new GenerationOptions().EosTokenIds, StopStrings = new GenerationOptions().StopStrings });
        Assert.Equal([5, 7], options.EosTokenIds);
    }

    [Fact]
    public void End_tokens_come_from_the_first_place_that_names_them()
    {
        Assert.Equal([5], Read("""{"eos_token_id": 5}""", """, "eos_token_id": 6""").EosTokenIds);
        Assert.Equal([6], Read("{}", """, "eos_token_id": 6""").EosTokenIds);
        Assert.Equal([6, 8], Read(null, """, "eos_token_id": [6, 8]""").EosTokenIds);
        Assert.Equal([9], Read(null).EosTokenIds);
    }

    [Theory]
    [InlineData("""{"top_k": "many"}""", "'top_k' is \"many\"")]
    [InlineData("""{"eos_token_id": [1, "two"]}""", "'eos_token_id' is [1,\"two\"]")]
    [InlineData("""{"top_p": 2.5}""", "top_p is 2.5")]
    [InlineData("""{"unused": Infinity, "temperature": NaN}""", "'temperature' is NaN; a finite number was expected")]
    public void A_value_that_cannot_be_is_an_error_with_file_and_key(string text, string part)
    {
        string message = Assert.Throws<ModelFileException>(() => Read(text)).Message;
        Assert.Contains("generation_config.json", message, StringComparison.Ordinal);
        Assert.Contains(part, message, StringComparison.Ordinal);
    }

    private static GenerationOptions Read(string? generationConfig, string configKeys = "")
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), $$"""{"model_type": "llama"{{configKeys}}}""");
        if (generationConfig is not null)
        {
            File.WriteAllText(folder.File(GenerationConfig.FileName), generationConfig);
        }

        return GenerationConfig.Read(ModelFolder.Open(folder.Root), tokenizerEos: 9);
    }
}
