using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim;

/// <summary>
/// AdamW, or what the method has in its place, over the trainable tensors: neighbours with the same settings in one launch. Where a
/// method's updates leave tensors out, each tensor has its own launch, its own count of updates and its own bias corrections.
/// </summary>
internal sealed class OptimizerUpdate
{
    private readonly AdamWOptions options;
    private readonly TrainableParameters trainables;
    private readonly Variable firstMoment;
    private readonly Variable secondMoment;
    private readonly Range[] ranges;
    private readonly StepOptimizer kind;

    /// <summary>[tensors, slots] The step scalars as each tensor sees them; null where all see the session's.</summary>
    private readonly Variable? tensorScalars;
    private readonly float[] scalarValues = [];

    /// <param name="moments">m and v, [trainable elements] each.</param>
    public OptimizerUpdate(
        TrainableParameters trainables,
        TrainingMethod method,
        AdamWOptions options,
        (Variable First, Variable Second) moments,
        StorageBlock tables)
    {
        this.trainables = trainables;
        this.options = options;
        (firstMoment, secondMoment) = moments;
        kind = method.Optimizer;
        ranges = Ranges(trainables, method);
        if (method.UpdatesInPart)
        {
            Updates = new double[trainables.Entries.Count];
            scalarValues = new float[Updates.Length * StepScalars.Count];
            tensorScalars = tables.Reserve("tensor_scalars", new Shape(Updates.Length, StepScalars.Count));
        }
    }

    /// <summary>Updates each tensor has had; null where all have had the session's steps.</summary>
    public double[]? Updates { get; }

    /// <summary>1 - beta^t of both moments.</summary>
    public (float First, float Second) Corrections(double updates) =>
        ((float)(1 - Math.Pow(options.Beta1, updates)), (float)(1 - Math.Pow(options.Beta2, updates)));

    /// <summary>Counts a step for the active tensors and writes every tensor's scalars.</summary>
    public void Prepare(ReadOnlySpan<float> stepScalars, ActiveSet? active)
    {
        if (Updates is null || tensorScalars is null)
        {
            return;
        }

        for (int i = 0; i < Updates.Length; i++)
        {
            Updates[i] += active is null || active[i] ? 1 : 0;
            Span<float> own = scalarValues.AsSpan(i * StepScalars.Count, StepScalars.Count);
            stepScalars.CopyTo(own);
            (own[StepScalars.BiasCorrection1], own[StepScalars.BiasCorrection2]) = Corrections(Updates[i]);
        }

        tensorScalars.View<float>().Write(scalarValues);
    }

    /// <summary>Adds the update to a graph.</summary>
    /// <param name="clip">The clipping factor [1].</param>
    public void Build(GraphBuilder graph, Variable scalars, Tensor clip)
    {
        for (int i = 0; i < ranges.Length; i++)
        {
            Range range = ranges[i];
            Variable own = tensorScalars is null
                ? scalars
                : tensorScalars.Block.Overlay(
                    $"{tensorScalars.Name}.{i}", new Shape(StepScalars.Count), tensorScalars, (long)i * StepScalars.Count);
            Tensor values = graph.Read(TrainableParameters.Range($"trainable.{i}", trainables.ValueBlock, range.First, range.Count));
            Tensor gradients = graph.Read(TrainableParameters.Range($"gradients.{i}", trainables.GradientBlock, range.First, range.Count));
            double decay = range.Decays ? options.WeightDecay : 0;
            if (kind == StepOptimizer.Sgd)
            {
                graph.Sgd(values, gradients, graph.Read(own), clip, decay, range.Ratio);
                continue;
            }

            graph.AdamW(
                values,
                gradients,
                graph.Read(firstMoment.Block.Overlay($"m.{i}", new Shape(range.Count), firstMoment, range.First)),
                graph.Read(secondMoment.Block.Overlay($"v.{i}", new Shape(range.Count), secondMoment, range.First)),
                graph.Read(own),
                clip,
                new AdamWSettings(options.Beta1, options.Beta2, options.Epsilon, decay) { LearningRateRatio = range.Ratio });
        }
    }

    private static Range[] Ranges(TrainableParameters trainables, TrainingMethod method)
    {
        var ranges = new List<Range>();
        int first = 0;
        foreach ((_, Variable tensor) in trainables.Entries)
        {
            bool decays = first < trainables.DecayCount || method.DecaysAll;
            var range = new Range(first, (int)tensor.Shape.Count, decays, method.LearningRateRatio(tensor));
            if (!method.UpdatesInPart && ranges is [.., var last] && (last.Decays, last.Ratio) == (range.Decays, range.Ratio))
            {
                ranges[^1] = last with { Count = last.Count + range.Count };
            }
            else
            {
                ranges.Add(range);
            }

            first += range.Count;
        }

        return [.. ranges];
    }

    private sealed record Range(int First, int Count, bool Decays, double Ratio);
}
