using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Batching;

namespace Engine.Optim;

/// <content>The session's memory: what it comes to, known before it is taken.</content>
internal sealed partial class TrainingSession
{
    /// <summary>The memory the session holds beside the model's, by owner.</summary>
    private IEnumerable<StorageBlock> OwnBlocks => new[]
    {
        Inputs.Block, context.State, context.Scratch, context.Merged, context.Tables, moments, reports.Block,
        selection?.Block, LossScaling?.Block, loss.Block,
    }.OfType<StorageBlock>();

    /// <summary>
    /// Bytes by owner that training batches of these shapes takes, known before anything is allocated: parameters, gradients, optimizer
    /// state, the method's state, inputs and the arena of the largest plan.
    /// </summary>
    public IReadOnlyDictionary<string, long> Forecast(IEnumerable<BatchShape> trainingShapes, IEnumerable<BatchShape> evaluationShapes)
    {
        var bytes = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (StorageBlock block in Model.Blocks.Concat(OwnBlocks))
        {
            bytes[block.Owner] = bytes.GetValueOrDefault(block.Owner) + block.Bytes;
        }

        bytes["arena"] = ArenaBytes(passes.GradientCheckpointing, trainingShapes, evaluationShapes);
        return bytes;
    }

    /// <summary>Bytes of the arena for these shapes with gradient checkpointing or without, whichever the session uses.</summary>
    public long ArenaBytes(bool gradientCheckpointing, IEnumerable<BatchShape> trainingShapes, IEnumerable<BatchShape> evaluationShapes)
    {
        BatchShape[] training = [.. trainingShapes];
        IReadOnlyList<BatchShape> selected = selection is null ? [] : [.. training.Select(LargestSelection)];
        return Math.Max(
            Math.Max(courses.Values.Max(plans => plans.ArenaBytes), mirror?.ArenaBytes ?? 0),
            passes.ArenaBytes(gradientCheckpointing, training, selected, evaluationShapes));
    }

    /// <summary>Takes the memory, the arena for these shapes included. The model's own blocks must be allocated.</summary>
    public void Allocate(IEnumerable<BatchShape> trainingShapes, IEnumerable<BatchShape> evaluationShapes)
    {
        foreach (StorageBlock block in OwnBlocks)
        {
            block.Allocate(device);
        }

        arena.Require(ArenaBytes(passes.GradientCheckpointing, trainingShapes, evaluationShapes));
    }

    /// <summary>The shape of the longest rows that a method may select of a batch: others take less arena.</summary>
    private BatchShape LargestSelection(BatchShape shape)
    {
        int rows = method.SelectedRows(shape.Samples) * shape.TextsPerRow;
        bool selectsTokens = shape.Selected == 0 || Model.Architecture.Head.PredictsTokens();
        return shape with { Rows = rows, Selected = selectsTokens ? shape.Selected : rows };
    }
}
