using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Tokenizers;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>Turns read texts into token ids, on all processors.</summary>
public static class TextEncoding
{
    /// <summary>Encodes texts and pairs with their special tokens, truncated to <paramref name="maxLength"/> tokens.</summary>
    public static EncodedSet Encode(Tokenizer tokenizer, Architecture architecture, ExampleSet examples, int maxLength)
    {
        // A model with one token type (RoBERTa) reads only zeros, whatever the tokenizer says of pairs.
        bool hasTypes = architecture.TypeVocabularySize > 1;
        return new EncodedSet(ParallelWork.Run(examples.Count, i =>
        {
            Encoding encoding = tokenizer.Encode(examples.Examples[i].Text, examples.Examples[i].TextPair, maxLength);
            return (encoding.Ids, hasTypes ? encoding.TypeIds : null);
        }));
    }

    /// <summary>Encodes texts for language modelling: cut, or joined where the run file says so, to <paramref name="maxLength"/> tokens.</summary>
    public static EncodedSet EncodeLines(Tokenizer tokenizer, ExampleSet examples, int maxLength, bool lineByLine)
    {
        (int[] prefix, int[] suffix) = tokenizer.SpecialTokensAround();
        int[][] texts = ParallelWork.Run(examples.Count, i => tokenizer.Encode(examples.Examples[i].Text, null, null, addSpecialTokens: false).Ids);
        List<int[]> rows = lineByLine
            ? TextChunks.LineByLine(texts, maxLength, prefix, suffix)
            : TextChunks.Packed(texts, maxLength, prefix, suffix, suffix);
        return new EncodedSet([.. rows.Select(row => (row, (int[]?)null))]);
    }
}
