namespace Engine.Tokenizers;

/// <summary>The one-to-one map of GPT-2 between the 256 byte values and printable characters.</summary>
internal static class ByteAlphabet
{
    private const int NotAByte = -1;

    private static readonly char[] s_characters = MakeCharacters();
    private static readonly short[] s_bytes = MakeBytes();

    /// <summary>The characters of the bytes 0 to 255.</summary>
    public static ReadOnlySpan<char> Characters => s_characters;

    /// <summary>The byte of a character, or false where it stands for none.</summary>
    public static bool TryGetByte(char character, out byte value)
    {
        short found = character < s_bytes.Length ? s_bytes[character] : (short)NotAByte;
        value = (byte)found;
        return found != NotAByte;
    }

    private static char[] MakeCharacters()
    {
        // Bytes that Latin-1 shows keep their character; the others take the characters from U+0100 on, in order.
        char[] characters = new char[256];
        char next = '\u0100';
        for (int value = 0; value < 256; value++)
        {
            bool shown = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            characters[value] = shown ? (char)value : next++;
        }

        return characters;
    }

    private static short[] MakeBytes()
    {
        short[] bytes = new short[s_characters.Max() + 1];
        Array.Fill(bytes, (short)NotAByte);
        for (int value = 0; value < 256; value++)
        {
            bytes[s_characters[value]] = (short)value;
        }

        return bytes;
    }
}
