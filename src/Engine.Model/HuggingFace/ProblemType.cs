namespace Engine.Model.HuggingFace;

/// <summary>What the labels of a classifier are, and so which loss it has (<c>problem_type</c>).</summary>
internal enum ProblemType
{
    /// <summary>Numbers; mean squared error.</summary>
    Regression,

    /// <summary>One class of several; cross-entropy.</summary>
    SingleLabelClassification,

    /// <summary>Any number of classes; binary cross-entropy per class.</summary>
    MultiLabelClassification,
}

/// <summary>The names of <see cref="ProblemType"/> in configurations.</summary>
internal static class ProblemTypes
{
    private static readonly string[] Names = ["regression", "single_label_classification", "multi_label_classification"];

    public static string KnownNames { get; } = string.Join(", ", Names);

    public static string Name(ProblemType type) => Names[(int)type];

    public static ProblemType? Parse(string name)
    {
        int index = Array.IndexOf(Names, name);
        return index < 0 ? null : (ProblemType)index;
    }
}
