using Engine.Cli.Console;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Model.HuggingFace;
using Engine.Safetensors;
using Engine.Tokenizers;
using Spectre.Console;

namespace Engine.Cli.Inspection;

/// <summary>Shows a Hugging Face model folder.</summary>
internal static class ModelInspection
{
    public static void Show(ModelFolder folder, IAnsiConsole console)
    {
        ModelConfig config = folder.Config;
        Grid facts = Tables.Facts();
        facts.Fact("model_type", config.ModelType);
        facts.Fact("architectures", config.Architectures.Count == 0 ? "not said" : string.Join(", ", config.Architectures));
        ShowArchitecture(folder, facts);
        ShowWeights(folder, facts);
        ShowTokenizer(folder, facts);
        console.Write(facts);
    }

    private static void ShowArchitecture(ModelFolder folder, Grid facts)
    {
        Architecture architecture;
        try
        {
            architecture = folder.CreateArchitecture();
        }
        catch (ModelFileException exception)
        {
            facts.Fact("cannot be trained", exception.Message);
            return;
        }

        long parameters = architecture.Parameters.Sum(parameter => parameter.Shape.Count);
        long head = architecture.Parameters.Where(parameter => parameter.Head).Sum(parameter => parameter.Shape.Count);
        facts.Fact("read as", architecture.Name);
        facts.Fact("parameters", $"{parameters:N0} ({head:N0} of them in the head)");
        facts.Fact("layers", $"{architecture.NumLayers} of size {architecture.HiddenSize}");
        facts.Fact("vocabulary", Amounts.Of(architecture.VocabularySize, "token"));
        facts.Fact("longest text", Amounts.Of(architecture.MaxLength, "token"));
        facts.Fact("predicts", architecture.Head switch
        {
            HeadKind.Regression => "a number",
            HeadKind.MaskedLm => "masked tokens",
            HeadKind.CausalLm => "the next token",
            _ => $"one of {string.Join(", ", folder.Config.Labels.Names)}",
        });
        foreach (string note in architecture.Head.PredictsTokens() ? [] : folder.Config.Labels.Notes)
        {
            facts.Fact("note", note);
        }
    }

    private static void ShowWeights(ModelFolder folder, Grid facts)
    {
        if (folder.MissingWeights is { } missing)
        {
            facts.Fact("weights", missing);
            return;
        }

        using Checkpoint weights = Checkpoint.Open(folder.FolderPath);
        facts.Fact("weights", weights.Files.Count == 1 ? Path.GetFileName(weights.Files[0].FilePath) : Amounts.Of(weights.Files.Count, "shard"));
        facts.Fact("tensors", FileInspection.Summary(weights));
        if (Quantization.Of(weights) is { } quantization)
        {
            facts.Fact("cannot be loaded", $"{quantization}. {Quantization.Advice}");
            return;
        }

        facts.Fact("dtype", $"frozen matrices are kept as {WeightTypes.Name(folder.StorageOf(WeightType.Auto))}");
    }

    private static void ShowTokenizer(ModelFolder folder, Grid facts)
    {
        Tokenizer tokenizer;
        try
        {
            tokenizer = folder.LoadTokenizer();
        }
        catch (Exception exception) when (exception is FileNotFoundException or InvalidDataException)
        {
            facts.Fact("tokenizer", exception.Message);
            return;
        }

        string special = string.Join(", ", tokenizer.AllSpecialIds.Take(8).Select(id => $"{tokenizer.IdToToken(id)} {id}"));
        facts.Fact("tokenizer", Amounts.Of(tokenizer.VocabularySize, "token"));
        facts.Fact("special tokens", special.Length == 0 ? "none" : special);
    }
}
