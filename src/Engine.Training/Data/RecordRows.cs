using Engine.Model.Batching;
using Engine.Training.Configuration;

namespace Engine.Training.Data;

/// <summary>Rows of the tasks, read from records.</summary>
internal static class RecordRows
{
    /// <summary>A row, numbered 0.</summary>
    /// <param name="text">The column of the text, or of its words.</param>
    /// <param name="pair">The column of the second text; null: there is none.</param>
    /// <param name="label">The column of the label or labels; null: none are read.</param>
    /// <exception cref="DataFileException">A column is missing or holds something else.</exception>
    public static Example Read(JsonRecord record, TaskKind task, string text, string? pair, string? label)
    {
        if (task == TaskKind.TokenClassification)
        {
            return Words(record, text, label);
        }

        if (task == TaskKind.QuestionAnswering)
        {
            return Question(record, text, pair!, label);
        }

        if (task == TaskKind.MultipleChoice)
        {
            string[] choices = record.Texts(pair!);
            return choices.Length > 1
                ? new Example(record.Text(text), string.Join('\n', choices), label is null ? null : record.Label(label), 0, record.Place)
                {
                    Choices = choices,
                }
                : throw record.Wrong($"'{pair}' has {choices.Length} choices; at least two were expected.");
        }

        string first = record.Text(text);
        string? second = pair is null ? null : record.Text(pair);
        return task == TaskKind.MultiLabelClassification
            ? new Example(first, second, null, 0, record.Place) { Labels = label is null ? null : Labels(record, label) }
            : new Example(first, second, label is null ? null : record.Label(label), 0, record.Place);
    }

    private static Example Question(JsonRecord record, string question, string context, string? answers)
    {
        string text = record.Text(context);
        return new Example(record.Text(question), text, null, 0, record.Place)
        {
            Answers = answers is null ? null : Answers(record, answers, context, text),
        };
    }

    private static Answer[] Answers(JsonRecord record, string column, string contextColumn, string context)
    {
        JsonRecord answers = record.Part(column);
        string[] texts = answers.Texts("text");
        int[] starts = answers.Integers("answer_start");
        if (texts.Length != starts.Length)
        {
            throw record.Wrong($"'{column}' has {texts.Length} texts and {starts.Length} numbers of answer_start; each answer needs one.");
        }

        return [.. texts.Zip(starts, (text, start) => PlaceOf(context, start) is { } place
            && string.CompareOrdinal(context, place, text, 0, text.Length) == 0
                ? new Answer(text, place)
                : throw record.Wrong($"the answer '{text}' does not stand at character {start} of '{contextColumn}'; answer_start counts "
                    + "characters from 0."))];
    }

    /// <summary>The place in UTF-16 units of a place in characters as Python counts them; null where there is none.</summary>
    private static int? PlaceOf(string text, int characters)
    {
        int place = 0;
        for (int i = 0; i < characters && place < text.Length; i++)
        {
            place += char.IsSurrogatePair(text, place) ? 2 : 1;
        }

        return characters >= 0 && place <= text.Length ? place : null;
    }

    private static Example Words(JsonRecord record, string text, string? label)
    {
        string[] words = record.Texts(text);
        if (words.Length == 0)
        {
            throw record.Wrong($"'{text}' is an empty list; words were expected, at least one.");
        }

        string[]? labels = label is null ? null : record.Labels(label);
        return labels is null || labels.Length == words.Length
            ? new Example(string.Join(' ', words), null, null, 0, record.Place) { Words = words, Labels = labels }
            : throw record.Wrong($"'{text}' has {words.Length} words and '{label}' {labels.Length} labels; each word needs one label.");
    }

    private static string[] Labels(JsonRecord record, string label)
    {
        string[] labels = record.Labels(label);
        return labels.GroupBy(ClassLabel.Key, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice
            ? throw record.Wrong($"'{label}' has the label '{twice.First()}' twice; each class may be there once.")
            : labels;
    }
}
