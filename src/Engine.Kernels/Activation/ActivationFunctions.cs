namespace Engine.Kernels;

/// <summary>Activations and their derivatives of one element, for kernels.</summary>
internal static class ActivationFunctions
{
    public static float Apply(float x, [Specialize] ActivationKind kind)
    {
        if (kind == ActivationKind.GeluErf)
        {
            float product = x * NormalTail(x);
            return x < 0f ? product : x - product;
        }

        if (kind == ActivationKind.GeluTanh)
        {
            return x * Logistic(1.5957691f * (x + (0.044715f * x * x * x)));
        }

        return kind == ActivationKind.Tanh ? MathF.Tanh(x) : x;
    }

    public static float Derivative(float x, [Specialize] ActivationKind kind)
    {
        if (kind == ActivationKind.GeluErf)
        {
            // Beyond 15 the density is 0; an infinite x must not meet it.
            float magnitude = MathF.Min(MathF.Abs(x), 15f);
            float d = (magnitude * 0.39894228f * MathF.Exp(-0.5f * magnitude * magnitude)) - NormalTail(x);
            return x < 0f ? -d : 1f + d;
        }

        if (kind == ActivationKind.GeluTanh)
        {
            // y = x s(u), s the logistic function and u twice the hyperbolic tangent's argument: y' = s + x s (1 - s) u'.
            // Beyond 15 s is 0 or 1 and its derivative 0.
            float near = MathF.Max(-15f, MathF.Min(15f, x));
            float square = near * near;
            float u = 1.5957691f * (near + (0.044715f * near * square));
            float e = MathF.Exp(-MathF.Abs(u));
            return Logistic(u) + (near * (e / ((1f + e) * (1f + e))) * (1.5957691f + (0.21406445f * square)));
        }

        if (kind == ActivationKind.Tanh)
        {
            float t = MathF.Tanh(x);
            return (1f - t) * (1f + t);
        }

        return 1f;
    }

    /// <summary>1 / (1 + e^-u), without the cancellation of 1 + tanh(u / 2): that of a driver may stop short of 0.</summary>
    public static float Logistic(float u)
    {
        float e = MathF.Exp(-MathF.Abs(u));
        return (u < 0f ? e : 1f) / (1f + e);
    }

    /// <summary>
    /// The normal distribution beyond |x|, to 1e-7: e^(-x^2 / 2) times half the scaled complementary error function, a polynomial
    /// in |x| / sqrt 2 fitted in float64 for this project.
    /// </summary>
    private static float NormalTail(float x)
    {
        float magnitude = MathF.Min(MathF.Abs(x), 15f);
        float t = MathF.Min(magnitude * 0.70710678f, 4.25f);
        float r = -5.58443389e-06f;
        r = MathF.FusedMultiplyAdd(r, t, 0.000119941658f);
        r = MathF.FusedMultiplyAdd(r, t, -0.00113780331f);
        r = MathF.FusedMultiplyAdd(r, t, 0.00636527315f);
        r = MathF.FusedMultiplyAdd(r, t, -0.0238344092f);
        r = MathF.FusedMultiplyAdd(r, t, 0.0649632588f);
        r = MathF.FusedMultiplyAdd(r, t, -0.138367712f);
        r = MathF.FusedMultiplyAdd(r, t, 0.244876966f);
        r = MathF.FusedMultiplyAdd(r, t, -0.374840677f);
        r = MathF.FusedMultiplyAdd(r, t, 0.499833912f);
        r = MathF.FusedMultiplyAdd(r, t, -0.564181209f);
        r = MathF.FusedMultiplyAdd(r, t, 0.49999994f);
        return r * MathF.Exp(-0.5f * magnitude * magnitude);
    }
}
