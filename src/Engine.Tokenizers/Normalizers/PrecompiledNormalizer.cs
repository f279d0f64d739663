using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Engine.Tokenizers;

/// <summary>
/// <c>Precompiled</c>: replaces characters by a table that SentencePiece made (<c>precompiled_charsmap</c>: a double array of the UTF-8
/// bytes of what is replaced, then the texts that come in place, each ended by a zero). A cluster of characters of less than six bytes is
/// looked for as a whole first, and is replaced where the table has what it begins with, as Hugging Face's tokenizers do it.
/// </summary>
internal sealed class PrecompiledNormalizer : INormalizer
{
    private const int LongestCluster = 5;

    private readonly uint[] units;
    private readonly byte[] replacements;

    /// <summary>Characters of ASCII that stay, and that form no cluster with what follows in a text of ASCII.</summary>
    private readonly SearchValues<char> kept;

    /// <param name="table">The table.</param>
    /// <exception cref="InvalidDataException">Its first four bytes do not say where the texts begin.</exception>
    public PrecompiledNormalizer(ReadOnlySpan<byte> table)
    {
        const int Head = sizeof(uint);
        uint size = table.Length < Head ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(table);
        if (size > table.Length - Head || size % sizeof(uint) != 0 || size == 0)
        {
            throw new InvalidDataException(
                $"the table has {table.Length} bytes, which does not fit the size that it begins with; the file is cut or not SentencePiece's");
        }

        units = new uint[size / sizeof(uint)];
        for (int i = 0; i < units.Length; i++)
        {
            units[i] = BinaryPrimitives.ReadUInt32LittleEndian(table[(Head + (i * sizeof(uint)))..]);
        }

        replacements = table[(Head + (int)size)..].ToArray();
        kept = SearchValues.Create([.. Enumerable.Range(1, 127).Where(value => value != '\r' && Replacement([(byte)value]) is null)
            .Select(value => (char)value)]);
    }

    public void Normalize(AlignedText text)
    {
        if (!text.Text.AsSpan().ContainsAnyExcept(kept))
        {
            return;
        }

        List<(Rune Rune, int Change)> written = new(text.Text.Length + 16);
        bool isChanged = false;
        ReadOnlySpan<char> rest = text.Text;
        while (!rest.IsEmpty)
        {
            int length = StringInfo.GetNextTextElementLength(rest);
            isChanged |= Add(rest[..length], written);
            rest = rest[length..];
        }

        if (isChanged)
        {
            Apply(text, written);
        }
    }

    /// <summary>Adds a cluster of characters, or what comes in its place.</summary>
    /// <returns>Whether something was replaced.</returns>
    private bool Add(ReadOnlySpan<char> cluster, List<(Rune Rune, int Change)> written)
    {
        Span<byte> bytes = stackalloc byte[LongestCluster];
        if (System.Text.Encoding.UTF8.TryGetBytes(cluster, bytes, out int count) && Replacement(bytes[..count]) is { } whole)
        {
            Replace(AlignedText.CountCharacters(cluster), whole, written);
            return true;
        }

        bool isChanged = false;
        foreach (Rune rune in cluster.EnumerateRunes())
        {
            if (Replacement(bytes[..rune.EncodeToUtf8(bytes)]) is { } one)
            {
                Replace(1, one, written);
                isChanged = true;
            }
            else
            {
                written.Add((rune, 0));
            }
        }

        return isChanged;
    }

    /// <summary>
    /// Adds what comes in place of so many characters: the first ones stand each for one of those, further ones for the one before; the
    /// last takes those that are left over, or where nothing comes, the character before it.
    /// </summary>
    private static void Replace(int replaced, string content, List<(Rune Rune, int Change)> written)
    {
        int added = 0;
        foreach (Rune rune in content.EnumerateRunes())
        {
            written.Add((rune, added++ < replaced ? 0 : 1));
        }

        if (added < replaced && written.Count > 0)
        {
            (Rune last, int change) = written[^1];
            written[^1] = (last, change + added - replaced);
        }
    }

    private static void Apply(AlignedText text, List<(Rune Rune, int Change)> written)
    {
        TextRewriter output = new(text);
        int next = 0, last = 0;
        foreach ((Rune rune, int change) in written)
        {
            output.Append(rune, change > 0 ? last : next);
            for (int taken = 0; taken <= -change; taken++)
            {
                last = next;
                next += char.IsHighSurrogate(text.Text[next]) ? 2 : 1;
            }
        }

        output.Apply();
    }

    /// <summary>What comes in place of the shortest beginning that the table has; null where it has none.</summary>
    private string? Replacement(ReadOnlySpan<byte> text)
    {
        uint place = Offset(units[0]);
        foreach (byte value in text)
        {
            place ^= value;
            if (value == 0 || place >= units.Length || (units[place] & 0x800000FF) != value)
            {
                return null;
            }

            bool isEnd = (units[place] & 0x100) != 0;
            place ^= Offset(units[place]);
            if (isEnd)
            {
                return place < units.Length ? TextAt((int)(units[place] & 0x7FFFFFFF)) : null;
            }
        }

        return null;
    }

    /// <summary>How far a unit's children lie from it.</summary>
    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & 0x200) >> 6);

    private string? TextAt(int start)
    {
        if (start >= replacements.Length)
        {
            return null;
        }

        int length = replacements.AsSpan(start).IndexOf((byte)0);
        return length < 0 ? null : System.Text.Encoding.UTF8.GetString(replacements, start, length);
    }
}
