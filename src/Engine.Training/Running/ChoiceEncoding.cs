using System.Globalization;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Tokenizers;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>Turns texts with their choices into token ids, on all processors: each choice with the text as a pair.</summary>
internal static class ChoiceEncoding
{
    /// <param name="labelled">Whether rows are labelled with the number of the right choice.</param>
    /// <exception cref="DataFileException">A row has another number of choices than the first, or a label that is none.</exception>
    public static EncodedSet Encode(Tokenizer tokenizer, Architecture architecture, ExampleSet examples, int maxLength, bool labelled)
    {
        bool hasTypes = architecture.TypeVocabularySize > 1;
        int choices = examples.Examples[0].Choices!.Count;
        if (examples.Examples.FirstOrDefault(example => example.Choices!.Count != choices) is { } other)
        {
            throw other.Place.Wrong(
                $"there are {other.Choices!.Count} choices, and {choices} in {examples.Examples[0].Place}; every row needs equally many.");
        }

        Encoding[][] encodings = ParallelWork.Run(
            examples.Count,
            i => examples.Examples[i].Choices!.Select(choice => tokenizer.Encode(examples.Examples[i].Text, choice, maxLength)).ToArray());
        return new EncodedSet(
        [
            .. encodings.Select(texts => (
                texts.SelectMany(text => text.Ids).ToArray(), hasTypes ? texts.SelectMany(text => text.TypeIds).ToArray() : null)),
        ])
        {
            TextLengths = [.. encodings.Select(texts => texts.Select(text => text.Length).ToArray())],
            ClassLabels = labelled ? [.. examples.Examples.Select(example => LabelOf(example, choices))] : null,
            CutRows = [.. Enumerable.Range(0, encodings.Length).Where(i => encodings[i].Any(text => text.IsTruncated))],
        };
    }

    private static int LabelOf(Example example, int choices) =>
        int.TryParse(example.Label, NumberStyles.None, CultureInfo.InvariantCulture, out int label) && label < choices
            ? label
            : throw example.Place.Wrong(
                $"the label '{example.Label}' is no choice's number; they are counted from 0 to {choices - 1}.");
}
