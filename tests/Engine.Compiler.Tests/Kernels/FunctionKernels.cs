namespace Engine.Compiler.Tests.Kernels;

/// <summary>Every elementary function of <see cref="KernelMath"/>.</summary>
internal static partial class FunctionKernels
{
    public static readonly string[] Names =
    [
        "Exp", "Log", "Tanh", "Erf", "Sin", "Cos", "Logistic", "Gelu", "GeluDerivative", "GeluTanh", "GeluTanhDerivative", "TanhDerivative",
        "LogUniform", "SinTurns", "CosTurns",
    ];

    /// <summary>y [functions, count]; functions of words take x's bits.</summary>
    [Kernel]
    public static void Evaluate(ArrayView<float> x, ArrayView<float> y, int count)
    {
        int i = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            float value = x[i];
            uint word = (uint)BitConverter.SingleToInt32Bits(value);
            y[i] = KernelMath.Exp(value);
            y[i + count] = KernelMath.Log(value);
            y[i + (2 * count)] = KernelMath.Tanh(value);
            y[i + (3 * count)] = KernelMath.Erf(value);
            y[i + (4 * count)] = KernelMath.Sin(value);
            y[i + (5 * count)] = KernelMath.Cos(value);
            y[i + (6 * count)] = KernelMath.Logistic(value);
            y[i + (7 * count)] = KernelMath.Gelu(value);
            y[i + (8 * count)] = KernelMath.GeluDerivative(value);
            y[i + (9 * count)] = KernelMath.GeluTanh(value);
            y[i + (10 * count)] = KernelMath.GeluTanhDerivative(value);
            y[i + (11 * count)] = KernelMath.TanhDerivative(value);
            y[i + (12 * count)] = KernelMath.LogUniform(word);
            y[i + (13 * count)] = KernelMath.SinTurns(word, 0.5f);
            y[i + (14 * count)] = KernelMath.CosTurns(word, 0.5f);
        }
    }

    /// <summary>The same in plain C#.</summary>
    public static float[] Of(float x)
    {
        uint word = BitConverter.SingleToUInt32Bits(x);
        return
        [
            KernelMath.Exp(x), KernelMath.Log(x), KernelMath.Tanh(x), KernelMath.Erf(x), KernelMath.Sin(x), KernelMath.Cos(x),
            KernelMath.Logistic(x), KernelMath.Gelu(x),
            KernelMath.GeluDerivative(x), KernelMath.GeluTanh(x), KernelMath.GeluTanhDerivative(x), KernelMath.TanhDerivative(x),
            KernelMath.LogUniform(word),
            KernelMath.SinTurns(word, 0.5f), KernelMath.CosTurns(word, 0.5f),
        ];
    }
}
