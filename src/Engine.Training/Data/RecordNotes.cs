using Engine.Common.Keys;
using Engine.Model.Chat;

namespace Engine.Training.Data;

/// <summary>Counts what of records for causal models is passed over, left out or empty, to say it once.</summary>
internal sealed class RecordNotes(DataFiles files)
{
    /// <summary>Keys that other trainers read and that change what a record means.</summary>
    private static readonly string[] KeysOfRecords = ["functions", "system", "history"];

    /// <summary>Those that are read with conversations alone.</summary>
    private static readonly string[] KeysOfConversations =
        [ConversationReader.Tools, ConversationReader.Documents, ConversationReader.Variables];

    private readonly OrderedDictionary<string, int> unread = [];
    private int leftOut, turns, learnedAnswers, emptyAnswers, emptyTexts, askedPrompts;

    /// <summary>Records so far.</summary>
    public int Records { get; private set; }

    /// <summary>Counts a record; whether it is learned: its <c>weight</c> is not 0, nor <c>train</c> false.</summary>
    public bool Count(JsonRecord record, CausalDataKind kind)
    {
        Records++;
        foreach (string key in (IEnumerable<string>)(kind.IsConversation() ? KeysOfRecords : [.. KeysOfRecords, .. KeysOfConversations]))
        {
            if (record.HasContent(key))
            {
                Add(unread, key);
            }
        }

        bool isLearned = true;
        foreach (string key in (ReadOnlySpan<string>)["weight", "train"])
        {
            switch (record.Switch(key))
            {
                case false:
                    isLearned = false;
                    break;
                case null when record.HasContent(key):
                    Add(unread, key);
                    break;
            }
        }

        leftOut += isLearned ? 0 : 1;
        return isLearned;
    }

    /// <summary>Counts a text that is a record of its own.</summary>
    public CausalRecord.Plain Count(CausalRecord.Plain text)
    {
        Records++;
        return text;
    }

    /// <summary>Counts an answer.</summary>
    public string Answer(string text)
    {
        learnedAnswers++;
        emptyAnswers += string.IsNullOrWhiteSpace(text) ? 1 : 0;
        return text;
    }

    /// <summary>Counts a text that is learned whole.</summary>
    public CausalRecord.Plain Plain(string text)
    {
        emptyTexts += string.IsNullOrWhiteSpace(text) ? 1 : 0;
        return new CausalRecord.Plain(text);
    }

    /// <summary>Counts a turn of a conversation.</summary>
    /// <param name="asksForPrompt">It is no answer, and asks to be learned.</param>
    public void Turn(ChatMessage message, bool asksForPrompt)
    {
        turns++;
        if (message.Role == ChatMessage.Assistant && message.IsLearned && !message.Members.ContainsKey(ChatMessage.ToolCalls))
        {
            Answer(message.Content ?? "");
        }

        askedPrompts += asksForPrompt ? 1 : 0;
    }

    /// <summary>What there is to say.</summary>
    public IReadOnlyList<string> Sentences()
    {
        List<string> notes = [];
        if (unread.Count > 0)
        {
            IEnumerable<string> counts = unread.Select(count => $"{count.Key} (in {count.Value} of {Records} records)");
            notes.Add($"{files}: keys that are not read: {string.Join(", ", counts)}.");
        }

        if (leftOut > 0)
        {
            notes.Add($"{files}: {leftOut} of {Records} records have weight 0 or train: false and were left out.");
        }

        if (emptyAnswers > 0)
        {
            notes.Add($"{files}: {emptyAnswers} of {learnedAnswers} answers are empty: the model learns to say nothing there.");
        }

        if (emptyTexts > 0)
        {
            notes.Add($"{files}: {emptyTexts} of {Records} texts are empty.");
        }

        if (askedPrompts > 0)
        {
            notes.Add(
                $"{files}: {askedPrompts} of {turns} turns, of users or the system, have weight 1 or train: true; "
                + $"the loss asks for answers, and for prompts with {Setting.Of("completion_only_loss", "false")}.");
        }

        return notes;
    }

    private static void Add(OrderedDictionary<string, int> counts, string key) => counts[key] = counts.GetValueOrDefault(key) + 1;
}
