using Engine.Common.Keys;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Tokenizers;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>
/// Turns questions with contexts into token ids, on all processors: a row for each window of a context. A window without the whole answer
/// is labelled at its first token, as one without an answer, as in Transformers' example of question answering (<c>run_qa.py</c>).
/// </summary>
internal static class SpanEncoding
{
    /// <param name="labelled">Whether rows are labelled with the first answer of each question.</param>
    /// <exception cref="DataFileException">A question leaves no room for its context.</exception>
    public static EncodedSet Encode(
        Tokenizer tokenizer, Architecture architecture, ExampleSet examples, int maxLength, SpanOptions options, bool labelled)
    {
        bool hasTypes = architecture.TypeVocabularySize > 1;
        IReadOnlyList<TextWindow>[] windows =
            ParallelWork.Run(examples.Count, i => Windows(tokenizer, examples.Examples[i], maxLength, options));
        (int Example, TextWindow Window)[] rows =
            [.. windows.Index().SelectMany(pair => pair.Item.Select(window => (pair.Index, window)))];
        return new EncodedSet([.. rows.Select(row => (row.Window.Encoding.Ids, hasTypes ? row.Window.Encoding.TypeIds : null))])
        {
            SpanLabels = labelled ? [.. rows.SelectMany(row => Labels(examples.Examples[row.Example], row.Window))] : null,
            Questions = new QuestionSet(
                examples.Examples,
                [.. rows.Select(row => new ContextWindow(
                    row.Example, row.Window.Start, row.Window.Encoding.Offsets![row.Window.Start..(row.Window.Start + row.Window.Count)]))],
                options),
        };
    }

    private static IReadOnlyList<TextWindow> Windows(Tokenizer tokenizer, Example example, int maxLength, SpanOptions options)
    {
        try
        {
            return tokenizer.EncodeWindows(example.Text, example.TextPair!, maxLength, options.Stride);
        }
        catch (ArgumentException error)
        {
            throw example.Place.Wrong($"{error.Message.Split(" (Parameter")[0]} ({Setting.Of("data.doc_stride")}); raise "
                + $"{Setting.Of("max_length")}, or lower {Setting.Of("data.doc_stride")}.", error);
        }
    }

    private static int[] Labels(Example example, TextWindow window)
    {
        TokenOffset[] offsets = window.Encoding.Offsets!;
        if (example.Answers is not [var answer, ..] || window.Count == 0)
        {
            return [0, 0];
        }

        int first = window.Start, last = window.Start + window.Count - 1, end = answer.Start + answer.Text.Length;
        if (offsets[first].Start > answer.Start || offsets[last].End < end)
        {
            return [0, 0];
        }

        int start = first;
        while (start < last && offsets[start + 1].Start <= answer.Start)
        {
            start++;
        }

        while (last > first && offsets[last - 1].End >= end)
        {
            last--;
        }

        return [start, last];
    }
}
