using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Engine.Common.Files;

/// <summary>
/// JSON as Python's <c>json</c> module writes it: <c>NaN</c>, <c>Infinity</c> and <c>-Infinity</c> stand where numbers do. They become
/// numbers beyond every double, of which <c>GetDouble</c> makes an infinity and which no reader of whole numbers takes: what nobody asks
/// for is read past, and what is asked for is seen not to be finite. <see cref="Shown"/> has the word that was written.
/// </summary>
public static class PythonJson
{
    private static readonly SearchValues<byte> Before = SearchValues.Create(" \t\r\n,:["u8), After = SearchValues.Create(" \t\r\n,]}"u8);

    private static ReadOnlySpan<byte> NaN => "NaN"u8;

    private static ReadOnlySpan<byte> Infinity => "Infinity"u8;

    private static ReadOnlySpan<byte> NaNNumber => "9e999999"u8;

    // Python reads an infinity from it, too.
    private static ReadOnlySpan<byte> InfinityNumber => "1e999999"u8;

    /// <summary>Parses a document; who takes it disposes of it.</summary>
    /// <exception cref="JsonException">The text is no JSON, those words apart; the place is that in <paramref name="utf8"/>.</exception>
    public static JsonDocument ParseDocument(ReadOnlyMemory<byte> utf8, JsonDocumentOptions options = default) =>
        Parse(utf8, numbers => JsonDocument.Parse(numbers, options));

    /// <summary>Parses a tree.</summary>
    /// <exception cref="JsonException">The text is no JSON, those words apart; the place is that in <paramref name="utf8"/>.</exception>
    public static JsonNode? ParseNode(ReadOnlyMemory<byte> utf8, JsonDocumentOptions options = default) =>
        Parse(utf8, numbers => JsonNode.Parse(numbers.Span, documentOptions: options));

    /// <summary>Parses by a parser of strict JSON, which is given the text with numbers in place of the words.</summary>
    /// <exception cref="JsonException">The parser's, with the place in <paramref name="utf8"/>.</exception>
    public static T Parse<T>(ReadOnlyMemory<byte> utf8, Func<ReadOnlyMemory<byte>, T> parse)
    {
        ReadOnlyMemory<byte> numbers = AsNumbers(utf8);
        try
        {
            return parse(numbers);
        }
        catch (JsonException exception) when (exception is { LineNumber: not null, BytePositionInLine: not null }
            && numbers.Span.IndexOf(NaNNumber) >= 0)
        {
            // NaN is shorter than its number: the place is that in the text as it was.
            int line = (int)exception.LineNumber, start = 0;
            for (int i = 0; i < line; i++)
            {
                start += numbers.Span[start..].IndexOf((byte)'\n') + 1;
            }

            int place = AsWords(numbers.Slice(start, (int)exception.BytePositionInLine)).Length;
            string reason = exception.Message.Split(" LineNumber:")[0];
            throw new JsonException($"{reason} LineNumber: {line} | BytePositionInLine: {place}.", exception.Path, line, place, exception);
        }
    }

    /// <summary>The text with numbers in place of the words.</summary>
    public static ReadOnlyMemory<byte> AsNumbers(ReadOnlyMemory<byte> utf8) => Replace(utf8, toNumbers: true);

    /// <summary>The text with the words in place of the numbers, as it is to be written again.</summary>
    public static ReadOnlyMemory<byte> AsWords(ReadOnlyMemory<byte> utf8) => Replace(utf8, toNumbers: false);

    /// <summary>A value as it was written, from its raw text.</summary>
    public static string Shown(string rawText) => Encoding.UTF8.GetString(AsWords(Encoding.UTF8.GetBytes(rawText)).Span);

    private static ReadOnlyMemory<byte> Replace(ReadOnlyMemory<byte> utf8, bool toNumbers)
    {
        ReadOnlySpan<byte> text = utf8.Span, nan = toNumbers ? NaN : NaNNumber, infinity = toNumbers ? Infinity : InfinityNumber;
        if (text.IndexOf(nan) < 0 && text.IndexOf(infinity) < 0)
        {
            return utf8;
        }

        ArrayBufferWriter<byte> result = new(text.Length);
        bool inString = false;
        for (int i = 0; i < text.Length;)
        {
            if (!inString && Stands(text, i, nan, i))
            {
                result.Write(toNumbers ? NaNNumber : NaN);
                i += nan.Length;
            }
            else if (!inString && Stands(text, i, infinity, i > 0 && text[i - 1] == '-' ? i - 1 : i))
            {
                result.Write(toNumbers ? InfinityNumber : Infinity);
                i += infinity.Length;
            }
            else
            {
                // A backslash takes the next character with it, a quote as well.
                int length = inString && text[i] == '\\' && i + 1 < text.Length ? 2 : 1;
                inString ^= text[i] == '"';
                result.Write(text.Slice(i, length));
                i += length;
            }
        }

        return result.WrittenMemory;
    }

    /// <summary>Whether a word stands at a place by itself, where a value may.</summary>
    /// <param name="start">Where the value begins: at the word, or at its sign.</param>
    private static bool Stands(ReadOnlySpan<byte> text, int at, ReadOnlySpan<byte> word, int start)
    {
        int end = at + word.Length;
        return text[at..].StartsWith(word) && (start == 0 || Before.Contains(text[start - 1]))
            && (end == text.Length || After.Contains(text[end]));
    }
}
