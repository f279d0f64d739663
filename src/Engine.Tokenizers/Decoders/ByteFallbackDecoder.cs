using System.Globalization;
using System.Text.Unicode;

namespace Engine.Tokenizers;

/// <summary><c>ByteFallback</c>: a run of <c>&lt;0xNN&gt;</c> is UTF-8; a run that is not becomes one U+FFFD for each byte.</summary>
internal sealed class ByteFallbackDecoder : IDecoder
{
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens)
    {
        List<string> parts = new(tokens.Count);
        List<byte> run = [];
        foreach (string token in tokens)
        {
            if (TryGetByte(token, out byte value))
            {
                run.Add(value);
                continue;
            }

            Flush();
            parts.Add(token);
        }

        Flush();
        return parts;

        void Flush()
        {
            if (run.Count > 0)
            {
                byte[] bytes = [.. run];
                parts.Add(Utf8.IsValid(bytes) ? System.Text.Encoding.UTF8.GetString(bytes) : new string('\uFFFD', bytes.Length));
                run.Clear();
            }
        }
    }

    private static bool TryGetByte(string token, out byte value)
    {
        value = 0;
        return token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>'
            && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
    }
}
