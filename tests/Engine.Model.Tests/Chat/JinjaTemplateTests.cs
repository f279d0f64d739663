using System.Numerics;
using Engine.Model.Chat.Jinja;

namespace Engine.Model.Tests.Chat;

public sealed class JinjaTemplateTests
{
    private static readonly JinjaOptions Options = new() { Now = new DateTime(2026, 1, 15, 9, 5, 7) };

    private static readonly Dictionary<string, object?> Variables = new()
    {
        ["name"] = "World",
        ["one"] = 1,
        ["real"] = 1.0,
        ["none"] = null,
        ["numbers"] = new List<object?> { 3, 1, 2 },
        ["user"] = new Dictionary<string, object?> { ["name"] = "Ann", ["tags"] = new[] { "a", "b" } },
    };

    /// <summary>Examples of Jinja's documentation, and what Python prints.</summary>
    [Theory]
    [InlineData("Hello {{ name }}!", "Hello World!")]
    [InlineData("{% for n in numbers if n > 1 %}{{ loop.index }}:{{ n }}{{ ', ' if not loop.last }}{% else %}none{% endfor %}", "1:3, 2:2")]
    [InlineData("{% for n in numbers %}{% break %}{% else %}each was broken off{% endfor %}", "each was broken off")]
    [InlineData("{% for n in [[1, 2], [3]] recursive %}{{ n if n is number else loop(n) }}{% endfor %}", "123")]
    [InlineData("{% for n in [1, 1, 2] %}{% if loop.changed(n) %}{{ n }}{% endif %}{{ loop.revindex }}{% endfor %}", "132" + "21")]
    [InlineData(
        "{% macro input(name, value='', size=20) -%}<{{ name }} {{ value }} {{ size }}>{%- endmacro %}{{ input('a', size=1) }}", "<a  1>")]
    [InlineData(
        "{% macro dialog(title) %}<{{ title }}>{{ caller('x') }}</>{% endmacro %}{% call(who) dialog('Hi') %}{{ who }}{% endcall %}",
        "<Hi>x</>")]
    [InlineData(
        "{% macro all() %}{{ varargs | join('-') }}{{ kwargs }}{% endmacro %}{{ all(1, *[2, 3], **{'k': none}) }}", "1-2-3{'k': None}")]
    [InlineData(
        "{% set ns = namespace(found=false) %}{% for n in numbers %}{% set ns.found = true %}{% set x = n %}{% endfor %}{{ ns.found }}{{ "
            + "x is defined }}", "TrueFalse")]
    [InlineData("{% set reply | upper %}you: {{ name }}{% endset %}{{ reply }}", "YOU: WORLD")]
    [InlineData("{% filter replace('o', '0') %}{% with a = 'foo' %}{{ a }}{% endwith %}{% endfilter %}", "f00")]
    [InlineData("{% raw %}{{ x }}{% endraw %}{# gone #}{{ '{{' }}", "{{ x }}{{")]
    [InlineData("a\r\n  {%- if true %}\n  b\n  {%+ if true %}c{% endif %}\n  {% endif %}\nd\n", "a  b\n  cd")]
    [InlineData(
        "{{ 7 // -2 }} {{ -7 % 3 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 7 / 2 }} {{ 2 ** 100 }}",
        "-4 2 64 4 3.5 1267650600228229401496703205376")]
    [InlineData("{{ 1 < 2 < 3 }} {{ 1 in [1.0] }} {{ 'a' not in 'b' }} {{ true + 1 }} {{ 'a' ~ 1 ~ none }}", "True True True 2 a1None")]
    [InlineData(
        "{{ one }} {{ real }} {{ 1e16 }} {{ 0.1 + 0.2 }} {{ 5e-324 }} {{ 123456.789e3 }}",
        "1 1.0 1e+16 0.30000000000000004 5e-324 123456789.0")]
    [InlineData("""{{ ["it's", 'q"', "\n\u00e9\u200b", (1,), {}] }}""", """["it's", 'q"', '\né\u200b', (1,), {}]""")]
    [InlineData("{{ name[::-1] }}{{ name[-2:] }}{{ numbers[10:] }}{{ '😀b'[0] }}{{ '😀b' | length }}", "dlroWld[]😀2")]
    [InlineData("{{ missing }}{{ missing is defined }}{{ missing | default('x') }}{{ user.nothing }}{{ ('a' if false) }}", "Falsex")]
    [InlineData(
        "{{ user.tags | map('upper') | join(', ') }} {{ [user] | map(attribute='tags.0') | first }} {{ numbers | sort | last }}",
        "A, B a 3")]
    [InlineData(
        "{{ {'b': [1, 1.0, none, true], 'a': 'é\"'} | tojson }} {{ {'b': 1, 'a': []} | tojson(indent=1, sort_keys=true) }}",
        "{\"b\": [1, 1.0, null, true], \"a\": \"é\\\"\"} {\n \"a\": [],\n \"b\": 1\n}")]
    [InlineData(
        "{{ '%s is %05.1f' % ('x', 2.25) }} {{ '{:>4}|{0.name}{!r}'.format(1) if false else '{:>4}|{!r}'.format(1, 'a') }}",
        "x is 002.2    1|'a'")]
    [InlineData("{{ strftime_now('%d %B %Y, %A %H:%M:%S %-d %-H %p') }}", "15 January 2026, Thursday 09:05:07 15 9 AM")]
    [InlineData(
        "{{ ' a b '.strip().split() }}{{ 'a,b,c'.rsplit(',', 1) }}{{ 'x'.join(['1', '2']) }}{{ 'ab'.startswith(('x', 'a')) }}",
        "['a', 'b']['a,b', 'c']1x2True")]
    [InlineData(
        "{{ 2.5 | round }} {{ 2.675 | round(2) }} {{ '12abc' | int(7) }} {{ ' 42 ' | int }} {{ 'ff' | int(base=16) }}",
        "2.0 2.67 7 42 255")]
    [InlineData("{% block head %}[{{ self.foot() }}]{% endblock %}{% block foot %}f{% endblock %}", "[f]f")]
    public void Templates_print_what_jinja_documents(string source, string text) => Assert.Equal(text, Render(source).Text);

    [Theory]
    [InlineData("{{ raise_exception('no ' ~ name) }}", JinjaErrorKind.RaiseException, "no World")]
    [InlineData("a\n{{ missing.x }}", JinjaErrorKind.Undefined, "'missing' is undefined", 2)]
    [InlineData("{{ user.nothing.x }}", JinjaErrorKind.Undefined, "'dict object' has no attribute 'nothing'")]
    [InlineData("{{ numbers.append(1) }}", JinjaErrorKind.Security, "access to attribute 'append' of 'list' object is unsafe.")]
    [InlineData("{{ ''.__class__.__mro__ }}", JinjaErrorKind.Security, "access to attribute '__class__' of 'str' object is unsafe.")]
    [InlineData("{{ 'a' + 1 }}", JinjaErrorKind.Type, "can only concatenate str (not \"int\") to str")]
    [InlineData("{{ 1 // 0 }}", JinjaErrorKind.ZeroDivision, "integer division or modulo by zero")]
    [InlineData("{% for a, b in [[1]] %}{% endfor %}", JinjaErrorKind.Value, "not enough values to unpack (expected 2, got 1)")]
    [InlineData("{% if true %}\n\n{{ 1 | nosuch }}{% endif %}", JinjaErrorKind.Template, "No filter named 'nosuch' found.", 3)]
    [InlineData("{{ 1 | nosuch }}", JinjaErrorKind.Syntax, "No filter named 'nosuch'.")]
    [InlineData("{% for x in y %}", JinjaErrorKind.Syntax, "Jinja was looking for the following tags: 'endfor' or 'else'")]
    [InlineData("{{ 1", JinjaErrorKind.Syntax, "unexpected 'end of template'")]
    [InlineData("{{ (1]", JinjaErrorKind.Syntax, "unexpected ']', expected ')'")]
    [InlineData("{{ 1. ", JinjaErrorKind.Syntax, "expected name or number")]
    [InlineData("{% break %}", JinjaErrorKind.Syntax, "'break' outside loop")]
    [InlineData("{% include 'x' %}", JinjaErrorKind.Type, "no loader")]
    public void Errors_have_a_kind_a_message_and_a_line(string source, JinjaErrorKind kind, string message, int line = 1)
    {
        JinjaException error = Assert.Throws<JinjaException>(() => Render(source));
        Assert.Equal((kind, line), (error.Kind, error.Line));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    /// <summary>Templates come from strangers' folders.</summary>
    [Theory]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", JinjaErrorKind.Limit)]
    [InlineData(
        "{% set x = [] %}{% for a in range(99999) %}{% set x = 1 %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% "
            + "endfor %}{% endfor %}", JinjaErrorKind.Limit)]
    [InlineData("{{ 'a' * 10 ** 12 }}", JinjaErrorKind.Limit)]
    [InlineData("{{ [0] * 10 ** 12 }}", JinjaErrorKind.Limit)]
    [InlineData("{{ '%999999999d' % 1 }}", JinjaErrorKind.Limit)]
    [InlineData("{{ '{:999999999}'.format(1) }}", JinjaErrorKind.Limit)]
    [InlineData("{{ 'a'.center(10 ** 9) }}", JinjaErrorKind.Limit)]
    [InlineData("{{ 'a'.ljust(10 ** 9) ~ 'a'.zfill(10 ** 9) }}", JinjaErrorKind.Limit)]
    [InlineData("{{ ('\\n' * 10000) | indent(10 ** 9, true, true) }}", JinjaErrorKind.Limit)]
    [InlineData("{{ ('a' * 10 ** 6) | replace('a', 'b' * 10 ** 6) }}", JinjaErrorKind.Limit)]
    [InlineData("{{ (['a' * 10 ** 6] * 10 ** 6) | join }}", JinjaErrorKind.Limit)]
    [InlineData("{{ 9 ** (9 ** 9) }}", JinjaErrorKind.Overflow)]
    [InlineData("{{ range(10 ** 9) }}", JinjaErrorKind.Overflow)]
    [InlineData(
        "{% set ns = namespace(l=[]) %}{% for i in range(99999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", JinjaErrorKind.Limit)]
    [InlineData(
        "{% set ns = namespace(l=[]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson }}",
        JinjaErrorKind.Limit)]
    [InlineData(
        "{% set ns = namespace(l=[], m=[]) %}{% for i in range(99) %}{% set ns.l = [ns.l, ns.l] %}{% set ns.m = [ns.m, "
            + "ns.m] %}{% endfor %}{{ ns.l == ns.m }}", JinjaErrorKind.Limit)]
    [InlineData("{% set ns = namespace(s='ab') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", JinjaErrorKind.Limit)]
    [InlineData("{% for i in range(99999) %}{{ 'a' * 9999 }}{% endfor %}", JinjaErrorKind.Limit)]
    [InlineData("{% for i in range(99999) %}{{ range(99999) | sum }}{% endfor %}", JinjaErrorKind.Limit)]
    public void Hostile_templates_end_with_an_error(string source, JinjaErrorKind kind) =>
        Assert.Equal(
            kind,
            Assert.Throws<JinjaException>(() => JinjaTemplate.Parse(source).Render(Variables, Options with { MaxWork = 500_000 })).Kind);

    [Fact]
    public void Sources_that_nest_without_end_are_refused()
    {
        foreach (string part in (string[])["(", "[", "{", "not ", "-", "a if b else ", "x[", "x(", "{1:"])
        {
            Assert.Throws<JinjaException>(() => Render($"{{{{ {string.Concat(Enumerable.Repeat(part, 10_000))}"));
        }

        foreach (string part in (string[])["+1", ".x", "[0]", "|upper", "()", " and 1", "**1"])
        {
            Assert.Equal(
                JinjaErrorKind.Limit,
                Assert.Throws<JinjaException>(() => Render($"{{{{ 1{string.Concat(Enumerable.Repeat(part, 20_000))} }}}}")).Kind);
        }

        Assert.Throws<JinjaException>(() => Render(string.Concat(Enumerable.Repeat("{% if 1 %}", 10_000))));
        Assert.Equal("0", Render($"{{% if 0 %}}{string.Concat(Enumerable.Repeat("{% elif 0 %}", 1000))}{{% else %}}0{{% endif %}}").Text);
    }

    [Fact]
    public void Generation_blocks_are_noted_in_code_points()
    {
        JinjaRendering rendering =
            Render("😀{% generation %}é😀{% endgeneration %}.{% for n in numbers %}{% generation %}{{ n }}{% endgeneration %}{% endfor %}");
        Assert.Equal("😀é😀.312", rendering.Text);
        Assert.Equal([(1, 3), (4, 5), (5, 6), (6, 7)], rendering.Spans);
        Assert.Empty(Render("{% generation %}first{% endgeneration %}").Spans);
        Assert.True(JinjaTemplate.Parse("{% generation %}{% endgeneration %}").HasGeneration);
    }

    [Fact]
    public void Variables_of_other_types_are_refused_and_large_integers_kept()
    {
        Assert.Equal(
            "123456789012345678901234567890", Render("{{ n }}", new() { ["n"] = BigInteger.Parse("123456789012345678901234567890") }).Text);
        Assert.Throws<ArgumentException>(() => Render("{{ n }}", new() { ["n"] = new Version(1, 0) }));
    }

    private static JinjaRendering Render(string source, Dictionary<string, object?>? variables = null) =>
        JinjaTemplate.Parse(source).Render(variables ?? Variables, Options);
}
