using System.Runtime.Serialization;
using Engine.Model.Chat;

namespace Engine.Training.Data;

/// <summary>What the records of a file for causal models hold.</summary>
public enum CausalDataKind
{
    /// <summary>A conversation.</summary>
    [EnumMember(Value = "messages")]
    Messages,

    /// <summary>A prompt and what it is to be continued by.</summary>
    [EnumMember(Value = "prompt-completion")]
    PromptCompletion,

    /// <summary>An instruction, perhaps with an input, and the answer.</summary>
    [EnumMember(Value = "alpaca")]
    Alpaca,

    /// <summary>A text that is learned whole.</summary>
    [EnumMember(Value = "text")]
    Text,
}

/// <summary>One record of such a file.</summary>
public abstract record CausalRecord
{
    private CausalRecord()
    {
    }

    /// <summary>A conversation; the assistant's messages are the answers.</summary>
    public sealed record Conversation(IReadOnlyList<ChatMessage> Messages) : CausalRecord;

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
public sealed record CausalRecordSet(DataFiles Files, CausalDataKind Kind, IReadOnlyList<CausalRecord> Records)
{
    /// <summary>What a user should know of the records: what of them was not read or left out.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];
}
