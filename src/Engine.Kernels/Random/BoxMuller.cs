using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Engine.Kernels;

/// <summary>
/// Pairs of standard normals from pairs of random words, u = (word + 0.5) 2^-32: sqrt(-2 ln u0) (cos, sin)(2 pi u1).
/// Both functions start from the word's integer, so that no bit is lost near u = 1 and at whole turns; the polynomials are
/// interpolants at Chebyshev nodes, fitted in double precision for this file.
/// </summary>
internal static class BoxMuller
{
    private const float TwoToMinus32 = 1f / 4294967296f;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> Cosine, Vector512<float> Sine) Normals(Vector512<uint> radiusWord, Vector512<uint> angleWord)
    {
        Vector512<float> radius = Vector512.Sqrt(Vector512.Create(-2f) * LogUniform(radiusWord));
        (Vector512<float> cosine, Vector512<float> sine) = CosineSine(angleWord);
        return (radius * cosine, radius * sine);
    }

    /// <summary>ln((word + 0.5) 2^-32), relative error below 2e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> LogUniform(Vector512<uint> word)
    {
        // The upper half by its distance from 1: u = 1 - w, w = (~word + 0.5) 2^-32, below half a turn of the integers and
        // therefore exact as a signed number. The lower half is below 2^31 already.
        Vector512<int> signed = word.AsInt32();
        Vector512<int> upper = signed >> 31;
        Vector512<float> scaled = (Vector512.ConvertToSingle(signed ^ upper) + Vector512.Create(0.5f)) * Vector512.Create(TwoToMinus32);

        // u = 2^e (1 + f) with 1 + f between sqrt(1/2) and sqrt(2).
        Vector512<float> u = Vector512.ConditionalSelect(upper.AsSingle(), Vector512<float>.One - scaled, scaled);
        Vector512<int> bits = u.AsInt32() - Vector512.Create(0x3F3504F3);
        Vector512<float> exponent = Vector512.ConvertToSingle(bits >> 23);
        Vector512<float> f = ((bits & Vector512.Create(0x007FFFFF)) + Vector512.Create(0x3F3504F3)).AsSingle() - Vector512<float>.One;

        // Near 1 the subtraction 1 - w has rounded: there f = -w itself.
        Vector512<float> near = Vector512.LessThan(scaled, Vector512.Create(0.25f)) & upper.AsSingle();
        f = Vector512.ConditionalSelect(near, -scaled, f);

        // ln(1 + f) = f - f^2 / 2 + f^3 p(f).
        Vector512<float> p = Vector512.Create(-0.0790274366736412f);
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(0.12622319161891937f));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(-0.12998183071613312f));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(0.14214496314525604f));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(-0.166412815451622f));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(0.20001044869422913f));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(-0.25000306963920593f));
        p = Vector512.FusedMultiplyAdd(p, f, Vector512.Create(0.3333333134651184f));
        Vector512<float> square = f * f;
        Vector512<float> tail = Vector512.FusedMultiplyAdd(p, f * square, square * Vector512.Create(-0.5f));
        return Vector512.FusedMultiplyAdd(exponent, Vector512.Create(0.6931471805599453f), f + tail);
    }

    /// <summary>Cosine and sine of (word + 0.5) 2^-32 turns, absolute error below 1e-7.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> Cosine, Vector512<float> Sine) CosineSine(Vector512<uint> word)
    {
        // The nearest quarter turn, and the way from it: an eighth of a turn at most, exact as an integer.
        Vector512<uint> shifted = word + Vector512.Create(0x20000000u);
        Vector512<uint> quarter = shifted >>> 30;
        Vector512<int> way = (word - (quarter << 30)).AsInt32();
        Vector512<float> t = (Vector512.ConvertToSingle(way) + Vector512.Create(0.5f)) * Vector512.Create(TwoToMinus32);
        Vector512<float> s = t * t;

        // sin(2 pi t) = t p(t^2), cos(2 pi t) = 1 + t^2 q(t^2).
        Vector512<float> p = Vector512.Create(-75.401611328125f);
        p = Vector512.FusedMultiplyAdd(p, s, Vector512.Create(81.59254455566406f));
        p = Vector512.FusedMultiplyAdd(p, s, Vector512.Create(-41.3416633605957f));
        p = Vector512.FusedMultiplyAdd(p, s, Vector512.Create(6.2831854820251465f));
        Vector512<float> sine = p * t;
        Vector512<float> q = Vector512.Create(59.42410659790039f);
        q = Vector512.FusedMultiplyAdd(q, s, Vector512.Create(-85.44882202148438f));
        q = Vector512.FusedMultiplyAdd(q, s, Vector512.Create(64.93936920166016f));
        q = Vector512.FusedMultiplyAdd(q, s, Vector512.Create(-19.739208221435547f));
        Vector512<float> cosine = Vector512.FusedMultiplyAdd(q, s, Vector512<float>.One);

        // Quarter 1: (-sin, cos), 2: (-cos, -sin), 3: (sin, -cos).
        Vector512<float> odd = (Vector512<uint>.Zero - (quarter & Vector512<uint>.One)).AsSingle();
        Vector512<uint> cosineSign = ((quarter + Vector512<uint>.One) & Vector512.Create(2u)) << 30;
        Vector512<uint> sineSign = (quarter & Vector512.Create(2u)) << 30;
        return (
            (Vector512.ConditionalSelect(odd, sine, cosine).AsUInt32() ^ cosineSign).AsSingle(),
            (Vector512.ConditionalSelect(odd, cosine, sine).AsUInt32() ^ sineSign).AsSingle());
    }
}
