using Engine.Kernels;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests.Operators;

/// <summary>The operator table. A new operator gets its entries in the file of its family.</summary>
internal static partial class OperatorTable
{
    /// <summary>A slot of the step's scalars as methods give them to operators.</summary>
    private const int Slot = StepScalars.OfMethods;

    private const ulong Seed = 0x0123_4567_89AB_CDEFUL;
    private const uint Step = 3;

    /// <summary>Made when first asked for, when the static fields of every part of this class are set.</summary>
    private static readonly Lazy<Dictionary<string, OperatorCase>> Table = new(() => new OperatorCase[][]
    {
        [.. MatMulCases()], [.. LinearLayerCases()], [.. ElementwiseCases()], [.. RowCases()], [.. RotaryCases()], [.. AttentionCases()],
        [.. LossCases()],
        [.. LinearCrossEntropyCases()], [.. SpanCrossEntropyCases()], [.. EmbeddingLossCases()], [.. SmoothedVocabularyCases()],
        [.. CappedVocabularyCases()], [.. TrainedRowsCases()],
        [.. UpdateCases()], [.. WeightCases()], [.. SegmentCases()], [.. LowRankCases()], [.. DoraCases()],
        [.. GatingCases()],
    }.SelectMany(family => family).ToDictionary(problem => problem.Name));

    public static IReadOnlyCollection<OperatorCase> All => Table.Value.Values;

    public static OperatorCase Find(string name) => Table.Value[name];

    private static CaseInput Activation(int seed, params int[] shape) => Input(seed, InputRole.Activation, shape);

    private static CaseInput Parameter(int seed, params int[] shape) => Input(seed, InputRole.Parameter, shape);

    private static CaseInput Constant(int seed, params int[] shape) => Input(seed, InputRole.Constant, shape);

    private static CaseInput Integers(params int[] values) => new(new Shape(values.Length), values, InputRole.Constant);

    private static CaseInput Floats(params float[] values) => new(new Shape(values.Length), values, InputRole.Constant);

    private static CaseInput Random() =>
        new(new Shape(RandomState.Count), new[] { (uint)(Seed & uint.MaxValue), (uint)(Seed >> 32), Step, 0u }, InputRole.Constant);

    private static CaseInput Scalars(params (int Slot, float Value)[] values)
    {
        var scalars = new float[StepScalars.Count];
        foreach ((int slot, float value) in values)
        {
            scalars[slot] = value;
        }

        return Floats(scalars);
    }

    private static CaseInput Input(int seed, InputRole role, int[] dimensions)
    {
        var shape = new Shape(dimensions);
        return new CaseInput(shape, Numbers.Values(seed, shape.Count), role);
    }
}
