using Engine.Common.Keys;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Tokenizers;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>Turns read texts into token ids, on all processors.</summary>
internal static class TextEncoding
{
    /// <summary>Encodes texts and pairs with their special tokens, truncated to <paramref name="maxLength"/> tokens.</summary>
    public static EncodedSet Encode(Tokenizer tokenizer, Architecture architecture, ExampleSet examples, int maxLength)
    {
        // A model with one token type (RoBERTa) reads only zeros, whatever the tokenizer says of pairs.
        bool hasTypes = architecture.TypeVocabularySize > 1;
        Encoding[] encodings =
            ParallelWork.Run(examples.Count, i => tokenizer.Encode(examples.Examples[i].Text, examples.Examples[i].TextPair, maxLength));
        return new EncodedSet([.. encodings.Select(encoding => (encoding.Ids, hasTypes ? encoding.TypeIds : null))])
        {
            CutRows = [.. Enumerable.Range(0, encodings.Length).Where(i => encodings[i].IsTruncated)],
        };
    }

    /// <summary>The same with labels, as the model's head predicts them.</summary>
    /// <param name="labels">The classes; null for tasks without.</param>
    /// <param name="spans">How contexts are cut, and answers found.</param>
    /// <param name="labelDivisor">What the labels of pairs of texts are divided by.</param>
    /// <exception cref="DataFileException">A label cannot be used.</exception>
    public static EncodedSet Labelled(
        Tokenizer tokenizer, Architecture architecture, ExampleSet examples, int maxLength, LabelVocabulary? labels, SpanOptions spans,
        double labelDivisor = 1) =>
        architecture.Head switch
        {
            HeadKind.QuestionAnswering =>
                SpanEncoding.Encode(tokenizer, architecture, RequireAnswers(examples, spans), maxLength, spans, labelled: true),
            HeadKind.Ranking or HeadKind.Similarity =>
                SentenceEncoding.Encode(tokenizer, architecture, examples, maxLength, labelDivisor),
            HeadKind.MultipleChoice => ChoiceEncoding.Encode(tokenizer, architecture, examples, maxLength, labelled: true),
            HeadKind.TokenClassification => WordEncoding.Encode(tokenizer, examples, maxLength, labels!.EncodeLists(examples)),
            HeadKind.MultiLabelClassification =>
                Encode(tokenizer, architecture, examples, maxLength).WithLabels(null, labels!.EncodeIndicators(examples)),
            HeadKind.Regression =>
                Encode(tokenizer, architecture, examples, maxLength).WithLabels(null, RegressionTargets.Encode(examples)),
            _ => Encode(tokenizer, architecture, examples, maxLength).WithLabels(labels!.Encode(examples), null),
        };

    /// <exception cref="DataFileException">A question without an answer, where each has one.</exception>
    private static ExampleSet RequireAnswers(ExampleSet examples, SpanOptions spans) =>
        !spans.Unanswerable && examples.Examples.FirstOrDefault(example => example.Answers is not { Count: > 0 }) is { } unanswered
            ? throw unanswered.Place.Wrong(
                "the question has no answer; where contexts need not answer their questions, as in SQuAD 2.0, set "
                    + $"{Setting.Of("data.unanswerable", "true")}.")
            : examples;

    /// <summary>What a user should know of encoded texts: how many were cut, and how many hold nothing.</summary>
    public static IEnumerable<string> Notes(ExampleSet examples, EncodedSet encoded, int maxLength)
    {
        if (encoded.CutRows.Count > 0)
        {
            yield return $"{examples.Files}: {encoded.CutRows.Count} of {examples.Count} texts are longer than {Setting.Of("max_length")} "
                + $"({maxLength} "
                + "tokens) and were cut.";
        }

        Example[] empty = [.. examples.Examples.Where(example => IsEmpty(example.Text, example.TextPair))];
        if (empty is [var first, ..])
        {
            yield return $"{examples.Files}: {empty.Length} of {examples.Count} texts are empty, the first in {first.Place}.";
        }
    }

    /// <summary>Whether a text, or either of a pair, holds nothing.</summary>
    public static bool IsEmpty(string text, string? pair) =>
        string.IsNullOrWhiteSpace(text) || (pair is not null && string.IsNullOrWhiteSpace(pair));

    /// <summary>
    /// Encodes texts for language modelling: cut, or joined where the run file says so, to <paramref name="maxLength"/> tokens.
    /// </summary>
    public static EncodedSet EncodeLines(Tokenizer tokenizer, ExampleSet examples, int maxLength, bool lineByLine)
    {
        (int[] prefix, int[] suffix) = tokenizer.SpecialTokensAround();
        int[][] texts = ParallelWork.Run(
            examples.Count, i => tokenizer.Encode(examples.Examples[i].Text, null, null, addSpecialTokens: false).Ids);
        List<int[]> rows = lineByLine
            ? TextChunks.LineByLine(texts, maxLength, prefix, suffix)
            : TextChunks.Packed(texts, maxLength, prefix, suffix, suffix);
        return new EncodedSet([.. rows.Select(row => (row, (int[]?)null))]);
    }
}
