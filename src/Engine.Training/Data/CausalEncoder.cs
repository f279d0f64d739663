using Engine.Model;
using Engine.Model.Batching;
using Engine.Model.Chat;
using Engine.Tokenizers;

namespace Engine.Training.Data;

/// <summary>Tokenised samples for a causal model.</summary>
/// <param name="Rows">The samples, with labels.</param>
/// <param name="Cut">How many were cut at the end to fit.</param>
/// <param name="Dropped">How many were left out since no token was left for the loss to ask for.</param>
public sealed record CausalSamples(EncodedSet Rows, int Cut, int Dropped);

/// <summary>
/// Turns records into tokens and labels. With a chat template every record but a text becomes a conversation; without one a prompt is followed by its answer and
/// one turn by the next as they stand, the end-of-text token after all. Text of a user never becomes a special token.
/// </summary>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="template">How conversations are laid out; null: none.</param>
/// <param name="completionOnlyLoss">The loss asks for answers alone.</param>
public sealed class CausalEncoder(Tokenizer tokenizer, ChatTemplate? template, bool completionOnlyLoss)
{
    /// <summary>The special tokens around a text.</summary>
    private readonly Lazy<(int[] Before, int[] After)> around = new(tokenizer.SpecialTokensAround);

    /// <summary>Encodes records on all processors, each cut at the end to <paramref name="maxLength"/> tokens.</summary>
    /// <exception cref="DataFileException">Not one record has a token that the loss asks for.</exception>
    public CausalSamples Encode(CausalRecordSet set, int maxLength)
    {
        (int[] Ids, int[] Labels)[] samples = ParallelWork.Run(set.Records.Count, i => Encode(set.Records[i]));
        List<(int[], int[]?)> rows = new(samples.Length);
        List<int[]> labels = new(samples.Length);
        int cut = 0;
        foreach ((int[] ids, int[] label) in samples)
        {
            cut += ids.Length > maxLength ? 1 : 0;
            int kept = Math.Min(ids.Length, maxLength);
            if (label.AsSpan(0, kept).ContainsAnyExcept(RaggedBatch.IgnoredLabel))
            {
                rows.Add((kept == ids.Length ? ids : ids[..kept], null));
                labels.Add(kept == label.Length ? label : label[..kept]);
            }
        }

        return rows.Count > 0
            ? new CausalSamples(new EncodedSet(rows) { TokenLabels = labels }, cut, set.Records.Count - rows.Count)
            : throw new DataFileException(
                set.Files.ToString(), $"no record has an answer token within max_length ({maxLength} tokens), so that there is nothing to learn; raise max_length, or see whether the records have answers that are to be learned.");
    }

    /// <summary>The tokens of a record, and its labels: each at the token it names, -100 where the loss asks for none. The first token, which nothing predicts, has none.</summary>
    public (int[] Ids, int[] Labels) Encode(CausalRecord record)
    {
        IReadOnlyList<TextPart> parts = template is not null && Messages(record) is { } messages ? template.Render(messages) : Plain(record);
        if (!completionOnlyLoss)
        {
            parts = [.. parts.Select(part => part with { IsAnswer = !part.IsUnlearned })];
        }

        bool isTemplated = template is not null && record is not CausalRecord.Plain;
        (int[] prefix, int[] suffix) = isTemplated && !template!.IsPlain ? ([], []) : around.Value;
        PartTokens tokens = PartEncoding.Encode(tokenizer, parts);
        if (isTemplated)
        {
            // The layout has its own ends.
            suffix = [];
        }
        else if (!suffix.AsSpan().SequenceEqual([tokenizer.EndOfText]))
        {
            suffix = [.. suffix, tokenizer.EndOfText];
        }

        bool endIsLearned = parts[^1].IsAnswer;
        int[] ids = [.. prefix, .. tokens.Ids, .. suffix];
        int[] labels = [.. ids];
        Span<int> body = labels.AsSpan(prefix.Length, tokens.Ids.Length);
        for (int i = 0; i < body.Length; i++)
        {
            body[i] = tokens.IsAnswer[i] ? body[i] : RaggedBatch.IgnoredLabel;
        }

        labels.AsSpan(0, completionOnlyLoss ? prefix.Length : 0).Fill(RaggedBatch.IgnoredLabel);
        labels.AsSpan(endIsLearned ? ids.Length : ids.Length - suffix.Length).Fill(RaggedBatch.IgnoredLabel);
        labels.AsSpan(0, Math.Min(1, labels.Length)).Fill(RaggedBatch.IgnoredLabel);
        return (ids, labels);
    }

    private static IReadOnlyList<ChatMessage>? Messages(CausalRecord record) => record switch
    {
        CausalRecord.Conversation conversation => conversation.Messages,
        CausalRecord.Completion completion => Turns(completion.Prompt, completion.Answer),
        CausalRecord.Instruction { Input: "" } instruction => Turns(instruction.Task, instruction.Answer),
        CausalRecord.Instruction instruction => Turns($"{instruction.Task}\n{instruction.Input}", instruction.Answer),
        _ => null,
    };

    private static ChatMessage[] Turns(string prompt, string answer) => [new(ChatMessage.User, prompt), new(ChatMessage.Assistant, answer)];

    private static TextPart[] Plain(CausalRecord record) => record switch
    {
        CausalRecord.Completion completion => [new(completion.Prompt), new(completion.Answer, IsAnswer: true)],
        CausalRecord.Instruction instruction => [new(AlpacaPrompt.Of(instruction.Task, instruction.Input)), new(instruction.Answer, IsAnswer: true)],
        CausalRecord.Plain plain => [new(plain.Text, IsAnswer: true)],
        CausalRecord.Conversation conversation => [.. conversation.Messages.Select(message => message.Role == ChatMessage.Assistant
            ? new TextPart(message.Content, IsAnswer: message.IsLearned, IsUnlearned: !message.IsLearned)
            : new TextPart(message.Content))],
        _ => throw new ArgumentException($"A record of the kind {record.GetType().Name} has no layout.", nameof(record)),
    };
}
