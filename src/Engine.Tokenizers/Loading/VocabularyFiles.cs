namespace Engine.Tokenizers;

/// <summary>Reads vocabularies and merges: vocab.json, merges.txt, vocab.txt and the same inside a tokenizer.json.</summary>
internal static class VocabularyFiles
{
    /// <summary>Tokens with their ids from a JSON object.</summary>
    public static IEnumerable<KeyValuePair<string, int>> ReadEntries(JsonField vocabulary) =>
        vocabulary.Properties().Select(entry => KeyValuePair.Create(entry.Key, entry.Value.Integer()));

    /// <summary>
    /// Tokens with the logarithms of their probabilities from a JSON array of pairs; the id of a token is its place. As of
    /// <see cref="JsonField.Properties"/> the places are not in the paths.
    /// </summary>
    public static (string Token, double Score)[] ReadScored(JsonField vocabulary)
    {
        if (vocabulary.Kind != System.Text.Json.JsonValueKind.Array)
        {
            throw vocabulary.Wrong("an array of pairs of a token and a number");
        }

        var entries = new (string, double)[vocabulary.Value.GetArrayLength()];
        int id = 0;
        foreach (System.Text.Json.JsonElement pair in vocabulary.Value.EnumerateArray())
        {
            JsonField Part(int place) => vocabulary with { Value = pair[place] };
            entries[id++] = pair.ValueKind == System.Text.Json.JsonValueKind.Array && pair.GetArrayLength() == 2
                ? (Part(0).Text(), Part(1).Number())
                : throw (vocabulary with { Value = pair }).Wrong("a pair of a token and a number");
        }

        return entries;
    }

    /// <summary>A merge as <c>"left right"</c> or <c>["left", "right"]</c>.</summary>
    public static TokenPair ReadMerge(JsonField merge)
    {
        if (merge.Kind == System.Text.Json.JsonValueKind.String)
        {
            return Pair(merge.Text()) ?? throw merge.Wrong("two tokens with one blank between");
        }

        return merge.Items().ToArray() is [JsonField left, JsonField right]
            ? new TokenPair(left.Text(), right.Text())
            : throw merge.Wrong("a pair of tokens");
    }

    /// <summary>The merges of a merges.txt, one in a line, after an optional <c>#version</c> line.</summary>
    public static List<TokenPair> ReadMerges(TokenizerFile file)
    {
        List<TokenPair> merges = [];
        int number = 0;
        foreach (string line in Lines(file))
        {
            number++;
            if (number == 1 && line.StartsWith("#version", StringComparison.Ordinal))
            {
                continue;
            }

            merges.Add(
                Pair(line)
                    ?? throw new InvalidDataException(
                        $"{file.Path}: line {number} is \"{line}\"; expected two tokens with one blank between."));
        }

        return merges;
    }

    /// <summary>The tokens of a vocab.txt; the id of a token is its line, counted from 0.</summary>
    public static List<KeyValuePair<string, int>> ReadLines(TokenizerFile file) =>
        [.. Lines(file).Select((token, id) => KeyValuePair.Create(token, id))];

    private static TokenPair? Pair(string merge) =>
        merge.Split(' ') is [{ Length: > 0 } left, { Length: > 0 } right] ? new TokenPair(left, right) : null;

    /// <summary>
    /// Lines as the formats have them: ended by a line feed alone, because tokens may hold the other line ends of Unicode.
    /// </summary>
    private static IEnumerable<string> Lines(TokenizerFile file)
    {
        string text = file.ReadText();
        string[] lines = text.Split('\n');
        int count = lines[^1].Length == 0 ? lines.Length - 1 : lines.Length;
        return lines.Take(count).Select(line => line.EndsWith('\r') ? line[..^1] : line);
    }
}
