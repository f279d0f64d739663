namespace Engine.Kernels;

/// <summary>Activations and their derivatives of one element, for kernels.</summary>
internal static class ActivationFunctions
{
    public static float Apply(float x, [Specialize] ActivationKind kind)
    {
        if (kind == ActivationKind.GeluErf)
        {
            return KernelMath.Gelu(x);
        }

        if (kind == ActivationKind.GeluTanh)
        {
            return KernelMath.GeluTanh(x);
        }

        if (kind == ActivationKind.Relu)
        {
            return x < 0f ? 0f : x;
        }

        return kind == ActivationKind.Tanh ? KernelMath.Tanh(x) : x;
    }

    public static float Derivative(float x, [Specialize] ActivationKind kind)
    {
        if (kind == ActivationKind.GeluErf)
        {
            return KernelMath.GeluDerivative(x);
        }

        if (kind == ActivationKind.GeluTanh)
        {
            return KernelMath.GeluTanhDerivative(x);
        }

        if (kind == ActivationKind.Relu)
        {
            return x > 0f ? 1f : 0f;
        }

        return kind == ActivationKind.Tanh ? KernelMath.TanhDerivative(x) : 1f;
    }
}
