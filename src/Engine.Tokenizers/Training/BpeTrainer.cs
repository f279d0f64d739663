namespace Engine.Tokenizers;

/// <summary>
/// Trains a byte-level byte-pair encoding with the layout of RoBERTa (Sennrich, Haddow and Birch 2016; Radford et al. 2019). Deterministic: of
/// pairs that are equally frequent, the one with the lower left id is merged first, then the one with the lower right id.
/// </summary>
public sealed class BpeTrainer
{
    private readonly WordCounter words = new();

    /// <summary>The special tokens, with the ids 0 to 4.</summary>
    public static IReadOnlyList<string> SpecialTokens { get; } = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

    /// <summary>The smallest vocabulary: special tokens and bytes.</summary>
    public static int SmallestSize => SpecialTokens.Count + 256;

    /// <summary>Pairs that come less often than this are not merged.</summary>
    public int MinFrequency { get; init; } = 2;

    /// <summary>Adds text to learn from; its words count as they are, each line by itself.</summary>
    public void AddText(string text) => words.Add(text);

    /// <summary>Adds a UTF-8 file to learn from.</summary>
    /// <exception cref="InvalidDataException">The file is not UTF-8.</exception>
    public void AddFile(string path) => words.AddFile(path);

    /// <summary>Learns merges until the vocabulary has <paramref name="size"/> tokens, or no pair is frequent enough.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The size leaves no room for the special tokens and the bytes.</exception>
    public TrainedBpe Train(int size, CancellationToken cancellation = default)
    {
        if (size < SmallestSize || size > Vocabulary.MaxId)
        {
            throw new ArgumentOutOfRangeException(
                nameof(size), size, $"A byte-level vocabulary has from {SmallestSize} ({SpecialTokens.Count} special tokens and 256 bytes) to {Vocabulary.MaxId} tokens.");
        }

        List<string> tokens = [.. SpecialTokens, .. ByteAlphabet.Characters.ToArray().Order().Select(character => character.ToString())];
        Dictionary<string, int> ids = tokens.Index().ToDictionary(entry => entry.Item, entry => entry.Index, StringComparer.Ordinal);
        PairCounts pairs = new([.. words.Counts.Select(entry => new TrainingWord(Symbols(entry.Key, ids), entry.Value))]);
        List<(string Left, string Right)> merges = [];
        while (tokens.Count < size && pairs.TryTake(MinFrequency, out int left, out int right))
        {
            cancellation.ThrowIfCancellationRequested();
            string token = tokens[left] + tokens[right];
            if (!ids.TryGetValue(token, out int id))
            {
                id = tokens.Count;
                ids.Add(token, id);
                tokens.Add(token);
            }
            else if (id < SpecialTokens.Count)
            {
                // Text that spells a special token must not become it.
                continue;
            }

            merges.Add((tokens[left], tokens[right]));
            pairs.Merge(left, right, id);
        }

        return new TrainedBpe(tokens, merges);
    }

    private static int[] Symbols(string word, Dictionary<string, int> ids)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(word);
        return [.. bytes.Select(value => ids[ByteAlphabet.Characters[value].ToString()])];
    }
}
