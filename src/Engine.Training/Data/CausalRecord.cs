using System.Runtime.Serialization;
using Engine.Model.Chat;

namespace Engine.Training.Data;

/// <summary>What the records of a file for causal models hold.</summary>
public enum CausalDataKind
{
    /// <summary>A conversation.</summary>
    [EnumMember(Value = "messages")]
    Messages,

    /// <summary>A conversation as ShareGPT writes it.</summary>
    [EnumMember(Value = "sharegpt")]
    ShareGpt,

    /// <summary>A prompt and what it is to be continued by.</summary>
    [EnumMember(Value = "prompt-completion")]
    PromptCompletion,

    /// <summary>The turns of a prompt and those it is to be continued by.</summary>
    [EnumMember(Value = "prompt-completion-messages")]
    PromptCompletionMessages,

    /// <summary>An instruction, perhaps with an input, and the answer.</summary>
    [EnumMember(Value = "alpaca")]
    Alpaca,

    /// <summary>A text that is learned whole.</summary>
    [EnumMember(Value = "text")]
    Text,
}

/// <summary>What the kinds have in common.</summary>
internal static class CausalDataKinds
{
    /// <summary>Whether records hold turns.</summary>
    public static bool IsConversation(this CausalDataKind kind) =>
        kind is CausalDataKind.Messages or CausalDataKind.ShareGpt or CausalDataKind.PromptCompletionMessages;
}

/// <summary>One record of such a file.</summary>
internal abstract record CausalRecord
{
    private CausalRecord()
    {
    }

    /// <summary>A conversation; the assistant's messages are the answers.</summary>
    public sealed record Conversation(Engine.Model.Chat.Conversation Chat) : CausalRecord
    {
        /// <summary>A conversation of turns alone.</summary>
        public Conversation(params IReadOnlyList<ChatMessage> messages)
            : this(new Engine.Model.Chat.Conversation(messages))
        {
        }

        /// <summary>Where it stands, for messages; null where it comes from no file.</summary>
        public DataPlace? Place { get; init; }

        /// <summary>The turns.</summary>
        public IReadOnlyList<ChatMessage> Messages => Chat.Messages;
    }

    /// <summary>A prompt and its completion.</summary>
    public sealed record Completion(string Prompt, string Answer) : CausalRecord;

    /// <summary>An instruction of alpaca's form; the input may be empty.</summary>
    public sealed record Instruction(string Task, string Input, string Answer) : CausalRecord;

    /// <summary>A text without a prompt.</summary>
    public sealed record Plain(string Text) : CausalRecord;
}

/// <summary>The records of a data set in their order, all of one kind.</summary>
/// <param name="Files">The files, for messages.</param>
/// <param name="Kind">What they hold.</param>
/// <param name="Records">Never empty.</param>
internal sealed record CausalRecordSet(DataFiles Files, CausalDataKind Kind, IReadOnlyList<CausalRecord> Records)
{
    /// <summary>What a user should know of the records: what of them was not read or left out.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
