using System.Text.Json;
using Engine.ChatClient;
using ModelMessage = Engine.Model.Chat.ChatMessage;

namespace Engine.FineTuning;

/// <summary>Writes an example as the JSON line that a run reads.</summary>
internal static class ExampleWriter
{
    public const string Text = "text", TextPair = "text_pair", Label = "label";

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
            case ScoredText scored:
                json.WriteNumber(Label, double.IsFinite(scored.Score)
                    ? scored.Score
                    : throw new ArgumentException($"its {nameof(scored.Score)} is {scored.Score}; a finite number was expected."));
                break;
        }

        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, string text)
    {
        json.WriteStartObject();
        json.WriteString(Text, text);
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

    private static void Member(Utf8JsonWriter json, string name, object? value)
    {
        json.WritePropertyName(name);
        JsonSerializer.Serialize(json, value);
    }
}
