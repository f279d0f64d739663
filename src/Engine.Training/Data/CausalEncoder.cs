using Engine.Common.Keys;
using Engine.Model;
using Engine.Model.Batching;
using Engine.Model.Chat;
using Engine.Tokenizers;

namespace Engine.Training.Data;

/// <summary>Tokenised samples for a causal model.</summary>
/// <param name="Rows">The samples, with labels.</param>
/// <param name="Cut">How many were cut at the end to fit.</param>
/// <param name="Dropped">How many were left out since no token was left for the loss to ask for.</param>
/// <param name="UnsureAnswers">How many answers are not learned since the template's rendering does not tell where they stand.</param>
internal sealed record CausalSamples(EncodedSet Rows, int Cut, int Dropped, int UnsureAnswers);

/// <summary>
/// Turns records into tokens and labels. With a chat template every record but a text becomes a conversation; without one a prompt is
/// followed by its answer and one turn by the next as they stand, the end-of-text token after all. Text of a user never becomes a special
/// token.
/// </summary>
internal sealed class CausalEncoder
{
    private readonly Tokenizer tokenizer;
    private readonly ChatRenderer? renderer;
    private readonly bool completionOnlyLoss;

    /// <summary>The special tokens around a text.</summary>
    private readonly Lazy<(int[] Before, int[] After)> around;

    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="template">How conversations are laid out; null: none.</param>
    /// <param name="completionOnlyLoss">The loss asks for answers alone.</param>
    /// <exception cref="InvalidDataException">The tokenizer lacks a token of a built-in layout.</exception>
    public CausalEncoder(Tokenizer tokenizer, ChatTemplate? template, bool completionOnlyLoss)
    {
        this.tokenizer = tokenizer;
        this.completionOnlyLoss = completionOnlyLoss;
        renderer = template is null ? null : new ChatRenderer(tokenizer, template);
        around = new(tokenizer.SpecialTokensAround);
    }

    /// <summary>Encodes records on all processors, each cut at the end to <paramref name="maxLength"/> tokens.</summary>
    /// <exception cref="DataFileException">Not one record has a token that the loss asks for, or the template does not lay one
    /// out.</exception>
    public CausalSamples Encode(CausalRecordSet set, int maxLength)
    {
        int unsure = 0;
        (int[] Ids, int[] Labels)[] samples = ParallelWork.Run(set.Records.Count, i => Encode(set, set.Records[i], ref unsure));
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
            ? new CausalSamples(new EncodedSet(rows) { TokenLabels = labels }, cut, set.Records.Count - rows.Count, unsure)
            : throw new DataFileException(
                set.Files.ToString(),
                $"no record has an answer token within {Setting.Of("max_length")} ({maxLength} tokens), so that there is nothing to learn; "
                    + $"raise {Setting.Of("max_length")}, or see whether the records have answers that are to be learned.");
    }

    /// <summary>
    /// The tokens of a record, and its labels: each at the token it names, -100 where the loss asks for none. The first token, which
    /// nothing predicts, has none.
    /// </summary>
    /// <exception cref="ChatTemplateException">The template refuses the record, or fails.</exception>
    public (int[] Ids, int[] Labels) Encode(CausalRecord record) => Encode(record, out _);

    private (int[] Ids, int[] Labels) Encode(CausalRecordSet set, CausalRecord record, ref int unsure)
    {
        try
        {
            (int[], int[]) sample = Encode(record, out int ofRecord);
            Interlocked.Add(ref unsure, ofRecord);
            return sample;
        }
        catch (ChatTemplateException error)
        {
            throw (record as CausalRecord.Conversation)?.Place?.Wrong(error.Message, error)
                ?? new DataFileException(set.Files.ToString(), error.Message, error);
        }
    }

    private (int[] Ids, int[] Labels) Encode(CausalRecord record, out int unsure)
    {
        bool isTemplated = renderer is not null && record is not CausalRecord.Plain;
        if (!isTemplated && record is CausalRecord.Conversation { Chat: var untemplated })
        {
            untemplated.RequirePlaceForCalls(template: null);
        }

        ChatSample sample = isTemplated ? renderer!.Sample(Chat(record)) : new ChatSample(Plain(record), UnsureAnswers: 0);
        unsure = sample.UnsureAnswers;
        IReadOnlyList<TextPart> parts = sample.Parts;
        if (!completionOnlyLoss)
        {
            parts = [.. parts.Select(part => part with { IsAnswer = !part.IsUnlearned })];
        }

        (int[] prefix, int[] suffix) = isTemplated && !renderer!.Template.IsPlain ? ([], []) : around.Value;
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

        bool endIsLearned = parts is [.., { IsAnswer: true }];
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

    private static Conversation Chat(CausalRecord record) => record switch
    {
        CausalRecord.Conversation conversation => conversation.Chat,
        CausalRecord.Completion completion => Turns(completion.Prompt, completion.Answer),
        CausalRecord.Instruction { Input: "" } instruction => Turns(instruction.Task, instruction.Answer),
        CausalRecord.Instruction instruction => Turns($"{instruction.Task}\n{instruction.Input}", instruction.Answer),
        _ => throw Unknown(record),
    };

    private static Conversation Turns(string prompt, string answer) =>
        new([new(ChatMessage.User, prompt), new(ChatMessage.Assistant, answer)]);

    private static TextPart[] Plain(CausalRecord record) => record switch
    {
        CausalRecord.Completion completion => [new(completion.Prompt), new(completion.Answer, IsAnswer: true)],
        CausalRecord.Instruction instruction =>
            [new(AlpacaPrompt.Of(instruction.Task, instruction.Input)), new(instruction.Answer, IsAnswer: true)],
        CausalRecord.Plain plain => [new(plain.Text, IsAnswer: true)],
        CausalRecord.Conversation conversation => [.. conversation.Messages.Select((message, turn) => message.Role == ChatMessage.Assistant
            ? new TextPart(
                message.Content ?? "", IsAnswer: message.IsLearned && turn >= conversation.Chat.FirstLearned,
                IsUnlearned: !message.IsLearned)
            : new TextPart(message.Content ?? ""))],
        _ => throw Unknown(record),
    };

    private static ArgumentException Unknown(CausalRecord record) =>
        new($"A record of the kind {record.GetType().Name} has no layout.", nameof(record));
}
