using Engine.Model.Architectures;
using Engine.Model.Tokenizers;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>Turns read texts into token ids.</summary>
public static class TextEncoding
{
    /// <summary>Encodes texts and pairs with their special tokens, truncated to <paramref name="maxLength"/> tokens.</summary>
    public static EncodedSet Encode(Tokenizer tokenizer, Architecture architecture, ExampleSet examples, int maxLength)
    {
        var rows = new List<(int[], int[]?)>(examples.Count);
        List<int> cut = [];
        foreach (Example example in examples.Examples)
        {
            Encoding encoding = tokenizer.Encode(example.Text, example.TextPair, maxLength);
            if (encoding.IsTruncated)
            {
                cut.Add(rows.Count);
            }

            // A model with one token type (RoBERTa) reads only zeros, whatever the tokenizer says of pairs.
            rows.Add((encoding.Ids, architecture.TypeVocabularySize > 1 ? encoding.TypeIds : null));
        }

        return new EncodedSet(rows) { CutRows = cut };
    }

    /// <summary>What a user should know of encoded texts: how many were cut, and how many hold nothing.</summary>
    public static IEnumerable<string> Notes(ExampleSet examples, EncodedSet encoded, int maxLength)
    {
        if (encoded.CutRows.Count > 0)
        {
            yield return $"{examples.Files}: {encoded.CutRows.Count} of {examples.Count} texts are longer than max_length ({maxLength} tokens) and were cut.";
        }

        Example[] empty = [.. examples.Examples.Where(example => IsEmpty(example.Text, example.TextPair))];
        if (empty is [var first, ..])
        {
            yield return $"{examples.Files}: {empty.Length} of {examples.Count} texts are empty, the first in line {first.Line} of {first.Path}.";
        }
    }

    /// <summary>Whether a text, or either of a pair, holds nothing.</summary>
    public static bool IsEmpty(string text, string? pair) => string.IsNullOrWhiteSpace(text) || (pair is not null && string.IsNullOrWhiteSpace(pair));

    /// <summary>Encodes texts for language modelling: cut, or joined where the run file says so, to <paramref name="maxLength"/> tokens.</summary>
    public static EncodedSet EncodeLines(Tokenizer tokenizer, ExampleSet examples, int maxLength, bool lineByLine)
    {
        (int[] prefix, int[] suffix) = tokenizer.SpecialTokensAround();
        IEnumerable<int[]> texts = examples.Examples.Select(example => tokenizer.Encode(example.Text, null, null, addSpecialTokens: false).Ids);
        List<int[]> rows = lineByLine
            ? TextChunks.LineByLine(texts, maxLength, prefix, suffix)
            : TextChunks.Packed(texts, maxLength, prefix, suffix, suffix);
        return new EncodedSet([.. rows.Select(row => (row, (int[]?)null))]);
    }
}
