using System.Globalization;

namespace Engine.Tokenizers;

/// <summary>
/// The tokens <c>&lt;0xNN&gt;</c> of a vocabulary, which stand for the UTF-8 bytes of what has no token (<c>byte_fallback</c>).
/// </summary>
internal sealed class ByteTokens(Vocabulary vocabulary)
{
    private const int Absent = -1;

    private readonly int[] ids = [.. Enumerable.Range(0, 256).Select(value =>
        vocabulary.TryGetId(string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>"), out int id) ? id : Absent)];

    /// <summary>The tokens of a text's bytes; null where one is missing.</summary>
    public int[]? Of(ReadOnlySpan<char> text)
    {
        byte[] bytes = new byte[System.Text.Encoding.UTF8.GetByteCount(text)];
        System.Text.Encoding.UTF8.GetBytes(text, bytes);
        int[] tokens = Array.ConvertAll(bytes, value => ids[value]);
        return tokens.Contains(Absent) ? null : tokens;
    }
}
