using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Engine.FineTuning;

/// <summary>Writes an example as the JSON line that a run reads.</summary>
internal static class ExampleWriter
{
    public const string Text = "text", TextPair = "text_pair", Label = "label";

    public static void Write(Utf8JsonWriter json, TextExample example)
    {
        json.WriteStartObject();
        json.WriteString(Text, example.Text);
        if (example.TextPair is { } pair)
        {
            json.WriteString(TextPair, pair);
        }

        switch (example)
        {
            case LabelledText labelled:
                json.WriteString(Label, labelled.Label);
                break;
            case ScoredText scored:
                json.WriteNumber(Label, scored.Score);
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

    /// <exception cref="ArgumentException">A message holds something else than text.</exception>
    public static void Write(Utf8JsonWriter json, LanguageExample example)
    {
        json.WriteStartObject();
        switch (example)
        {
            case LanguageExample.Conversation conversation:
                json.WriteStartArray("messages");
                foreach (ChatMessage message in conversation.Messages)
                {
                    Turn(json, message);
                }

                json.WriteEndArray();
                break;
            case LanguageExample.Completion completion:
                json.WriteString("prompt", completion.Prompt);
                json.WriteString("completion", completion.Answer);
                break;
            case LanguageExample.PlainText plain:
                json.WriteString(Text, plain.Text);
                break;
        }

        json.WriteEndObject();
    }

    private static void Turn(Utf8JsonWriter json, ChatMessage message)
    {
        if (message.Contents.FirstOrDefault(content => content is not TextContent) is { } other)
        {
            throw new ArgumentException($"A message of the {message.Role} holds {other.GetType().Name}; a language model learns from text.");
        }

        json.WriteStartObject();
        json.WriteString("role", message.Role.Value);
        json.WriteString("content", message.Text);
        json.WriteEndObject();
    }
}
