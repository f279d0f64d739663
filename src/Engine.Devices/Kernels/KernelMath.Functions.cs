namespace Engine.Devices.Kernels;

/// <summary>
/// Elementary functions of kernels: polynomials with fused multiply-adds, the same bits on every device and in the host forms. Results that
/// are subnormal may be 0.
/// </summary>
public static partial class KernelMath
{
    /// <summary>e^x within 1.1 units in the last place; 0 below -87.33654, infinity above 88.72284.</summary>
    public static float Exp(float x) => LaneMath.Exp(new FloatLane(x)).Value;

    /// <summary>The natural logarithm within 1 unit in the last place; minus infinity for 0 and subnormal numbers, NaN below 0.</summary>
    public static float Log(float x) => LaneMath.Log(new FloatLane(x)).Value;

    /// <summary>The hyperbolic tangent within 1.4 units in the last place.</summary>
    public static float Tanh(float x) => LaneMath.Tanh(new FloatLane(x)).Value;

    /// <summary>The error function within 1.1 units in the last place.</summary>
    public static float Erf(float x) => LaneMath.Erf(new FloatLane(x)).Value;

    /// <summary>The sine of x radians within 1 unit in the last place; NaN where |x| is above 2^20.</summary>
    public static float Sin(float x) => LaneMath.Sin(new FloatLane(x)).Value;

    /// <summary>The cosine of x radians within 1 unit in the last place; NaN where |x| is above 2^20.</summary>
    public static float Cos(float x) => LaneMath.Cos(new FloatLane(x)).Value;

    /// <summary>1 / (1 + e^-x).</summary>
    public static float Logistic(float x) => LaneMath.Logistic(new FloatLane(x)).Value;

    /// <summary>GELU: x times the normal distribution up to x.</summary>
    public static float Gelu(float x) => LaneMath.Gelu(new FloatLane(x)).Value;

    /// <summary>The derivative of <see cref="Gelu"/>.</summary>
    public static float GeluDerivative(float x) => LaneMath.GeluDerivative(new FloatLane(x)).Value;

    /// <summary>GELU's approximation x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).</summary>
    public static float GeluTanh(float x) => LaneMath.GeluTanh(new FloatLane(x)).Value;

    /// <summary>The derivative of <see cref="GeluTanh"/>.</summary>
    public static float GeluTanhDerivative(float x) => LaneMath.GeluTanhDerivative(new FloatLane(x)).Value;

    /// <summary>The derivative of <see cref="Tanh"/>.</summary>
    public static float TanhDerivative(float x) => LaneMath.TanhDerivative(new FloatLane(x)).Value;

    /// <summary>The logarithm of the uniform number (word + 0.5) 2^-32, as exact next to 1 as next to 0.</summary>
    public static float LogUniform(uint word) => LaneMath.LogUniform(FloatLane.OfBits((int)word)).Value;

    /// <summary>The cosine of (word + offset) 2^-32 turns, |offset| below 1: absolute error below 1e-7.</summary>
    public static float CosTurns(uint word, float offset) => LaneMath.CosTurns(FloatLane.OfBits((int)word), offset, out _).Value;

    /// <summary>The sine of (word + offset) 2^-32 turns, |offset| below 1: absolute error below 1e-7.</summary>
    public static float SinTurns(uint word, float offset)
    {
        LaneMath.CosTurns(FloatLane.OfBits((int)word), offset, out FloatLane sine);
        return sine.Value;
    }
}
