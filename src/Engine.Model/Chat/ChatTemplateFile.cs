using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Model.Chat;

/// <summary>A folder's template as it is written.</summary>
/// <param name="Path">The file that holds it.</param>
/// <param name="Default">Its text.</param>
/// <param name="WithTools">The text for conversations with tools, where that is another.</param>
internal sealed record ChatTemplateSource(string Path, string Default, string? WithTools = null);

/// <summary>Finds the chat template of a model folder.</summary>
internal static class ChatTemplateFile
{
    public const string JinjaName = "chat_template.jinja", ConfigName = "tokenizer_config.json";

    /// <summary>Characters; published templates have a tenth of that.</summary>
    private const int LongestTemplate = 1 << 17;

    /// <summary>The template; null where there is none. As in Transformers the file of its own comes first.</summary>
    public static ChatTemplateSource? Read(string folder)
    {
        FileInfo jinja = new(Path.Combine(folder, JinjaName));
        if (jinja.Exists)
        {
            return jinja.Length <= LongestTemplate
                ? new(jinja.FullName, File.ReadAllText(jinja.FullName))
                : throw new ModelFileException(
                    jinja.FullName, $"the file has {jinja.Length:N0} bytes; a chat template has at most {LongestTemplate:N0}.");
        }

        string path = Path.Combine(folder, ConfigName);
        if (!File.Exists(path))
        {
            return null;
        }

        return JsonFile.ReadObject(path)["chat_template"] switch
        {
            null => null,
            JsonValue value when value.TryGetValue(out string? source) => new(path, source),
            JsonArray named => Named(named, "default") is string source
                ? new(path, source, Named(named, "tool_use"))
                : throw Wrong(path, "a list without a template named default"),
            _ => throw Wrong(path, "neither a text nor a list"),
        };
    }

    /// <summary>One template among several with names.</summary>
    private static string? Named(JsonArray named, string name) => named
        .OfType<JsonObject>()
        .Where(entry => Text(entry["name"]) == name)
        .Select(entry => Text(entry["template"]))
        .FirstOrDefault();

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static ModelFileException Wrong(string path, string problem) =>
        new(path, $"chat_template is {problem}; expected a text, or a list of objects with name and template.");
}
