using System.Runtime.Serialization;

namespace Engine.Optim;

/// <summary>What the loss of a step of several micro-batches is the mean over.</summary>
public enum LossAverage
{
    /// <summary>
    /// The labels of the whole step, each counting alike whichever micro-batch it is in: labelled tokens of a language model, else texts.
    /// The step is the one that a single batch of all its texts would take.
    /// </summary>
    [EnumMember(Value = "tokens")]
    Tokens,

    /// <summary>The micro-batches' own means, each counting alike however many labels it has.</summary>
    [EnumMember(Value = "batches")]
    Batches,
}
