using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// Pairs of standard normals from pairs of random words, u = (word + 0.5) 2^-32: sqrt(-2 ln u0) (cos, sin)(2 pi u1). Both functions start
/// from the word's integer, so that no bit is lost near u = 1 and at whole turns.
/// </summary>
internal static unsafe class BoxMuller
{
    /// <summary>
    /// Puts the cosines in place of the words of radii and the sines in place of those of angles. By pointers: registers do not outlive the
    /// call.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Normals(Vector512<uint>* radii, Vector512<uint>* angles)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            Normals<Simd512>((float*)radii, (float*)angles);
        }
        else if (Vector256.IsHardwareAccelerated)
        {
            Normals<Simd256>((float*)radii, (float*)angles);
        }
        else
        {
            Normals<Simd128>((float*)radii, (float*)angles);
        }
    }

    /// <summary>The pair of one work-item.</summary>
    public static NormalPair Normals(uint radiusWord, uint angleWord)
    {
        float radius = MathF.Sqrt(-2f * KernelMath.LogUniform(radiusWord));
        NormalPair pair = default;
        pair.Cosine = radius * KernelMath.CosTurns(angleWord, 0.5f);
        pair.Sine = radius * KernelMath.SinTurns(angleWord, 0.5f);
        return pair;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Normals<T>(float* radii, float* angles)
        where T : struct, ISimd<T>
    {
        for (int i = 0; i < Lanes.Count; i += T.Count)
        {
            T radius = T.Sqrt(T.Broadcast(-2f) * LaneMath.LogUniform(T.Load(radii + i)));
            T cosine = LaneMath.CosTurns(T.Load(angles + i), 0.5f, out T sine);
            (radius * cosine).Store(radii + i);
            (radius * sine).Store(angles + i);
        }
    }
}
