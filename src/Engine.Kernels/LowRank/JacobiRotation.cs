namespace Engine.Kernels;

/// <summary>Rotations of Jacobi's eigenvalue method on a symmetric [rank, rank] matrix of pairs in memory.</summary>
internal static class JacobiRotation
{
    /// <summary>An off-diagonal element below this part of its diagonal elements is left as it is.</summary>
    private const float Negligible = 1e-20f;

    /// <summary>
    /// 2^-44: what the rounding of pairs leaves of an element that was rotated away, some units of 2^-48. Above the cut-off, 1e-5 of the
    /// largest singular value, it moves what is solved for by 6e-9 of its size.
    /// </summary>
    private const float Settling = 5.7e-14f;

    /// <summary>Cotangents above this are angles whose square vanishes beside 1.</summary>
    private const float Flat = 1e9f;

    /// <summary>
    /// The first index of a match in a round of a tournament among an even number of players: the last player stays, the others turn.
    /// </summary>
    public static int First(int round, int match, int players) => match == 0 ? players - 1 : (round + match) % (players - 1);

    public static int Second(int round, int match, int players) => match == 0 ? round : (round - match + players - 1) % (players - 1);

    /// <summary>
    /// Whether every off-diagonal element vanishes beside its diagonal elements. Looks at all of them: PoCL cannot compile loops that end
    /// early in the condition of a loop with barriers.
    /// </summary>
    public static bool Settled(ArrayView<float> workspace, long matrix, int rank)
    {
        bool settled = true;
        for (int row = 0; row < rank; row++)
        {
            for (int column = row + 1; column < rank; column++)
            {
                float diagonal = MathF.Abs(workspace[2 * (matrix + ((long)row * rank) + row)])
                    + MathF.Abs(workspace[2 * (matrix + ((long)column * rank) + column)]);
                settled = settled && MathF.Abs(workspace[2 * (matrix + ((long)row * rank) + column)]) <= Settling * diagonal;
            }
        }

        return settled;
    }

    /// <summary>
    /// Cosine and sine of the rotation that makes element (first, second) zero, to rotations[match]; the unit rotation for a player that is
    /// not there.
    /// </summary>
    public static void Choose(
        ArrayView<float> workspace, long matrix, int rank, int first, int second, ArrayView<float> rotations, int match)
    {
        Pair cosine = PairArithmetic.Of(1f);
        Pair sine = PairArithmetic.Of(0f);
        if (first < rank && second < rank)
        {
            Pair p = PairArithmetic.Load(workspace, matrix + ((long)first * rank) + first);
            Pair q = PairArithmetic.Load(workspace, matrix + ((long)second * rank) + second);
            Pair off = PairArithmetic.Load(workspace, matrix + ((long)first * rank) + second);
            if (MathF.Abs(off.High) > Negligible * (MathF.Abs(p.High) + MathF.Abs(q.High)))
            {
                Pair cotangent = PairArithmetic.Divide(PairArithmetic.Add(q, PairArithmetic.Negate(p)), PairArithmetic.Add(off, off));
                Pair tangent = Tangent(cotangent);
                cosine = PairArithmetic.Divide(
                    PairArithmetic.Of(1f),
                    PairArithmetic.SquareRoot(PairArithmetic.Add(PairArithmetic.Of(1f), PairArithmetic.Multiply(tangent, tangent))));
                sine = PairArithmetic.Multiply(tangent, cosine);
            }
        }

        PairArithmetic.Store(rotations, 2L * match, cosine);
        PairArithmetic.Store(rotations, (2L * match) + 1, sine);
    }

    /// <summary>(x, y) becomes (c x - s y, s x + c y), x and y the pairs at two places.</summary>
    public static void Apply(ArrayView<float> workspace, long first, long second, ArrayView<float> rotations, int match)
    {
        Pair cosine = PairArithmetic.Load(rotations, 2L * match);
        Pair sine = PairArithmetic.Load(rotations, (2L * match) + 1);
        Pair x = PairArithmetic.Load(workspace, first);
        Pair y = PairArithmetic.Load(workspace, second);
        PairArithmetic.Store(
            workspace, first,
            PairArithmetic.Add(PairArithmetic.Multiply(cosine, x), PairArithmetic.Negate(PairArithmetic.Multiply(sine, y))));
        PairArithmetic.Store(workspace, second, PairArithmetic.Add(PairArithmetic.Multiply(sine, x), PairArithmetic.Multiply(cosine, y)));
    }

    /// <summary>The smaller root t of t^2 + 2 cot t - 1 = 0.</summary>
    private static Pair Tangent(Pair cotangent)
    {
        Pair size = cotangent.High < 0f ? PairArithmetic.Negate(cotangent) : cotangent;
        Pair divisor = PairArithmetic.Add(size, size);
        if (size.High < Flat)
        {
            Pair root = PairArithmetic.SquareRoot(PairArithmetic.Add(PairArithmetic.Of(1f), PairArithmetic.Multiply(size, size)));
            divisor = PairArithmetic.Add(size, root);
        }

        Pair tangent = PairArithmetic.Divide(PairArithmetic.Of(1f), divisor);
        return cotangent.High < 0f ? PairArithmetic.Negate(tangent) : tangent;
    }
}
