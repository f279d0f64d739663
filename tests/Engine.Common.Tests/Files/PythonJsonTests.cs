using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Tests.Files;

/// <summary>What Python's json.dumps writes for numbers that are not finite.</summary>
public sealed class PythonJsonTests
{
    [Fact]
    public void Numbers_that_are_not_finite_are_read_and_written_as_Python_writes_them()
    {
        const string Text = """{"a": NaN, "b": [1, -Infinity,Infinity], "c": "NaN, \"Infinity\" \\", "d": {"e":NaN}}""";

        JsonNode node = PythonJson.ParseNode(Bytes(Text))!;
        using JsonDocument document = PythonJson.ParseDocument(Bytes(Text));

        Assert.Equal([1, double.NegativeInfinity, double.PositiveInfinity], node["b"]!.AsArray().Select(item => item!.GetValue<double>()));
        Assert.False(double.IsFinite(node["a"]!.GetValue<double>()));
        Assert.False(node["a"]!.AsValue().TryGetValue(out int _));
        Assert.Equal("NaN, \"Infinity\" \\", (string?)node["c"]);
        Assert.Equal("NaN", PythonJson.Shown(node["d"]!["e"]!.ToJsonString()));
        Assert.Equal("-Infinity", PythonJson.Shown(document.RootElement.GetProperty("b")[1].GetRawText()));
        Assert.Equal(Text, Encoding.UTF8.GetString(PythonJson.AsWords(PythonJson.AsNumbers(Bytes(Text))).Span));
    }

    [Theory]
    [InlineData("""{"a": NaNa}""")]
    [InlineData("""{"a": -NaN}""")]
    [InlineData("""{"a": +Infinity}""")]
    [InlineData("""{"a": 1Infinity}""")]
    [InlineData("""{"a": --Infinity}""")]
    [InlineData("""{NaN: 1}""")]
    [InlineData("""{"a": nan}""")]
    public void Nothing_else_is_taken_for_a_number(string text) =>
        Assert.ThrowsAny<JsonException>(() => PythonJson.ParseNode(Bytes(text)));

    [Fact]
    public void A_mistake_after_such_a_number_is_placed_where_it_stands()
    {
        JsonException error = Assert.ThrowsAny<JsonException>(() => PythonJson.ParseNode(Bytes("{\n\"a\": NaN, \"b\": NaN, \"c\": oops}")));

        Assert.Equal((1L, "\"a\": NaN, \"b\": NaN, \"c\": ".Length), (error.LineNumber, error.BytePositionInLine));
        Assert.Contains("BytePositionInLine: 25.", error.Message, StringComparison.Ordinal);
    }

    private static byte[] Bytes(string text) => Encoding.UTF8.GetBytes(text);
}
