using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Model.Chat;

/// <summary>Finds the chat template of a model folder.</summary>
internal static class ChatTemplateFile
{
    public const string JinjaName = "chat_template.jinja", ConfigName = "tokenizer_config.json";

    /// <summary>The file that holds it and its text; null where there is none. As in Transformers the file of its own comes first.</summary>
    public static (string Path, string Source)? Read(string folder)
    {
        FileInfo jinja = new(Path.Combine(folder, JinjaName));
        if (jinja.Exists)
        {
            return jinja.Length <= ChatTemplateRecognition.LongestTemplate
                ? (jinja.FullName, File.ReadAllText(jinja.FullName))
                : throw new ModelFileException(jinja.FullName, $"the file has {jinja.Length:N0} bytes; a chat template has at most {ChatTemplateRecognition.LongestTemplate:N0}.");
        }

        string path = Path.Combine(folder, ConfigName);
        if (!File.Exists(path))
        {
            return null;
        }

        return JsonFile.ReadObject(path)["chat_template"] switch
        {
            null => null,
            JsonValue value when value.TryGetValue(out string? source) => (path, source),
            JsonArray named => Default(named) is string source ? (path, source) : throw Wrong(path, "a list without a template named default"),
            _ => throw Wrong(path, "neither a text nor a list"),
        };
    }

    /// <summary>The template named default among several with names.</summary>
    private static string? Default(JsonArray named) => named
        .OfType<JsonObject>()
        .Where(entry => Text(entry["name"]) == "default")
        .Select(entry => Text(entry["template"]))
        .FirstOrDefault();

    private static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue(out string? text) ? text : null;

    private static ModelFileException Wrong(string path, string problem) =>
        new(path, $"chat_template is {problem}; expected a text, or a list of objects with name and template.");
}
