using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>The filters of a run's tensors as one launch works on them.</summary>
/// <param name="Table">Where the tensors lie, and their filters.</param>
/// <param name="Words">The device's copy of the segments' table, int32.</param>
/// <param name="Data">The device's copy of the filters' table, int32.</param>
/// <param name="Kernels">The device's copy of the filters' weights.</param>
internal sealed record TensorFilters(FilterTable Table, Variable Words, Variable Data, Variable Kernels);

/// <summary>
/// Filters a run into another (<see cref="GradientFilter.Apply"/>); inputs both tables, the weights, the mask, the run, the result.
/// </summary>
internal sealed class GradientFilterOperator(FilterTable table) : Operator
{
    public override string Name => "GradientFilter";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(GradientFilter.Apply(
        lowering.Device,
        table,
        lowering.Input<int>(0),
        lowering.Input<int>(1),
        lowering.Input<float>(2),
        lowering.Input<float>(3),
        lowering.Input<float>(4),
        lowering.Input<float>(5)));
}

/// <summary>
/// The clipping factor of each segment by the median of their norms (<see cref="MedianClip.Factors"/>); inputs squared norms and mask
/// [segments], step scalars; outputs factors [segments], the noise's deviation [1].
/// </summary>
internal sealed class MedianClipOperator(float largest, float noise) : Operator
{
    public override string Name => "MedianClip";

    public override void Lower(Lowering lowering) => lowering.Emit(MedianClip.Factors(
        lowering.Device,
        (int)lowering.Node.Inputs[0].Shape.Count,
        largest,
        noise,
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Input<float>(2),
        lowering.Output<float>(0),
        lowering.Output<float>(1)));
}

/// <summary>run += deviation * seeded standard normals; inputs the run, the deviation [1], the random state.</summary>
internal sealed class AddNoiseOperator(uint stream) : Operator
{
    public override string Name => "AddNoise";

    public override bool HasEffects => true;

    public override void Lower(Lowering lowering) => lowering.Emit(Noise.Perturb(
        lowering.Device,
        1,
        checked((int)lowering.Node.Inputs[0].Shape.Count),
        stream,
        lowering.Input<float>(0),
        lowering.Input<float>(1),
        lowering.Input<uint>(2),
        lowering.Input<float>(0)));
}

/// <summary>What makes gradients private and smooth.</summary>
internal static class FilterExtensions
{
    /// <summary>result = the filtered run, 0 in segments outside the mask.</summary>
    /// <param name="mask">[segments] 0 or 1.</param>
    public static void Filter(this GraphBuilder graph, TensorFilters filters, Tensor mask, Variable run, Variable result) => graph.Add(
        new GradientFilterOperator(filters.Table),
        [graph.Read(filters.Words), graph.Read(filters.Data), graph.Read(filters.Kernels), mask, graph.Read(run), graph.Read(result)]);

    /// <summary>The factor that clips each segment to the median of their norms, at most to <paramref name="largest"/>.</summary>
    /// <param name="noise">The deviation of noise over the norm that is clipped to and the number of samples.</param>
    /// <returns>Factors [segments], 0 outside the mask, and the deviation [1].</returns>
    public static (Tensor Factors, Tensor Deviation) MedianClip(
        this GraphBuilder graph, Tensor squares, Tensor mask, Tensor scalars, float largest, float noise)
    {
        IReadOnlyList<Tensor> outputs = graph.Add(
            new MedianClipOperator(largest, noise), [squares, mask, scalars], squares.Shape, new Shape(1));
        return (outputs[0], outputs[1]);
    }

    /// <summary>run += deviation [1] * the standard normals of a stream: element i of the run gets normal i.</summary>
    public static void AddNoise(this GraphBuilder graph, Variable run, Tensor deviation, Tensor random, uint stream) =>
        graph.Add(new AddNoiseOperator(stream), [graph.Read(run), deviation, random]);
}
