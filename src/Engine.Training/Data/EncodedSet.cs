using Engine.Model.Batching;
namespace Engine.Training.Data;

/// <summary>A tokenised data file with its labels, ready to be cut into batches.</summary>
public sealed class EncodedSet
{
    private readonly IReadOnlyList<(int[] InputIds, int[]? TypeIds)> rows;

    /// <param name="rows">Token ids of each row, special tokens included, and segment ids where the model has them.</param>
    public EncodedSet(IReadOnlyList<(int[] InputIds, int[]? TypeIds)> rows)
    {
        this.rows = rows;
        Lengths = [.. rows.Select(row => row.InputIds.Length)];
    }

    /// <summary>Class indices by row, or null.</summary>
    public int[]? ClassLabels { get; init; }

    /// <summary>Regression targets by row, or null.</summary>
    public float[]? Targets { get; init; }

    /// <summary>
    /// Labels of each row's tokens for a causal model, each at the token it names, <see cref="RaggedBatch.IgnoredLabel"/> where the loss asks for none; null for other tasks.
    /// </summary>
    public IReadOnlyList<int[]>? TokenLabels { get; init; }

    /// <summary>The rows that were cut to fit.</summary>
    public IReadOnlyList<int> CutRows { get; init; } = [];

    /// <summary>Tokens of each row.</summary>
    public IReadOnlyList<int> Lengths { get; }

    public int Count => rows.Count;

    /// <summary>The same rows with labels.</summary>
    public EncodedSet WithLabels(int[]? classLabels, float[]? targets) => new(rows) { ClassLabels = classLabels, Targets = targets, CutRows = CutRows };

    /// <summary>The batch of these rows, in this order, with their labels.</summary>
    public RaggedBatch Batch(IReadOnlyList<int> indices)
    {
        RaggedBatch batch = RaggedBatch.FromRows([.. indices.Select(index => rows[index])]);
        if (TokenLabels is not null)
        {
            batch = batch.WithNextTokenLabels([.. indices.SelectMany(index => TokenLabels[index])]);
        }

        return batch with
        {
            ClassLabels = ClassLabels is null ? null : [.. indices.Select(index => ClassLabels[index])],
            Targets = Targets is null ? null : [.. indices.Select(index => Targets[index])],
        };
    }
}
