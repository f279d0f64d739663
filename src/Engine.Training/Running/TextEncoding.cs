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
        foreach (Example example in examples.Examples)
        {
            Encoding encoding = tokenizer.Encode(example.Text, example.TextPair, maxLength);
            // A model with one token type (RoBERTa) reads only zeros, whatever the tokenizer says of pairs.
            rows.Add((encoding.Ids, architecture.TypeVocabularySize > 1 ? encoding.TypeIds : null));
        }

        return new EncodedSet(rows);
    }

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
