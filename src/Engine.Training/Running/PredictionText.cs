using System.Globalization;
using System.Text.Json;

namespace Engine.Training.Running;

/// <summary>Predictions as lines of text and as JSON.</summary>
public static class PredictionText
{
    /// <summary>
    /// Label, probability and text, with tabs between them; for regression the number and the text. Line breaks become blanks.
    /// </summary>
    /// <param name="input">What was asked.</param>
    /// <param name="prediction">The answer.</param>
    public static string Line((string Text, string? Pair) input, Prediction prediction)
    {
        string number = prediction.Probability.ToString("0.0000", CultureInfo.InvariantCulture);
        string text = (input.Pair is null ? input.Text : $"{input.Text}\t{input.Pair}").ReplaceLineEndings(" ");
        string label = prediction.Words is { } words ? string.Join(' ', words.Select(word => word.Label ?? "-")) + "\t"
            : prediction.Answer is { } answer ? answer.ReplaceLineEndings(" ") + "\t"
            : prediction.Labels is { } several ? string.Join(", ", several) + "\t"
            : prediction.Label is null ? ""
            : $"{prediction.Label}\t";
        return $"{label}{number}\t{text}";
    }

    /// <summary>
    /// An object with <c>text</c>, or <c>a</c> and <c>b</c> of a pair, and what the model says of it, with the probability of every label.
    /// </summary>
    /// <param name="writer">Takes the object.</param>
    /// <param name="input">What was asked.</param>
    /// <param name="prediction">The answer.</param>
    /// <param name="labels">Class names by index, <see cref="Predictor.Labels"/>.</param>
    public static void WriteJson(
        Utf8JsonWriter writer, (string Text, string? Pair) input, Prediction prediction, IReadOnlyList<string> labels)
    {
        writer.WriteStartObject();
        writer.WriteString(input.Pair is null ? "text" : "a", input.Text);
        if (input.Pair is not null)
        {
            writer.WriteString("b", input.Pair);
        }

        if (prediction.Words is { } words)
        {
            WriteWords(writer, words, prediction.Entities!);
        }
        else if (prediction.Answer is { } answer)
        {
            writer.WriteString("answer", answer);
            writer.WriteNumber("probability", prediction.Probability);
            if (prediction.AnswerStart is { } start)
            {
                writer.WriteNumber("answer_start", start);
            }
        }
        else if (prediction.Labels is { } several)
        {
            writer.WriteStartArray("labels");
            foreach (string label in several)
            {
                writer.WriteStringValue(label);
            }

            writer.WriteEndArray();
            WriteProbabilities(writer, prediction, labels);
        }
        else if (prediction.Choice is { } choice)
        {
            writer.WriteNumber("choice", choice);
            writer.WriteNumber("probability", prediction.Probability);
            writer.WriteStartArray("probabilities");
            foreach (double score in prediction.Scores)
            {
                writer.WriteNumberValue(score);
            }

            writer.WriteEndArray();
        }
        else if (prediction.Label is null)
        {
            writer.WriteNumber("value", prediction.Probability);
        }
        else
        {
            writer.WriteString("label", prediction.Label);
            writer.WriteNumber("probability", prediction.Probability);
            WriteProbabilities(writer, prediction, labels);
        }

        writer.WriteEndObject();
    }

    private static void WriteProbabilities(Utf8JsonWriter writer, Prediction prediction, IReadOnlyList<string> labels)
    {
        writer.WriteStartObject("probabilities");
        foreach ((string label, double score) in labels.Zip(prediction.Scores))
        {
            writer.WriteNumber(label, score);
        }

        writer.WriteEndObject();
    }

    private static void WriteWords(Utf8JsonWriter writer, IReadOnlyList<WordPrediction> words, IReadOnlyList<EntityPrediction> entities)
    {
        writer.WriteStartArray("words");
        foreach (WordPrediction word in words)
        {
            writer.WriteStartObject();
            writer.WriteString("word", word.Word);
            writer.WriteString("label", word.Label);
            if (word.Label is not null)
            {
                writer.WriteNumber("probability", word.Probability);
            }

            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteStartArray("entities");
        foreach (EntityPrediction entity in entities)
        {
            writer.WriteStartObject();
            writer.WriteString("type", entity.Type);
            writer.WriteString("text", entity.Text);
            writer.WriteNumber("first", entity.First);
            writer.WriteNumber("last", entity.Last);
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }
}
