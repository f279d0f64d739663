namespace Engine.Kernels;

/// <summary>A step's few numbers, one group for all tensors.</summary>
internal static partial class StepFactorsKernels
{
    /// <summary>One group: SAM's factor of every tensor that takes part.</summary>
    [Kernel]
    public static void Sam(
        ArrayView<float> squares, ArrayView<float> mask, ArrayView<float> radius, ArrayView<float> factors, int segments, float numerator,
        [Specialize] bool masked, [Specialize] bool scaled, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        float terms = 0f;
        for (int s = Group.IdxX; s < segments; s += groupSize)
        {
            float term = squares[s];
            if (masked)
            {
                // Not a product: what a tensor outside the mask holds may be anything.
                term = mask[s] == 0f ? 0f : term;
            }

            terms += term;
        }

        float length = numerator;
        if (scaled)
        {
            length *= radius[0];
        }

        float factor = length / (MathF.Sqrt(GroupReductions.Sum(tile, terms, groupSize)) + StepFactors.SamEpsilon);
        for (int s = Group.IdxX; s < segments; s += groupSize)
        {
            float own = factor;
            if (masked)
            {
                own = mask[s] == 0f ? 0f : factor;
            }

            factors[s] = own;
        }
    }

    /// <summary>One group: the radius that raises the loss by the step's target.</summary>
    [Kernel]
    public static void Radius(
        ArrayView<float> sums, ArrayView<float> mask, ArrayView<float> scalars, ArrayView<float> loss, ArrayView<float> radius,
        int slot, int segments, float c, float largest,
        [Specialize] bool masked, [Specialize] bool isShare, [Specialize] bool ofSquares, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        float terms = 0f;
        for (int s = Group.IdxX; s < segments; s += groupSize)
        {
            float term = sums[s];
            if (masked)
            {
                term = mask[s] == 0f ? 0f : term;
            }

            terms += term;
        }

        float slope = GroupReductions.Sum(tile, terms, groupSize);
        if (Group.IdxX == 0)
        {
            float target = scalars[slot];
            if (isShare)
            {
                target *= loss[0];
            }

            if (ofSquares)
            {
                slope = MathF.Sqrt(slope);
            }

            slope += c;
            radius[0] = slope > 0f ? MathF.Min(target / slope, largest) : 0f;
        }
    }

    /// <summary>One group: minus the quotient of two sums.</summary>
    [Kernel]
    public static void Projection(
        ArrayView<float> dots, ArrayView<float> squares, ArrayView<float> factors, int segments, [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        float dotTerms = 0f;
        float squareTerms = 0f;
        for (int s = Group.IdxX; s < segments; s += groupSize)
        {
            dotTerms += dots[s];
            squareTerms += squares[s];
        }

        float dot = GroupReductions.Sum(tile, dotTerms, groupSize);
        float square = GroupReductions.Sum(tile, squareTerms, groupSize);
        for (int s = Group.IdxX; s < segments; s += groupSize)
        {
            factors[s] = square == 0f ? 0f : -dot / square;
        }
    }

    /// <summary>One group: a times the quotient of two norms.</summary>
    [Kernel]
    public static void NormRatio(
        ArrayView<float> squares, ArrayView<float> otherSquares, ArrayView<float> factors, int segments, float a,
        [Specialize] int groupSize)
    {
        ArrayView<float> tile = SharedMemory.Allocate<float>(groupSize);
        float terms = 0f;
        float otherTerms = 0f;
        for (int s = Group.IdxX; s < segments; s += groupSize)
        {
            terms += squares[s];
            otherTerms += otherSquares[s];
        }

        float norm = MathF.Sqrt(GroupReductions.Sum(tile, terms, groupSize));
        float other = MathF.Sqrt(GroupReductions.Sum(tile, otherTerms, groupSize));
        for (int s = Group.IdxX; s < segments; s += groupSize)
        {
            factors[s] = a * norm / (other + StepFactors.LookEpsilon);
        }
    }

    /// <summary>One item a pair: the factors of A and B.</summary>
    [Kernel]
    public static void Balance(
        ArrayView<float> squares, ArrayView<float> scalars, ArrayView<float> finite, ArrayView<float> factors, int slot, int pairs,
        [Specialize] bool growsLarger)
    {
        int pair = (Grid.IdxX * Group.DimX) + Group.IdxX;
        if (pair < pairs)
        {
            float s = float.IsNaN(finite[0]) ? 0f : scalars[slot] * scalars[StepScalars.LearningRate];
            float change = squares[(2 * pair) + 1] >= squares[2 * pair] ? -s : s;
            if (growsLarger)
            {
                change = -change;
            }

            factors[2 * pair] = 1f - change;
            factors[(2 * pair) + 1] = 1f + change;
        }
    }
}
