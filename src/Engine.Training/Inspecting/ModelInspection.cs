using Engine.Common.Files;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.HuggingFace;
using Engine.Safetensors;
using Engine.Tokenizers;

namespace Engine.Training.Inspecting;

/// <summary>The weights of a model folder.</summary>
/// <param name="Files">Names of the file, or of the shards.</param>
/// <param name="Quantized">How they are quantized, so that they cannot be loaded; null where they are not.</param>
/// <param name="Storage">How frozen matrices are kept on a device where nothing else is said; null for weights that cannot be
/// loaded.</param>
public sealed record WeightsInspection(IReadOnlyList<string> Files, TensorTotals Totals, string? Quantized, ElementType? Storage);

/// <summary>The tokenizer of a model folder.</summary>
/// <param name="Tokens">Size of its vocabulary.</param>
/// <param name="SpecialTokens">Its special tokens with their ids.</param>
public sealed record TokenizerInspection(int Tokens, IReadOnlyList<(string Token, int Id)> SpecialTokens);

/// <summary>A Hugging Face model folder; what of it cannot be used has its reason in words.</summary>
/// <param name="Architecture">What it is read as; null where it cannot be.</param>
/// <param name="ArchitectureProblem">Why it cannot; null where it can.</param>
/// <param name="Weights">Null where they are missing.</param>
/// <param name="WeightsProblem">What is missing; null where they are there.</param>
/// <param name="Tokenizer">Null where it cannot be loaded.</param>
/// <param name="TokenizerProblem">Why it cannot; null where it can.</param>
public sealed record ModelInspection(
    Architecture? Architecture,
    string? ArchitectureProblem,
    WeightsInspection? Weights,
    string? WeightsProblem,
    TokenizerInspection? Tokenizer,
    string? TokenizerProblem) : Inspection
{
    /// <summary>Its <c>config.json</c>.</summary>
    internal ModelConfig Config { get; private init; } = null!;

    /// <summary>Numbers of the model; 0 where it cannot be read.</summary>
    public long Parameters => Architecture?.Parameters.Sum(parameter => parameter.Shape.Count) ?? 0;

    /// <summary>Those of its head.</summary>
    public long HeadParameters => Architecture?.Parameters.Where(parameter => parameter.Head).Sum(parameter => parameter.Shape.Count) ?? 0;

    internal static ModelInspection Of(ModelFolder folder)
    {
        (Architecture? architecture, string? architectureProblem) =
            Try(() => folder.CreateArchitecture(), error => error is ModelFileException);
        (TokenizerInspection? tokenizer, string? tokenizerProblem) =
            Try(() => LookAt(folder.LoadTokenizer()), error => error is FileNotFoundException or InvalidDataException);
        string? missing = folder.MissingWeights;
        return new ModelInspection(
            architecture,
            architectureProblem,
            missing is null ? LookAtWeights(folder) : null,
            missing,
            tokenizer,
            tokenizerProblem)
        {
            Config = folder.Config,
        };
    }

    private static WeightsInspection LookAtWeights(ModelFolder folder)
    {
        using Checkpoint weights = Checkpoint.Open(folder.FolderPath);
        string? quantized = Quantization.Of(weights) is { } quantization ? $"{quantization}. {Quantization.Advice}" : null;
        return new WeightsInspection(
            [.. weights.Files.Select(file => Path.GetFileName(file.FilePath))],
            TensorTotals.Of(weights),
            quantized,
            quantized is null ? folder.StorageOf(WeightType.Auto) : null);
    }

    private static TokenizerInspection LookAt(Tokenizer tokenizer) => new(
        tokenizer.VocabularySize, [.. tokenizer.AllSpecialIds.Select(id => (tokenizer.IdToToken(id) ?? "", id))]);

    private static (T? Found, string? Problem) Try<T>(Func<T> look, Func<Exception, bool> isProblem)
        where T : class
    {
        try
        {
            return (look(), null);
        }
        catch (Exception error) when (isProblem(error))
        {
            return (null, error.Message);
        }
    }
}
