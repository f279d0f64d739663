using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Model.Generation;

/// <summary>
/// What a model folder says of generation: <c>generation_config.json</c>, where it is there. Keys that are not read here are left alone:
/// the file holds many that say nothing to the ways of choosing tokens that there are here.
/// </summary>
internal static class GenerationConfig
{
    /// <summary>The name of the file in a model folder.</summary>
    public const string FileName = "generation_config.json";

    /// <summary>
    /// The folder's defaults: <c>do_sample</c>, <c>temperature</c>, <c>top_k</c>, <c>top_p</c>, <c>repetition_penalty</c>,
    /// <c>max_new_tokens</c> and <c>eos_token_id</c>. End tokens that the file does not name are those of config.json, else the
    /// tokenizer's.
    /// </summary>
    /// <exception cref="ModelFileException">A key has a value of another type than expected, or out of its range.</exception>
    public static GenerationOptions Read(ModelFolder folder, int? tokenizerEos)
    {
        string path = Path.Combine(folder.FolderPath, FileName);
        JsonSection section = new(path, File.Exists(path) ? JsonFile.ReadObject(path) : new JsonObject());
        var usual = new GenerationOptions();
        var options = new GenerationOptions
        {
            Sample = section.OptionalBool("do_sample") ?? usual.Sample,
            Temperature = (float)(section.OptionalDouble("temperature") ?? usual.Temperature),
            TopK = section.OptionalInt("top_k") ?? usual.TopK,
            TopP = (float)(section.OptionalDouble("top_p") ?? usual.TopP),
            RepetitionPenalty = (float)(section.OptionalDouble("repetition_penalty") ?? usual.RepetitionPenalty),
            MaxNewTokens = section.OptionalInt("max_new_tokens") ?? usual.MaxNewTokens,
            EosTokenIds = section.OptionalInts("eos_token_id")
                ?? folder.Config.Root.OptionalInts("eos_token_id")
                ?? (tokenizerEos is { } eos ? [eos] : []),
        };
        try
        {
            options.Validate();
        }
        catch (ArgumentException invalid)
        {
            throw new ModelFileException(path, invalid.Message, invalid);
        }

        return options;
    }
}
