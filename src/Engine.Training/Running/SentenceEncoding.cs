using Engine.Model;
using Engine.Model.Architectures;
using Engine.Tokenizers;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>Turns texts that belong together into token ids, on all processors: each by itself, a row for those of an example.</summary>
internal static class SentenceEncoding
{
    /// <param name="labelDivisor">What labels are divided by.</param>
    /// <exception cref="Model.Batching.DataFileException">A label that is no cosine, where texts are as alike as it says.</exception>
    public static EncodedSet Encode(
        Tokenizer tokenizer, Architecture architecture, ExampleSet examples, int maxLength, double labelDivisor)
    {
        Encoding[][] texts = ParallelWork.Run(
            examples.Count, i => TextsOf(examples.Examples[i]).Select(text => tokenizer.Encode(text, null, maxLength)).ToArray());
        bool compares = architecture.Head == HeadKind.Similarity;
        return new EncodedSet([.. texts.Select(row => (row.SelectMany(text => text.Ids).ToArray(), (int[]?)null))])
        {
            TextLengths = [.. texts.Select(row => row.Select(text => text.Length).ToArray())],
            Targets = compares ? RegressionTargets.Cosines(examples, labelDivisor) : null,

            // What belongs to a row's first text is its own second one: nothing has to be said of it.
            ClassLabels = compares ? null : new int[examples.Count],
            CutRows = [.. Enumerable.Range(0, texts.Length).Where(i => texts[i].Any(text => text.IsTruncated))],
        };
    }

    private static IEnumerable<string> TextsOf(Example example) => [example.Text, example.TextPair!, .. example.Negatives ?? []];
}
