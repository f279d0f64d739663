using Engine.Model.Chat;

namespace Engine.Training.Data;

/// <summary>What a user should know of conversations as a template lays them out.</summary>
internal static class ConversationNotes
{
    /// <summary>What conversations hold and the template does not speak of, so that the model never sees it.</summary>
    /// <param name="template">Null: no template; then nothing but contents is laid out.</param>
    public static IEnumerable<string> NotLaidOut(CausalRecordSet set, ChatTemplate? template)
    {
        OrderedDictionary<string, int> counts = [];
        foreach (CausalRecord.Conversation conversation in set.Records.OfType<CausalRecord.Conversation>())
        {
            foreach (string name in Names(conversation.Chat).Distinct())
            {
                counts[name] = counts.GetValueOrDefault(name) + 1;
            }
        }

        string[] lost =
        [
            .. counts.Where(count => template?.Mentions(count.Key) != true)
                .Select(count => $"{count.Key} (in {count.Value} of {set.Records.Count} records)"),
        ];
        if (lost.Length > 0)
        {
            string by = template is null ? "without a chat template" : "by this chat template";
            yield return $"{set.Files}: {by} there is no place for {string.Join(", ", lost)}: the model does not read it.";
        }
    }

    /// <summary>Answers whose place in a rendering is not certain.</summary>
    public static string Unsure(CausalRecordSet set, int answers) =>
        $"{set.Files}: {answers} answers are not learned, since the chat template does not lay a conversation out as its "
            + "beginning and what "
        + "follows, and it is not certain where they stand; a template with {% generation %} blocks says it.";

    private static IEnumerable<string> Names(Conversation conversation)
    {
        if (conversation.Tools is not null)
        {
            yield return ConversationReader.Tools;
        }

        if (conversation.Documents is not null)
        {
            yield return ConversationReader.Documents;
        }

        foreach (string name in conversation.Variables.Keys)
        {
            yield return name;
        }

        foreach (string name in conversation.Messages.SelectMany(message => message.Members.Keys))
        {
            if (name is ChatMessage.ToolCalls or ChatMessage.ReasoningContent)
            {
                yield return name;
            }
        }
    }
}
