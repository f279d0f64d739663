using Engine.Common;
using Engine.Common.Files;

namespace Engine.Tokenizers;

/// <summary>
/// Trains a byte-level byte-pair encoding with the layout of RoBERTa (Sennrich, Haddow and Birch 2016; Radford et al. 2019). Deterministic:
/// of pairs that are equally frequent, the one with the lower left id is merged first, then the one with the lower right id.
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

    /// <summary>
    /// Whether the tokenizer puts a blank before a text, so that a text's first word is the same token as further back
    /// (<c>add_prefix_space</c> of Transformers' RoBERTa). Its vocabulary is learned so, too, each line a text.
    /// </summary>
    public bool AddPrefixSpace
    {
        get => words.AddPrefixSpace;
        init => words.AddPrefixSpace = value;
    }

    /// <summary>
    /// Learns from files and writes the tokenizer into a folder, all of its files or none; what lies there already is not written over,
    /// since a model may have been trained with it.
    /// </summary>
    /// <param name="files">UTF-8 texts.</param>
    /// <param name="size">Tokens of the vocabulary, special tokens and bytes included.</param>
    /// <param name="folder">Where <see cref="TrainedBpe.FileNames"/> are written.</param>
    /// <exception cref="ConfigurationException">The size leaves no room for the special tokens and the bytes, or a file would be written
    /// over.</exception>
    /// <exception cref="InvalidDataException">A file is not UTF-8.</exception>
    /// <exception cref="IOException">The folder holds a tokenizer, or cannot be written.</exception>
    public TrainedBpe TrainFolder(IReadOnlyList<string> files, int size, string folder, CancellationToken cancellationToken = default)
    {
        if (size < SmallestSize)
        {
            throw new ConfigurationException(
                $"The size is {size}; a byte-level vocabulary has at least {SmallestSize} tokens: {SpecialTokens.Count} special "
                    + "tokens and 256 "
                + "bytes.")
            {
                Settings = ["Size"],
            };
        }

        string[] written = [.. TrainedBpe.FileNames.Select(name => Path.Combine(folder, name))];
        foreach (string path in written)
        {
            WrittenFile.RequireApart(path, files);
        }

        using OutputFolder target = OutputFolder.Open(folder);
        if (written.FirstOrDefault(File.Exists) is { } there)
        {
            throw new IOException(
                $"{there} is there already, and a model may have been trained with it. Choose another output, "
                    + "or remove the tokenizer's files "
                + $"({string.Join(", ", TrainedBpe.FileNames)}).");
        }

        foreach (string file in files)
        {
            AddFile(file);
        }

        TrainedBpe trained = Train(size, cancellationToken);
        target.Replace(trained.Save);
        target.Release(TrainedBpe.FileNames);
        return trained;
    }

    /// <summary>Adds text to learn from; its words count as they are, each line by itself.</summary>
    public void AddText(string text) => words.Add(text);

    /// <summary>Adds a UTF-8 file to learn from.</summary>
    /// <exception cref="InvalidDataException">The file is not UTF-8.</exception>
    public void AddFile(string path) => words.AddFile(path);

    /// <summary>Learns merges until the vocabulary has <paramref name="size"/> tokens, or no pair is frequent enough.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The size leaves no room for the special tokens and the bytes.</exception>
    public TrainedBpe Train(int size, CancellationToken cancellationToken = default)
    {
        if (size < SmallestSize || size > Vocabulary.MaxId)
        {
            throw new ArgumentOutOfRangeException(
                nameof(size), size,
                $"A byte-level vocabulary has from {SmallestSize} ({SpecialTokens.Count} special tokens "
                    + $"and 256 bytes) to {Vocabulary.MaxId} tokens.");
        }

        List<string> tokens = [.. SpecialTokens, .. ByteAlphabet.Characters.ToArray().Order().Select(character => character.ToString())];
        Dictionary<string, int> ids = tokens.Index().ToDictionary(entry => entry.Item, entry => entry.Index, StringComparer.Ordinal);
        PairCounts pairs = new([.. words.Counts.Select(entry => new TrainingWord(Symbols(entry.Key, ids), entry.Value))]);
        List<(string Left, string Right)> merges = [];
        while (tokens.Count < size && pairs.TryTake(MinFrequency, out int left, out int right))
        {
            cancellationToken.ThrowIfCancellationRequested();
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

        return new TrainedBpe(tokens, merges, AddPrefixSpace);
    }

    private static int[] Symbols(string word, Dictionary<string, int> ids)
    {
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(word);
        return [.. bytes.Select(value => ids[ByteAlphabet.Characters[value].ToString()])];
    }
}
