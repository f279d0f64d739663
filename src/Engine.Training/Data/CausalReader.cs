using Engine.Model.Batching;
using Engine.Model.Chat;

namespace Engine.Training.Data;

/// <summary>Reads conversations, prompts with completions, instructions and texts. The keys of the records say which of these a file holds.</summary>
public static class CausalReader
{
    private static readonly (CausalDataKind Kind, string[] Keys)[] Kinds =
    [
        (CausalDataKind.Messages, ["messages"]),
        (CausalDataKind.PromptCompletion, ["prompt", "completion"]),
        (CausalDataKind.Alpaca, ["instruction", "output"]),
        (CausalDataKind.Text, ["text"]),
    ];

    /// <summary>Reads a file.</summary>
    /// <param name="format">JSON Lines, JSON, or plain text, of which each line is a text.</param>
    /// <param name="kind">What its records hold; null: what their keys say.</param>
    /// <param name="limit">Only the first records, this many; null: all.</param>
    /// <exception cref="DataFileException">A record that is broken, fits no kind or several, or another than those before; no records.</exception>
    public static CausalRecordSet Read(string path, DataFileFormat format, CausalDataKind? kind, int? limit = null)
    {
        List<CausalRecord> records = [];
        if (format == DataFileFormat.Text)
        {
            records.AddRange(TextLines.Read(path).Where(line => !string.IsNullOrWhiteSpace(line.Text)).Take(limit ?? int.MaxValue).Select(line => new CausalRecord.Plain(line.Text)));
            kind = CausalDataKind.Text;
        }
        else
        {
            CausalDataKind? found = kind;
            foreach (JsonRecord record in JsonRecords.Read(path, format).Take(limit ?? int.MaxValue))
            {
                using (record)
                {
                    CausalDataKind current = found ?? KindOf(record);
                    if (kind is null && found is not null && KindOf(record) is var other && other != current)
                    {
                        throw record.Wrong(
                            $"the record is {Describe(other)} (its keys: {Keys(record)}), those before are {Describe(current)}; one file holds one kind. Set data.kind to read the same of all.");
                    }

                    found = current;
                    records.Add(Convert(record, current));
                }
            }

            kind = found;
        }

        return records.Count > 0
            ? new CausalRecordSet(path, kind!.Value, records)
            : throw new DataFileException(path, "there are no records; at least one was expected.");
    }

    private static CausalDataKind KindOf(JsonRecord record)
    {
        (CausalDataKind Kind, string[] Keys)[] fitting = [.. Kinds.Where(kind => kind.Keys.All(record.Has))];
        return fitting switch
        {
            [var only] => only.Kind,
            [] => throw record.Wrong(
                $"the record has the keys {Keys(record)}; expected messages (a list of role and content), prompt with completion, instruction with output (and input), or text."),
            _ => throw record.Wrong(
                $"the record has the keys {Keys(record)} and so fits {string.Join(" and ", fitting.Select(kind => Describe(kind.Kind)))}; set data.kind to the one that is meant."),
        };
    }

    private static CausalRecord Convert(JsonRecord record, CausalDataKind kind) => kind switch
    {
        CausalDataKind.Messages => new CausalRecord.Conversation(Messages(record)),
        CausalDataKind.PromptCompletion => new CausalRecord.Completion(record.Text("prompt"), record.Text("completion")),
        CausalDataKind.Alpaca => new CausalRecord.Instruction(record.Text("instruction"), record.HasValue("input") ? record.Text("input") : "", record.Text("output")),
        _ => new CausalRecord.Plain(record.Text("text")),
    };

    private static ChatMessage[] Messages(JsonRecord record)
    {
        ChatMessage[] messages = [.. record.Objects("messages").Select(message => new ChatMessage(message.Text("role"), message.Text("content")))];
        if (messages.Length == 0)
        {
            throw record.Wrong("the list 'messages' is empty; at least one message was expected.");
        }

        return messages.FirstOrDefault(message => !ChatMessage.Roles.Contains(message.Role)) is { } strange
            ? throw record.Wrong($"a message has the role '{strange.Role}'; expected {string.Join(", ", ChatMessage.Roles)}.")
            : messages;
    }

    private static string Describe(CausalDataKind kind) => kind switch
    {
        CausalDataKind.Messages => "messages",
        CausalDataKind.PromptCompletion => "prompt with completion",
        CausalDataKind.Alpaca => "instruction with output",
        _ => "text",
    };

    private static string Keys(JsonRecord record) => record.Keys is { Count: > 0 } keys ? string.Join(", ", keys) : "(none)";
}
