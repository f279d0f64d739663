using System.Text.Json;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine template</c>; what templates print is tested beside the interpreter.</summary>
public sealed class TemplateTests
{
    [Fact]
    public void Every_line_is_rendered_and_an_error_stops_none_after_it()
    {
        (string Source, string Variables)[] lines =
        [
            ("a {{ x }}{% generation %}é😀{% endgeneration %}", """{"x": 1.0}"""),
            ("\n{{ raise_exception('no ' ~ x) }}", """{"x": "system"}"""),
            ("{{ strftime_now('%d %b %Y') }}{{ messages | tojson }}", """{"messages": [{"role": "user", "content": null}]}"""),
        ];
        string input = string.Join(
            '\n', lines.Select(line => $$"""{"source": {{JsonSerializer.Serialize(line.Source)}}, "variables": {{line.Variables}}}"""));
        Assert.Equal(
            [
                """{"text":"a 1.0é😀","spans":[[5,7]]}""",
                """{"error":{"kind":"raise_exception","message":"no system","line":2}}""",
                """{"text":"15 Jan 2026[{\"role\": \"user\", \"content\": null}]"}""",
            ],
            EngineProcess.RunWithInput(input, "template", "--now", "2026-01-15", "-").Succeeded().OutputLines.Select(
                line => line.Replace(@"\uD83D\uDE00", "😀", StringComparison.Ordinal)));
        EngineProcess.RunWithInput("""{"source": "x"}""", "template", "-").Refused(1, "'variables'");
    }
}
