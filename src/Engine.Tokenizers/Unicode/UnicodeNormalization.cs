using System.Collections.Frozen;
using System.Globalization;
using System.Text;

namespace Engine.Tokenizers;

/// <summary>
/// The four normalization forms of Unicode (UAX #15) from tables of our own. <see cref="string.Normalize()"/> leaves text as it is where
/// globalization is invariant, and asks the ICU library elsewhere; a tokenizer has to give the same ids on every machine.
/// </summary>
internal sealed class UnicodeNormalization
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28, HangulCount = LeadCount * VowelCount * TrailCount;

    /// <summary>No character below this one decomposes, combines or composes with what stands before it.</summary>
    private const char FirstAffected = '\u00A0';

    private static readonly Lazy<UnicodeNormalization> s_tables = new(Read);

    private readonly FrozenDictionary<int, byte> combiningClass;
    private readonly FrozenDictionary<int, int[]> canonical;
    private readonly FrozenDictionary<int, int[]> compatible;
    private readonly FrozenDictionary<long, int> compositions;

    private UnicodeNormalization(
        Dictionary<int, byte> combiningClass, Dictionary<int, int[]> canonical, Dictionary<int, int[]> compatible,
        Dictionary<long, int> compositions)
    {
        this.combiningClass = combiningClass.ToFrozenDictionary();
        this.canonical = canonical.ToFrozenDictionary();
        this.compatible = compatible.ToFrozenDictionary();
        this.compositions = compositions.ToFrozenDictionary();
    }

    /// <summary>Normalizes well-formed UTF-16 text.</summary>
    public static string Normalize(string text, NormalizationForm form)
    {
        AlignedText aligned = new(text);
        Normalize(aligned, form);
        return aligned.Text;
    }

    /// <summary>
    /// Normalizes a text in place. A composed character stands for what its first part stood for alone, as in Hugging Face's tokenizers.
    /// </summary>
    public static void Normalize(AlignedText text, NormalizationForm form)
    {
        bool compose = form is NormalizationForm.FormC or NormalizationForm.FormKC;
        bool compatible = form is NormalizationForm.FormKC or NormalizationForm.FormKD;
        // Below U+0300 nothing combines, so composed Latin-1 text is already in form C.
        char first = compose && !compatible ? '\u0300' : FirstAffected;
        if (text.Text.AsSpan().IndexOfAnyExceptInRange('\0', (char)(first - 1)) >= 0)
        {
            s_tables.Value.Normalize(text, compatible, compose);
        }
    }

    /// <summary>The code points that have a combining class or a decomposition, ascending.</summary>
    internal static IEnumerable<int> AffectedCodePoints => s_tables.Value.combiningClass.Keys
        .Concat(s_tables.Value.canonical.Keys).Concat(s_tables.Value.compatible.Keys).Distinct().Order();

    private void Normalize(AlignedText text, bool compatible, bool compose)
    {
        List<Part> parts = new(text.Text.Length + 16);
        foreach (Rune rune in text.Text.EnumerateRunes())
        {
            int first = parts.Count;
            Decompose(rune.Value, compatible, parts);
            parts[first] = parts[first] with { Taken = 1 };
        }

        SortMarks(parts);
        if (compose)
        {
            Compose(parts);
        }

        TextRewriter output = new(text);
        int previous = 0, next = 0;
        foreach ((int point, int taken) in parts)
        {
            output.Append(new Rune(point), taken > 0 ? next : previous);
            for (int i = 0; i < taken; i++)
            {
                previous = next;
                next += char.IsHighSurrogate(text.Text[next]) ? 2 : 1;
            }
        }

        output.Apply();
    }

    private void Decompose(int point, bool compatible, List<Part> output)
    {
        int hangul = point - HangulBase;
        if ((uint)hangul < HangulCount)
        {
            output.Add(new Part(LeadBase + (hangul / (VowelCount * TrailCount))));
            output.Add(new Part(VowelBase + (hangul % (VowelCount * TrailCount) / TrailCount)));
            if (hangul % TrailCount != 0)
            {
                output.Add(new Part(TrailBase + (hangul % TrailCount)));
            }
        }
        else if (canonical.TryGetValue(point, out int[]? parts) || (compatible && this.compatible.TryGetValue(point, out parts)))
        {
            foreach (int part in parts)
            {
                Decompose(part, compatible, output);
            }
        }
        else
        {
            output.Add(new Part(point));
        }
    }

    /// <summary>Puts each run of combining marks into the order of their classes; equal classes keep their order.</summary>
    private void SortMarks(List<Part> parts)
    {
        for (int start = 0; start < parts.Count; start++)
        {
            if (CombiningClass(parts[start].Point) == 0)
            {
                continue;
            }

            int end = start + 1;
            while (end < parts.Count && CombiningClass(parts[end].Point) != 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                Part[] sorted = [.. parts[start..end].OrderBy(part => CombiningClass(part.Point))];
                for (int i = 0; i < sorted.Length; i++)
                {
                    parts[start + i] = sorted[i];
                }
            }

            start = end;
        }
    }

    private void Compose(List<Part> parts)
    {
        int starter = -1, previousClass = 0, written = 0;
        foreach (Part part in parts.ToArray())
        {
            int currentClass = CombiningClass(part.Point);
            // A mark is blocked by one of the same or a higher class, a starter by anything that stands between.
            bool adjacent = starter >= 0 && (written == starter + 1 || (previousClass != 0 && previousClass < currentClass));
            if (adjacent && TryCompose(parts[starter].Point, part.Point, out int composed))
            {
                parts[starter] = new Part(composed, parts[starter].Taken + part.Taken);
                continue;
            }

            if (currentClass == 0)
            {
                starter = written;
            }

            previousClass = currentClass;
            parts[written++] = part;
        }

        parts.RemoveRange(written, parts.Count - written);
    }

    private bool TryCompose(int first, int second, out int composed)
    {
        int lead = first - LeadBase, vowel = second - VowelBase;
        if ((uint)lead < LeadCount && (uint)vowel < VowelCount)
        {
            composed = HangulBase + (((lead * VowelCount) + vowel) * TrailCount);
            return true;
        }

        int syllable = first - HangulBase, trail = second - TrailBase;
        if ((uint)syllable < HangulCount && syllable % TrailCount == 0 && trail is > 0 and < TrailCount)
        {
            composed = first + trail;
            return true;
        }

        return compositions.TryGetValue(PairKey(first, second), out composed);
    }

    private int CombiningClass(int point) => point >= 0x300 && combiningClass.TryGetValue(point, out byte value) ? value : 0;

    private static long PairKey(int first, int second) => ((long)first << 32) | (uint)second;

    private static UnicodeNormalization Read()
    {
        using Stream stream = typeof(UnicodeNormalization).Assembly.GetManifestResourceStream("UnicodeNormalization.txt")
            ?? throw new InvalidOperationException(
                "The assembly Engine.Model lacks its resource UnicodeNormalization.txt; build it from an intact source tree.");
        using StreamReader reader = new(stream, System.Text.Encoding.UTF8);
        Dictionary<int, byte> combiningClass = [];
        Dictionary<int, int[]> canonical = [], compatible = [];
        HashSet<int> excluded = [];
        while (reader.ReadLine() is string line)
        {
            if (line.StartsWith('#'))
            {
                continue;
            }

            string[] fields = line.Split(';');
            if (fields[0] == "excluded")
            {
                excluded = [.. CodePoints(fields[1])];
                continue;
            }

            int point = CodePoints(fields[0]).Single();
            if (fields[1] != "0")
            {
                combiningClass[point] = byte.Parse(fields[1], CultureInfo.InvariantCulture);
            }

            if (fields[2].StartsWith('<'))
            {
                compatible[point] = CodePoints(fields[2][(fields[2].IndexOf('>') + 1)..]);
            }
            else if (fields[2].Length > 0)
            {
                canonical[point] = CodePoints(fields[2]);
            }
        }

        Dictionary<long, int> compositions = canonical
            .Where(entry => entry.Value.Length == 2 && !excluded.Contains(entry.Key))
            .ToDictionary(entry => PairKey(entry.Value[0], entry.Value[1]), entry => entry.Key);
        return new UnicodeNormalization(combiningClass, canonical, compatible, compositions);
    }

    private static int[] CodePoints(string hexadecimal) =>
        [.. hexadecimal.Split(' ', StringSplitOptions.RemoveEmptyEntries)
            .Select(point => int.Parse(point, NumberStyles.HexNumber, CultureInfo.InvariantCulture))];

    /// <summary>A character of the result, and of how many characters of the text it takes the place.</summary>
    private readonly record struct Part(int Point, int Taken = 0);
}
