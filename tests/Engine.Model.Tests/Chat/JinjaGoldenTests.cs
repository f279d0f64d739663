using System.Text;
using System.Text.Json;
using Engine.Model.Chat.Jinja;
using Engine.Tests;

namespace Engine.Model.Tests.Chat;

/// <summary>Renderings held against those of Jinja2 in Transformers' settings (<c>goldens/templates</c>).</summary>
public sealed class JinjaGoldenTests
{
    private static readonly JinjaOptions Options = new() { Now = new DateTime(2026, 1, 15) };

    [Fact]
    public void Every_snippet_is_as_jinja_has_it()
    {
        List<string> differences = [];
        foreach (JsonElement golden in Lines("snippets.jsonl"))
        {
            Dictionary<string, object?> variables = Members(golden.GetProperty("variables"));
            Compare(golden.GetProperty("id").GetString()!, () =>
                JinjaTemplate.Parse(golden.GetProperty("source").GetString()!).Render(variables, Options), golden, "output", differences);
        }

        Assert.True(differences.Count == 0, $"{differences.Count} differ:\n{string.Join('\n', differences)}");
    }

    [Fact]
    public void Every_published_template_renders_as_transformers_has_it()
    {
        Dictionary<string, JinjaTemplate> templates = Directory.GetFiles(SharedFiles.Path("goldens/templates/templates"), "*.jinja")
            .ToDictionary(
                file => Path.GetFileNameWithoutExtension(file),
                file => JinjaTemplate.Parse(Encoding.UTF8.GetString(File.ReadAllBytes(file))));
        JsonElement tokens = Document("templates/tokens.json");
        Dictionary<string, JsonElement> conversations =
            Document("conversations.json").EnumerateArray().ToDictionary(one => one.GetProperty("name").GetString()!);
        List<string> differences = [];
        foreach (JsonElement golden in Lines("rendered.jsonl"))
        {
            string name = golden.GetProperty("template").GetString()!, conversation = golden.GetProperty("conversation").GetString()!;
            Dictionary<string, object?> variables = new() { ["tools"] = null, ["documents"] = null, ["add_generation_prompt"] = false };
            foreach ((string key, object? value) in (KeyValuePair<string, object?>[])[
                .. Members(conversations[conversation]).Where(member => member.Key is "messages" or "tools" or "documents"),
                .. tokens.TryGetProperty(name, out JsonElement own) ? Members(own) : [],
                .. Members(golden.GetProperty("options"))])
            {
                variables[key] = value;
            }

            Compare($"{name}, {conversation}, {golden.GetProperty("options")}", () => templates[name].Render(variables, Options),
                golden, "text", differences);
        }

        Assert.True(differences.Count == 0, $"{differences.Count} differ:\n{string.Join('\n', differences.Take(20))}");
    }

    /// <summary>Texts and spans exactly; errors by kind, and by message where that is the template's or Jinja's own.</summary>
    private static void Compare(string name, Func<JinjaRendering> render, JsonElement golden, string textName, List<string> differences)
    {
        string expected = golden.TryGetProperty("error", out JsonElement error)
            ? Error(error.GetProperty("kind").GetString()!, error.GetProperty("message").GetString()!)
            : golden.GetProperty(textName).GetString()!;
        if (golden.TryGetProperty("spans", out JsonElement spans))
        {
            expected += $" {string.Join(' ', spans.EnumerateArray().Select(span => (span[0].GetInt32(), span[1].GetInt32())))}";
        }

        string actual;
        try
        {
            JinjaRendering rendering = render();
            actual = rendering.Text + (spans.ValueKind == JsonValueKind.Undefined ? "" : $" {string.Join(' ', rendering.Spans)}");
        }
        catch (JinjaException problem)
        {
            actual = Error(problem.KindName, problem.Message);
        }

        if (actual != expected)
        {
            differences.Add($"{name}: expected\n{expected}\nbut was\n{actual}\n");
        }
    }

    private static string Error(string kind, string message) =>
        kind is "raise_exception" or "undefined" or "security" ? $"{kind}: {message}" : kind;

    private static Dictionary<string, object?> Members(JsonElement element) =>
        element.EnumerateObject().ToDictionary(member => member.Name, member => (object?)member.Value);

    private static JsonElement Document(string name) =>
        JsonDocument.Parse(File.ReadAllText(SharedFiles.Path($"goldens/templates/{name}"))).RootElement;

    private static IEnumerable<JsonElement> Lines(string name) =>
        File.ReadLines(SharedFiles.Path($"goldens/templates/{name}")).Select(line => JsonDocument.Parse(line).RootElement);
}
