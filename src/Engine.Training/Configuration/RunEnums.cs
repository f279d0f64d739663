using System.Reflection;
using System.Runtime.Serialization;
using Engine.Model.Chat;
using Engine.Training.Data;

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

    /// <summary>One class per word, such as parts of names; cross-entropy over the words.</summary>
    [EnumMember(Value = "token-classification")]
    TokenClassification,

    /// <summary>Any number of classes per text or pair; binary cross-entropy per class.</summary>
    [EnumMember(Value = "multi-label-classification")]
    MultiLabelClassification,

    /// <summary>The part of a context that answers a question; cross-entropy of its first and its last token.</summary>
    [EnumMember(Value = "question-answering")]
    QuestionAnswering,

    /// <summary>One of several texts that go on with a text; cross-entropy over them.</summary>
    [EnumMember(Value = "multiple-choice")]
    MultipleChoice,

    /// <summary>A vector per text, by which texts that belong together are found; a loss of cosines.</summary>
    [EnumMember(Value = "sentence-similarity")]
    SentenceSimilarity,
}

/// <summary>What tasks have in common.</summary>
internal static class TaskKinds
{
    /// <summary>Whether tokens are predicted, and loss and perplexity are what is measured.</summary>
    public static bool IsLanguageModel(this TaskKind task) => task is TaskKind.MaskedLanguageModel or TaskKind.CausalLanguageModel;

    /// <summary>Whether there are labels to be predicted: neither tokens nor vectors are what the model is for.</summary>
    public static bool PredictsLabels(this TaskKind task) => !task.IsLanguageModel() && task != TaskKind.SentenceSimilarity;

    /// <summary>Whether labels are classes with names.</summary>
    public static bool HasClasses(this TaskKind task) => task == TaskKind.SequenceClassification || task.ReadsLists();

    /// <summary>Whether a row has a list of labels.</summary>
    public static bool ReadsLists(this TaskKind task) => task is TaskKind.TokenClassification or TaskKind.MultiLabelClassification;

    /// <summary>Whether a row has more than texts and a label, so that tables cannot hold it.</summary>
    public static bool ReadsRecords(this TaskKind task) =>
        task.ReadsLists() || task is TaskKind.QuestionAnswering or TaskKind.MultipleChoice;

    /// <summary>The name, as the run file has it.</summary>
    public static string Name(this TaskKind task) => typeof(TaskKind).GetField(task.ToString())!
        .GetCustomAttribute<EnumMemberAttribute>()!.Value!;
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

    /// <summary><see cref="Model.Chat.ChatTemplate.Plain"/>.</summary>
    [EnumMember(Value = "plain")]
    Plain,

    /// <summary>Without a template: texts follow each other as they stand.</summary>
    [EnumMember(Value = "none")]
    None,
}

/// <summary>What the choices stand for.</summary>
internal static class ChatTemplateChoices
{
    /// <summary>What holds for records of a kind where the run file says nothing.</summary>
    public static ChatTemplateChoice Default(CausalDataKind kind) =>
        kind.IsConversation() ? ChatTemplateChoice.Tokenizer : ChatTemplateChoice.None;

    /// <summary>The template; null for none.</summary>
    /// <param name="folder">The model's folder.</param>
    /// <exception cref="Engine.Common.Files.ModelFileException">The folder is to say it, and has no template, or one that is
    /// none.</exception>
    public static ChatTemplate? Template(this ChatTemplateChoice choice, string folder) => choice switch
    {
        ChatTemplateChoice.Tokenizer => ChatTemplate.OfFolder(folder),
        ChatTemplateChoice.ChatMl => ChatTemplate.ChatMl,
        ChatTemplateChoice.Qwen2 => ChatTemplate.Qwen2,
        ChatTemplateChoice.Qwen25 => ChatTemplate.Qwen25,
        ChatTemplateChoice.Llama3 => ChatTemplate.Llama3,
        ChatTemplateChoice.Plain => ChatTemplate.Plain,
        _ => null,
    };
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

/// <summary>How the training data is divided among the clients of a federated run.</summary>
public enum ClientSplitKind
{
    /// <summary>Rows at random, in parts that differ by one row at most.</summary>
    [EnumMember(Value = "row")]
    Row,

    /// <summary>Each class by shares that are drawn from a Dirichlet distribution.</summary>
    [EnumMember(Value = "label")]
    Label,

    /// <summary>A client for each file.</summary>
    [EnumMember(Value = "file")]
    File,
}

/// <summary>How the server makes one adapter of the clients'.</summary>
public enum AggregationKind
{
    /// <summary>A, B and whatever else is trained, averaged by the clients' rows (FedAvg of adapters).</summary>
    [EnumMember(Value = "fedit")]
    FedIt,

    /// <summary>The same, with B corrected towards the average of the products B A.</summary>
    [EnumMember(Value = "lora-fair")]
    LoraFair,
}
