namespace Engine.Tokenizers;

/// <summary><c>ByteLevel</c>: characters stand for bytes, which are UTF-8; what is not becomes U+FFFD.</summary>
internal sealed class ByteLevelDecoder : IDecoder
{
    public IReadOnlyList<string> Decode(IReadOnlyList<string> tokens)
    {
        List<byte> bytes = [];
        foreach (string token in tokens)
        {
            int before = bytes.Count;
            foreach (char character in token)
            {
                if (ByteAlphabet.TryGetByte(character, out byte value))
                {
                    bytes.Add(value);
                    continue;
                }

                // A token with any character outside the alphabet is text, not bytes.
                bytes.RemoveRange(before, bytes.Count - before);
                bytes.AddRange(System.Text.Encoding.UTF8.GetBytes(token));
                break;
            }
        }

        return [System.Text.Encoding.UTF8.GetString([.. bytes])];
    }
}
