using System.Runtime.Serialization;

namespace Engine.Training.Configuration;

/// <summary>What the model is trained to do.</summary>
public enum TaskKind
{
    /// <summary>One class per text or pair; cross-entropy.</summary>
    [EnumMember(Value = "sequence-classification")]
    SequenceClassification,

    /// <summary>One number per text or pair; mean squared error.</summary>
    [EnumMember(Value = "regression")]
    Regression,

    /// <summary>Naming masked tokens; cross-entropy per token.</summary>
    [EnumMember(Value = "masked-lm")]
    MaskedLanguageModel,

    /// <summary>Naming each next token; cross-entropy per token.</summary>
    [EnumMember(Value = "causal-lm")]
    CausalLanguageModel,
}

/// <summary>What tasks have in common.</summary>
public static class TaskKinds
{
    /// <summary>Whether tokens are predicted, and loss and perplexity are what is measured.</summary>
    public static bool IsLanguageModel(this TaskKind task) => task is TaskKind.MaskedLanguageModel or TaskKind.CausalLanguageModel;
}

/// <summary>How conversations are laid out.</summary>
public enum ChatTemplateChoice
{
    /// <summary>As the model folder's tokenizer says.</summary>
    [EnumMember(Value = "tokenizer")]
    Tokenizer,

    /// <summary><see cref="Model.Chat.ChatTemplate.ChatMl"/>.</summary>
    [EnumMember(Value = "chatml")]
    ChatMl,

    /// <summary><see cref="Model.Chat.ChatTemplate.Qwen2"/>.</summary>
    [EnumMember(Value = "qwen2")]
    Qwen2,

    /// <summary><see cref="Model.Chat.ChatTemplate.Qwen25"/>.</summary>
    [EnumMember(Value = "qwen2.5")]
    Qwen25,

    /// <summary><see cref="Model.Chat.ChatTemplate.Llama3"/>.</summary>
    [EnumMember(Value = "llama3")]
    Llama3,
}

/// <summary>When something recurs during training.</summary>
public enum IntervalStrategy
{
    /// <summary>Never.</summary>
    [EnumMember(Value = "no")]
    No,

    /// <summary>Every so many optimizer steps.</summary>
    [EnumMember(Value = "steps")]
    Steps,

    /// <summary>After every epoch.</summary>
    [EnumMember(Value = "epoch")]
    Epoch,
}
