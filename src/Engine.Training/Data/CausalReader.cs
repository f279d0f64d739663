using Engine.Common.Keys;
using Engine.Model.Batching;
using Engine.Training.Data.Formats;

namespace Engine.Training.Data;

/// <summary>
/// Reads conversations, prompts with completions, instructions and texts. The keys of the records say which of these the files hold.
/// </summary>
internal static class CausalReader
{
    private static readonly (CausalDataKind Kind, string[] Keys)[] Kinds =
    [
        (CausalDataKind.Messages, ["messages"]),
        (CausalDataKind.ShareGpt, ["conversations"]),
        (CausalDataKind.PromptCompletion, ["prompt", "completion"]),
        (CausalDataKind.Alpaca, ["instruction", "output"]),
        (CausalDataKind.Text, ["text"]),
    ];

    /// <summary>Reads files, one after another.</summary>
    /// <param name="format">One that holds records or texts; null: as the ending of each file says.</param>
    /// <param name="kind">What the records hold; null: what their keys say.</param>
    /// <param name="limit">Only the first records, this many; null: all.</param>
    /// <exception cref="DataFileException">A record that is broken, fits no kind or several, or another than those before; a file without
    /// records.</exception>
    public static CausalRecordSet Read(DataFiles files, DataFormat? format, CausalDataKind? kind, int? limit = null)
    {
        List<CausalRecord> records = [];
        var notes = new RecordNotes(files);
        CausalDataKind? found = kind;
        foreach (string path in files.Paths)
        {
            int before = notes.Records, left = (limit ?? int.MaxValue) - before;
            if (left <= 0)
            {
                break;
            }

            DataFormat written = DataFormats.Of(path, format);
            try
            {
                found = Read(path, written, kind, found, left, records, notes);
            }
            catch (DataFileException error) when (DataFormats.Suspicion(path, written) is { } suspicion)
            {
                throw error.With(suspicion);
            }

            if (notes.Records == before)
            {
                throw new DataFileException(path, "there are no records; at least one was expected.");
            }
        }

        return records.Count > 0
            ? new CausalRecordSet(files, found!.Value, records) { Notes = notes.Sentences() }
            : throw new DataFileException(
                files.ToString(), "every record has weight 0 (or train: false), so that there is nothing to learn.");
    }

    /// <summary>Adds a file's records; returns what they hold.</summary>
    /// <param name="found">What those before hold; null before the first.</param>
    private static CausalDataKind? Read(
        string path,
        DataFormat written,
        CausalDataKind? kind,
        CausalDataKind? found,
        int limit,
        List<CausalRecord> records,
        RecordNotes notes)
    {
        if (written.HoldsAny(DataContents.Texts))
        {
            IEnumerable<Example> texts = written.ReadExamples(path, new ExampleReaderOptions()).Take(limit);
            records.AddRange(texts.Select(text => notes.Count(new CausalRecord.Plain(text.Text))));
            return Same(found, CausalDataKind.Text, problem => new DataFileException(path, $"the file holds texts alone, and {problem}"));
        }

        foreach (JsonRecord record in written.ReadRecords(path).Take(limit))
        {
            using (record)
            {
                CausalDataKind current = kind
                    ?? Same(found, KindOf(record), problem => record.Wrong($"the record's keys are {Keys(record)}, and {problem}"));
                found = current;
                if (notes.Count(record, current))
                {
                    records.Add(Convert(record, current, notes));
                }
            }
        }

        return found;
    }

    private static CausalDataKind Same(CausalDataKind? before, CausalDataKind now, Func<string, DataFileException> wrong) =>
        before is null || before == now
            ? now
            : throw wrong(
                $"that is {Describe(now)}; those before are {Describe(before.Value)}, and a data set holds one kind. "
                    + $"Set {Setting.Of("data.kind")} to read the same of all.");

    private static CausalDataKind KindOf(JsonRecord record)
    {
        CausalDataKind? only = null;
        foreach ((CausalDataKind kind, string[] keys) in Kinds)
        {
            if (HasAll(record, keys))
            {
                only = only is null ? kind : throw WrongKeys(record);
            }
        }

        return only is CausalDataKind.PromptCompletion && record.IsList("prompt")
            ? CausalDataKind.PromptCompletionMessages
            : only ?? throw WrongKeys(record);
    }

    private static bool HasAll(JsonRecord record, string[] keys)
    {
        foreach (string key in keys)
        {
            if (!record.Has(key))
            {
                return false;
            }
        }

        return true;
    }

    private static DataFileException WrongKeys(JsonRecord record)
    {
        string[] fitting = [.. Kinds.Where(kind => HasAll(record, kind.Keys)).Select(kind => Describe(kind.Kind))];
        return record.Wrong($"the record has the keys {Keys(record)}" + (fitting.Length == 0
            ? "; expected messages (a list of role and content), conversations (of from and value), prompt with completion, "
                + "instruction with output (and input), or text."
            : $" and so fits {string.Join(" and ", fitting)}; set {Setting.Of("data.kind")} to the one that is meant."));
    }

    private static CausalRecord Convert(JsonRecord record, CausalDataKind kind, RecordNotes notes) => kind switch
    {
        CausalDataKind.Messages => ConversationReader.Messages(record, notes),
        CausalDataKind.ShareGpt => ConversationReader.ShareGpt(record, notes),
        CausalDataKind.PromptCompletionMessages => ConversationReader.PromptCompletion(record, notes),
        CausalDataKind.PromptCompletion => new CausalRecord.Completion(record.Text("prompt"), notes.Answer(record.Text("completion"))),
        CausalDataKind.Alpaca => new CausalRecord.Instruction(
            record.Text("instruction"), record.HasValue("input") ? record.Text("input") : "", notes.Answer(record.Text("output"))),
        _ => notes.Plain(record.Text("text")),
    };

    private static string Describe(CausalDataKind kind) => kind switch
    {
        CausalDataKind.Messages => "messages",
        CausalDataKind.ShareGpt => "conversations",
        CausalDataKind.PromptCompletionMessages => "prompt with completion, of messages",
        CausalDataKind.PromptCompletion => "prompt with completion",
        CausalDataKind.Alpaca => "instruction with output",
        _ => "text",
    };

    private static string Keys(JsonRecord record) => record.Keys is { Count: > 0 } keys ? string.Join(", ", keys) : "(none)";
}
