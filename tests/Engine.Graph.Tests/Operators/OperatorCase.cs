using Engine.Devices;
using Engine.Kernels.Tests;

namespace Engine.Graph.Tests.Operators;

/// <summary>How a case's input enters the graph.</summary>
internal enum InputRole
{
    /// <summary>A variable without a gradient; effects may write it.</summary>
    Constant,

    /// <summary>A trainable variable.</summary>
    Parameter,

    /// <summary>A computed tensor on the way from a trainable variable.</summary>
    Activation,
}

/// <summary>One input of an operator case: float32, int32, uint32 or uint64 data.</summary>
internal sealed record CaseInput(Shape Shape, Array Data, InputRole Role)
{
    /// <summary>The element type; compared exactly, because a pattern takes an int[] for a uint[].</summary>
    public ElementType Type => Data.GetType() == typeof(int[]) ? ElementType.Int32
        : Data.GetType() == typeof(uint[]) ? ElementType.UInt32
        : Data.GetType() == typeof(ulong[]) ? ElementType.UInt64
        : ElementType.Float32;

    public double[] Doubles => Type switch
    {
        ElementType.Int32 => [.. ((int[])Data).Select(value => (double)value)],
        ElementType.UInt32 => [.. ((uint[])Data).Select(value => (double)value)],
        ElementType.UInt64 => [.. ((ulong[])Data).Select(value => (double)value)],
        _ => ((float[])Data).Double(),
    };

    /// <summary>Copies the data to a variable of the type.</summary>
    public void Upload(Variable variable)
    {
        switch (Type)
        {
            case ElementType.Int32:
                variable.View<int>().Write((int[])Data);
                break;
            case ElementType.UInt32:
                variable.View<uint>().Write((uint[])Data);
                break;
            case ElementType.UInt64:
                variable.View<ulong>().Write((ulong[])Data);
                break;
            default:
                variable.View<float>().Write((float[])Data);
                break;
        }
    }
}

/// <summary>
/// One entry of the operator table: a small graph and what it computes in double precision. The gradients are held against central
/// differences of
/// <paramref name="Reference"/>, so an entry states no derivative.
/// </summary>
/// <param name="Name">Unique in the table.</param>
/// <param name="Inputs">Inputs in the order in which both functions receive them.</param>
/// <param name="Build">Adds the operators; returns the tensors to look at, the differentiated one first.</param>
/// <param name="Reference">The same tensors in double precision.</param>
internal sealed record OperatorCase(
    string Name, CaseInput[] Inputs, Func<GraphBuilder, Tensor[], Tensor[]> Build, Func<double[][], double[][]> Reference)
{
    private double[][]? expected;
    private double[]?[]? gradients;

    /// <summary>
    /// Largest error over the largest element. Float32 keeps 6e-8 of each term; sums here have up to 60 terms, whose errors grow with the
    /// square root of their number, and there are some hundred elements to draw the worst from.
    /// </summary>
    public double ForwardTolerance { get; init; } = 2e-6;

    /// <summary>
    /// As <see cref="ForwardTolerance"/>, through the forward and the backward pass; central differences err by 1e-9 beside it.
    /// </summary>
    public double GradientTolerance { get; init; } = 8e-6;

    /// <summary>
    /// The first output is itself a loss, whose gradient carries this factor; null: the output is probed with random weights.
    /// </summary>
    public double? LossScale { get; init; }

    /// <summary>Elements (input, element) whose gradient is zero by definition, as a padding row's is.</summary>
    public Func<int, int, bool>? WithoutGradient { get; init; }

    /// <summary>Whether the fusion pass makes fewer launches of the graph.</summary>
    public bool Fuses { get; init; }

    /// <summary>The outputs in double precision.</summary>
    public double[][] Expected => expected ??= Reference(Values());

    /// <summary>The gradient by each input in double precision, null for a constant; computed once for all devices.</summary>
    public double[]?[] ExpectedGradients =>
        gradients ??= [.. Inputs.Select((input, i) => input.Role == InputRole.Constant ? null : GradientBy(i))];

    /// <summary>The weights of the first output's elements in the scalar whose gradient is taken.</summary>
    public float[] ProbeWeights => Numbers.Values(99, Expected[0].Length);

    public bool Differentiable => Inputs.Any(input => input.Role != InputRole.Constant);

    public override string ToString() => Name;

    private double[][] Values() => [.. Inputs.Select(input => input.Doubles)];

    private double[] GradientBy(int input)
    {
        double[][] values = Values();
        double[] probe = ProbeWeights.Double();
        double[] gradient = Numbers.Gradient(Scalar, values[input]);
        return [.. gradient.Select((value, element) => WithoutGradient?.Invoke(input, element) == true ? 0 : value)];

        // The gradient function changes values[input] in place.
        double Scalar(double[] changed)
        {
            double[] output = Reference(values)[0];
            return LossScale is { } scale ? scale * output[0] : output.Zip(probe, (value, weight) => value * weight).Sum();
        }
    }
}
