using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Model.Architectures;

namespace Engine.Model.HuggingFace;

/// <summary>
/// How a folder's sentence vectors are made, as sentence-transformers reads it: <c>modules.json</c> lists the steps,
/// <c>1_Pooling/config.json</c> says how tokens become one vector, <c>sentence_bert_config.json</c> where texts are cut. A folder without
/// them is pooled by the mean and not normalised, as there.
/// </summary>
internal sealed record SentenceSettings
{
    private const string ModulesName = "modules.json";
    private const string TransformerName = "sentence_bert_config.json";
    private const string PromptsName = "config_sentence_transformers.json";

    /// <summary>The pooling modes of the format that are built.</summary>
    private static readonly (string Key, TextPooling? Pooling)[] Modes =
    [
        ("pooling_mode_mean_tokens", TextPooling.Mean),
        ("pooling_mode_cls_token", TextPooling.FirstToken),
        ("pooling_mode_max_tokens", null),
        ("pooling_mode_mean_sqrt_len_tokens", null),
        ("pooling_mode_weightedmean_tokens", null),
        ("pooling_mode_lasttoken", null),
    ];

    public TextPooling Pooling { get; init; } = TextPooling.Mean;

    /// <summary>The folder has a list of steps; without one, pooling and normalisation are what sentence-transformers assumes.</summary>
    public bool HasModules { get; init; }

    /// <summary>Vectors are scaled to length 1.</summary>
    public bool Normalize { get; init; }

    /// <summary>Longer texts are cut to so many tokens; null: the folder does not say.</summary>
    public int? MaxLength { get; init; }

    /// <summary>Reads a folder's settings.</summary>
    /// <exception cref="ModelFileException">A file is broken, or asks for a step that is not built.</exception>
    public static SentenceSettings Read(string folder)
    {
        string modules = Path.Combine(folder, ModulesName);
        var settings = new SentenceSettings { HasModules = File.Exists(modules) };
        foreach ((string type, string path) in settings.HasModules ? Modules(modules) : [])
        {
            settings = type[(type.LastIndexOf('.') + 1)..] switch
            {
                "Transformer" => settings,
                "Pooling" => settings with { Pooling = PoolingOf(Path.Combine(folder, path, ModelConfig.FileName)) },
                "Normalize" => settings with { Normalize = true },
                _ =>
                    throw new ModelFileException(
                        modules, $"it has a step {type}, which is not built; Transformer, Pooling and Normalize are."),
            };
        }

        RequireNoPrompt(Path.Combine(folder, PromptsName));
        string transformer = Path.Combine(folder, TransformerName);
        if (!File.Exists(transformer))
        {
            return settings;
        }

        var section = new JsonSection(transformer, JsonFile.ReadObject(transformer));
        return section.OptionalBool("do_lower_case") == true
            ? throw new ModelFileException(
                transformer, "do_lower_case is true, which is not built; a tokenizer that lowers its texts itself needs it not.")
            : settings with { MaxLength = section.OptionalInt("max_seq_length") };
    }

    /// <summary>The files of a folder that say it, as paths in it.</summary>
    /// <exception cref="ModelFileException"><c>modules.json</c> is broken.</exception>
    public static IEnumerable<string> Files(string folder)
    {
        string modules = Path.Combine(folder, ModulesName);
        IEnumerable<string> ofSteps = File.Exists(modules)
            ? Modules(modules).Where(step => IsWithin(folder, step.Path)).Select(step => Path.Combine(step.Path, ModelConfig.FileName))
            : [];
        return new[] { ModulesName, TransformerName, PromptsName }.Concat(ofSteps).Where(file => File.Exists(Path.Combine(folder, file)));
    }

    /// <summary>Whether a path names a folder in this one, and not this one or any other.</summary>
    private static bool IsWithin(string folder, string path) => Path.GetFullPath(Path.Combine(folder, path)).StartsWith(
        Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) + Path.DirectorySeparatorChar, StringComparison.Ordinal);

    /// <summary>A prompt that is put before every text is not built.</summary>
    private static void RequireNoPrompt(string file)
    {
        if (File.Exists(file) && new JsonSection(file, JsonFile.ReadObject(file)).OptionalString("default_prompt_name") is { } name)
        {
            throw new ModelFileException(
                file, $"default_prompt_name is '{name}', whose prompt would stand before every text; that is not built.");
        }
    }

    private static IEnumerable<(string Type, string Path)> Modules(string file)
    {
        JsonArray steps;
        try
        {
            steps = JsonNode.Parse(File.ReadAllBytes(file)) as JsonArray
                ?? throw new ModelFileException(file, "a list of steps was expected.");
        }
        catch (JsonException exception)
        {
            throw new ModelFileException(file, $"the file is not the JSON expected here: {exception.Message}", exception);
        }

        foreach (JsonNode? step in steps)
        {
            JsonObject entry = step as JsonObject
                ?? throw new ModelFileException(file, "a step is no object; objects with 'type' and 'path' were expected.");
            var section = new JsonSection(file, entry);
            string type = section.OptionalString("type") ?? throw section.Missing("type", "the class of a step");
            yield return (type, section.OptionalString("path") ?? "");
        }
    }

    private static TextPooling PoolingOf(string file)
    {
        var section = new JsonSection(file, JsonFile.ReadObject(file));
        (string Key, TextPooling? Pooling)[] wanted =
            [.. Modes.Where(mode => section.OptionalBool(mode.Key) ?? mode.Pooling == TextPooling.Mean)];
        return wanted switch
        {
            [(_, { } pooling)] => pooling,
            [] => throw new ModelFileException(file, "no pooling mode is true; one was expected."),
            [var (key, _)] =>
                throw new ModelFileException(file, $"{key} is not built; pooling_mode_mean_tokens and pooling_mode_cls_token are."),
            _ => throw new ModelFileException(
                file,
                $"several pooling modes are true ({string.Join(", ", wanted.Select(mode => mode.Key))}), whose vectors lie side by side; "
                    + "one alone is built."),
        };
    }
}
