using System.Text.Json;
using Engine.ChatClient;
using Answer = Engine.Training.Data.Answer;
using ModelMessage = Engine.Model.Chat.ChatMessage;

namespace Engine.FineTuning;

/// <summary>Writes an example as the JSON line that a run reads.</summary>
internal static class ExampleWriter
{
    public const string Text = "text", TextPair = "text_pair", Label = "label", Labels = "labels";

    /// <summary>The column of a text that does not belong to the first one.</summary>
    public static string Negative(int index) => $"negative_{index + 1}";

    /// <exception cref="ArgumentException">A text or label is null, or a score is no number.</exception>
    public static void Write(Utf8JsonWriter json, TextExample example)
    {
        Require(example.Text, nameof(example.Text));
        json.WriteStartObject();
        json.WriteString(Text, example.Text);
        if (example.TextPair is { } pair)
        {
            json.WriteString(TextPair, pair);
        }

        switch (example)
        {
            case LabelledText labelled:
                json.WriteString(Label, Require(labelled.Label, nameof(labelled.Label)));
                break;
            case MultiLabelText several:
                RequireAll(several.Labels, nameof(several.Labels));
                if (several.Labels.GroupBy(label => label, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice)
                {
                    throw new ArgumentException($"its {nameof(several.Labels)} have '{twice.Key}' twice; each class may be there once.");
                }

                Strings(json, Labels, several.Labels);
                break;
            case ScoredText scored:
                json.WriteNumber(Label, double.IsFinite(scored.Score)
                    ? scored.Score
                    : throw new ArgumentException($"its {nameof(scored.Score)} is {scored.Score}; a finite number was expected."));
                break;
        }

        json.WriteEndObject();
    }

    /// <exception cref="ArgumentException">A text is null.</exception>
    public static void Write(Utf8JsonWriter json, MatchedTexts example)
    {
        json.WriteStartObject();
        json.WriteString(Text, Require(example.Text, nameof(example.Text)));
        json.WriteString(TextPair, Require(example.Match, nameof(example.Match)));
        for (int i = 0; i < example.Negatives.Count; i++)
        {
            json.WriteString(Negative(i), Require(example.Negatives[i], $"{nameof(example.Negatives)}[{i}]"));
        }

        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString(Text, text);
        json.WriteEndObject();
    }

    /// <exception cref="ArgumentException">There are no words, one of them or a label is null, or not each word has one.</exception>
    public static void Write(Utf8JsonWriter json, LabelledWords example)
    {
        RequireAll(example.Words, nameof(example.Words));
        RequireAll(example.Labels, nameof(example.Labels));
        if (example.Words.Count == 0 || example.Words.Count != example.Labels.Count)
        {
            throw new ArgumentException($"it has {example.Words.Count} {nameof(example.Words)} and {example.Labels.Count} "
                + $"{nameof(example.Labels)}; at least one word was expected, and a label for each.");
        }

        json.WriteStartObject();
        Strings(json, ExampleColumns.Words.Text, example.Words);
        Strings(json, ExampleColumns.Words.Label, example.Labels);
        json.WriteEndObject();
    }

    /// <exception cref="ArgumentException">A text is null, or an answer does not stand in the context where it says.</exception>
    public static void Write(Utf8JsonWriter json, AnsweredQuestion example)
    {
        Require(example.Question, nameof(example.Question));
        Require(example.Context, nameof(example.Context));
        RequireAll(example.Answers, nameof(example.Answers));
        foreach (Answer answer in example.Answers)
        {
            RequirePlace(answer, example.Context);
        }

        // Data files count characters, of which one may take two of C#'s.
        IEnumerable<int> starts = example.Answers.Select(answer => example.Context[..answer.Start].EnumerateRunes().Count());
        json.WriteStartObject();
        json.WriteString(ExampleColumns.Questions.Text, example.Question);
        json.WriteString(ExampleColumns.Questions.TextPair!, example.Context);
        json.WriteStartObject(ExampleColumns.Questions.Label);
        Strings(json, "text", example.Answers.Select(answer => answer.Text));
        Member(json, "answer_start", starts);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    /// <exception cref="ArgumentException">A text is null, there are fewer than two choices, or none is the right one.</exception>
    public static void Write(Utf8JsonWriter json, ChoiceQuestion example)
    {
        Require(example.Question, nameof(example.Question));
        RequireAll(example.Choices, nameof(example.Choices));
        if (example.Choices.Count < 2 || example.RightChoice < 0 || example.RightChoice >= example.Choices.Count)
        {
            throw new ArgumentException($"it has {example.Choices.Count} {nameof(example.Choices)} and the {nameof(example.RightChoice)} "
                + $"{example.RightChoice}; at least two were expected, and the number of one of them, from 0.");
        }

        json.WriteStartObject();
        json.WriteString(ExampleColumns.Choices.Text, example.Question);
        Strings(json, ExampleColumns.Choices.TextPair!, example.Choices);
        json.WriteNumber(ExampleColumns.Choices.Label, example.RightChoice);
        json.WriteEndObject();
    }

    /// <exception cref="ArgumentException">A message has a role, or holds content, that a language model does not read.</exception>
    public static void Write(Utf8JsonWriter json, LanguageExample example)
    {
        json.WriteStartObject();
        switch (example)
        {
            case LanguageExample.Conversation conversation:
                Write(json, conversation);
                break;
            case LanguageExample.Completion completion:
                json.WriteString("prompt", Require(completion.Prompt, nameof(completion.Prompt)));
                json.WriteString("completion", Require(completion.Answer, nameof(completion.Answer)));
                break;
            case LanguageExample.PlainText plain:
                json.WriteString(Text, Require(plain.Text, nameof(plain.Text)));
                break;
        }

        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, LanguageExample.Conversation conversation)
    {
        try
        {
            if (ConversationReader.Tools(conversation.Tools) is { } tools)
            {
                Member(json, "tools", tools);
            }

            json.WriteStartArray("messages");
            foreach (ModelMessage turn in ConversationReader.Messages(conversation.Messages))
            {
                json.WriteStartObject();
                json.WriteString("role", turn.Role);
                json.WriteString("content", turn.Content);
                foreach ((string name, object? value) in turn.Members)
                {
                    Member(json, name, value);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        }
        catch (NotSupportedException problem)
        {
            throw new ArgumentException(problem.Message, problem);
        }
    }

    private static string Require(string? value, string property) =>
        value ?? throw new ArgumentException($"its {property} is null; a text was expected.");

    private static void RequireAll<T>(IReadOnlyList<T>? values, string property)
    {
        int missing = (values ?? throw new ArgumentException($"its {property} is null; a list was expected.")).ToList()
            .FindIndex(value => value is null or Answer { Text: null });
        if (missing >= 0)
        {
            throw new ArgumentException($"its {property}[{missing}] is null; a text was expected.");
        }
    }

    private static void RequirePlace(Answer answer, string context)
    {
        if (answer.Start < 0 || answer.Start > context.Length
            || string.CompareOrdinal(context, answer.Start, answer.Text, 0, answer.Text.Length) != 0)
        {
            throw new ArgumentException(answer.Start < 0
                ? $"its answer '{answer.Text}' is no part of its {nameof(AnsweredQuestion.Context)}."
                : $"its answer '{answer.Text}' does not stand at {answer.Start} of its {nameof(AnsweredQuestion.Context)}.");
        }
    }

    private static void Strings(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }

    private static void Member(Utf8JsonWriter json, string name, object? value)
    {
        json.WritePropertyName(name);
        JsonSerializer.Serialize(json, value);
    }
}
