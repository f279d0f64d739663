using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>
/// Multiple negatives ranking; inputs embeddings [samples * texts, columns], step scalars; after a loss's outputs two that are scratch.
/// </summary>
internal sealed class RankingLossOperator(bool withGradient, int texts, float scale) : LossOperator(withGradient)
{
    public override string Name => "RankingLoss";

    /// <summary>Those of the scores, and with them the two factors' gradients.</summary>
    public override double ProductOperations(Node node)
    {
        Shape embeddings = node.Inputs[0].Shape;
        double samples = embeddings.Rows / texts;
        return 2 * samples * (embeddings.Rows - samples) * embeddings.Columns * (WithGradient ? 3 : 1);
    }

    public override void Lower(Lowering lowering)
    {
        Shape embeddings = lowering.Node.Inputs[0].Shape;
        int scratch = lowering.Node.Outputs.Count - 2;
        lowering.Emit(EmbeddingLosses.Ranking(
            lowering.Device,
            embeddings.Rows / texts,
            texts,
            embeddings.Columns,
            scale,
            lowering.Input<float>(0),
            lowering.Input<float>(1),
            lowering.Output<float>(1),
            lowering.Output<float>(0),
            lowering.Output<float>(scratch),
            lowering.Output<float>(scratch + 1),
            OutputGradient(lowering)));
    }
}

/// <summary>
/// Mean squared difference of pairs' cosines to targets; inputs embeddings [2 * samples, columns], targets float32 [samples], step scalars.
/// </summary>
internal sealed class CosineLossOperator(bool withGradient) : LossOperator(withGradient)
{
    public override string Name => "CosineLoss";

    public override void Lower(Lowering lowering) => lowering.Emit(EmbeddingLosses.Cosine(
        lowering.Device,
        lowering.Node.Inputs[0].Shape.Rows / 2,
        lowering.Node.Inputs[0].Shape.Columns,
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Output<float>(1),
        lowering.Output<float>(0),
        OutputGradient(lowering)));
}

internal static class EmbeddingLossExtensions
{
    /// <summary>
    /// Mean cross-entropy of scale * cosine of each sample's first text with the others of all samples, of which its own second is right,
    /// [1]; embeddings [samples * texts, columns], a sample's texts one after another.
    /// </summary>
    /// <param name="withGradient">The loss will be differentiated.</param>
    public static Tensor RankingLoss(
        this GraphBuilder graph, Tensor embeddings, Tensor scalars, int texts, float scale, bool withGradient)
    {
        int rows = embeddings.Shape.Rows, samples = rows / texts;
        if (texts < 2 || rows % texts != 0)
        {
            throw new ArgumentException($"{embeddings} has no samples of {texts} texts, two at least.");
        }

        return graph.Add(
            new RankingLossOperator(withGradient, texts, scale), [embeddings, scalars],
            [.. LossExtensions.Outputs(samples, embeddings, withGradient), new Shape(samples, rows - samples), new Shape(rows)])[0];
    }

    /// <summary>
    /// Mean squared difference of the pairs' cosines to targets that are not NaN, [1]; embeddings [2 * samples, columns].
    /// </summary>
    /// <param name="withGradient">The loss will be differentiated.</param>
    public static Tensor CosineLoss(this GraphBuilder graph, Tensor embeddings, Tensor targets, Tensor scalars, bool withGradient)
    {
        int samples = embeddings.Shape.Rows / 2;
        if (embeddings.Shape.Rows % 2 != 0 || targets.Shape.Count != samples)
        {
            throw new ArgumentException($"{embeddings} needs {samples} targets, one a pair, not {targets}.");
        }

        return graph.Add(
            new CosineLossOperator(withGradient), [embeddings, targets, scalars],
            LossExtensions.Outputs(samples, embeddings, withGradient))[0];
    }
}
