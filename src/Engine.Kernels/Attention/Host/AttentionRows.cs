using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>
/// The row-wise arithmetic between attention's block products. Rows lie in scratch and may be read and written up to a whole register.
/// </summary>
internal static unsafe class AttentionRows<T>
    where T : struct, ISimd<T>
{
    /// <summary>
    /// One step of online softmax: scores of the keys from <paramref name="from"/> to <paramref name="seen"/> - 1 become
    /// exp(score - maximum), those of the other keys of the block 0; maximum and sum take them in.
    /// </summary>
    /// <returns>What earlier results of the row must be multiplied by.</returns>
    public static float Softmax(float* scores, int from, int seen, int keys, ref float maximum, ref float sum)
    {
        if (from == seen)
        {
            Zero(scores, 0, keys);
            return 1f;
        }

        int end = Mask(scores, from, seen);
        T largest = T.Broadcast(maximum);
        for (int j = 0; j < end; j += T.Count)
        {
            largest = T.Max(largest, T.Load(scores + j));
        }

        float newMaximum = T.MaxElement(largest);
        float shrink = newMaximum == maximum ? 1f : KernelMath.Exp(maximum - newMaximum);
        T shift = T.Broadcast(newMaximum);
        T total = T.Zero;
        for (int j = 0; j < end; j += T.Count)
        {
            T weight = LaneMath.Exp(T.Load(scores + j) - shift);
            weight.Store(scores + j);
            total += weight;
        }

        Zero(scores, end, keys);
        maximum = newMaximum;
        sum = (sum * shrink) + T.Sum(total);
        return shrink;
    }

    /// <summary>
    /// The backward step of a row: scores become the weights exp(score - logSumExp) (times the dropout factors), and
    /// gradients with respect to weights become gradients with respect to unscaled scores, scale * weight * (gradient - dot).
    /// </summary>
    /// <param name="from">The first key that is seen.</param>
    /// <param name="seen">The end of the keys that are seen.</param>
    /// <param name="dot">The row's output times the output's gradient, summed: what softmax's gradient subtracts.</param>
    public static void Gradient(
        float* scores, float* gradients, float* factors, int from, int seen, int keys, float logSumExp, float dot, float scale)
    {
        int end = Mask(scores, from, seen);
        T shift = T.Broadcast(logSumExp), subtract = T.Broadcast(dot), scales = T.Broadcast(scale);
        for (int j = 0; j < end; j += T.Count)
        {
            T weight = LaneMath.Exp(T.Load(scores + j) - shift);
            T gradient = T.Load(gradients + j);
            T kept = weight;
            if (factors != null)
            {
                T factor = T.Load(factors + j);
                gradient *= factor;
                kept *= factor;
            }

            kept.Store(scores + j);
            (weight * scales * (gradient - subtract)).Store(gradients + j);
        }

        Zero(scores, end, keys);
        Zero(gradients, end, keys);
    }

    /// <summary>Caps scores: s becomes cap tanh(s / cap).</summary>
    public static void Cap(float* scores, int count, float cap)
    {
        T limit = T.Broadcast(cap);
        for (int j = 0; j < count; j += T.Count)
        {
            (limit * LaneMath.Tanh(T.Load(scores + j) / limit)).Store(scores + j);
        }
    }

    /// <summary>The same, with the derivatives 1 - tanh^2 of the capped scores by the scores.</summary>
    public static void Cap(float* scores, int count, float cap, float* slopes)
    {
        T limit = T.Broadcast(cap), one = T.Broadcast(1f);
        for (int j = 0; j < count; j += T.Count)
        {
            T tanh = LaneMath.Tanh(T.Load(scores + j) / limit);
            (limit * tanh).Store(scores + j);
            (one - (tanh * tanh)).Store(slopes + j);
        }
    }

    /// <summary>x += y, y outside of scratch.</summary>
    public static void Add(float* x, float* y, int count)
    {
        for (int j = 0; j < count; j += T.Count)
        {
            (T.Load(x + j) + T.LoadPart(y + j, Math.Min(T.Count, count - j))).Store(x + j);
        }
    }

    /// <summary>x *= factor.</summary>
    public static void Scale(float* x, int count, float factor)
    {
        T factors = T.Broadcast(factor);
        for (int j = 0; j < count; j += T.Count)
        {
            (T.Load(x + j) * factors).Store(x + j);
        }
    }

    /// <summary>x *= factors.</summary>
    public static void Multiply(float* x, float* factors, int count)
    {
        for (int j = 0; j < count; j += T.Count)
        {
            (T.Load(x + j) * T.Load(factors + j)).Store(x + j);
        }
    }

    /// <summary>target = factor * x, target outside of scratch.</summary>
    public static void Store(float* x, int count, float factor, float* target)
    {
        T factors = T.Broadcast(factor);
        for (int j = 0; j < count; j += T.Count)
        {
            (T.Load(x + j) * factors).StorePart(target + j, Math.Min(T.Count, count - j));
        }
    }

    /// <summary>The dot product of two rows outside of scratch.</summary>
    public static float Dot(float* x, float* y, int count)
    {
        T sum = T.Zero;
        for (int j = 0; j < count; j += T.Count)
        {
            int part = Math.Min(T.Count, count - j);
            sum = T.MultiplyAdd(T.LoadPart(x + j, part), T.LoadPart(y + j, part), sum);
        }

        return T.Sum(sum);
    }

    /// <summary>
    /// Fills what lies before the seen scores, and the rest of their last register, with minus infinity, whose exponential is 0.
    /// </summary>
    /// <returns>The end of the seen scores, padded to whole registers.</returns>
    private static int Mask(float* scores, int from, int seen)
    {
        new Span<float>(scores, from).Fill(float.NegativeInfinity);
        int end = (seen + T.Count - 1) / T.Count * T.Count;
        for (int j = seen; j < end; j++)
        {
            scores[j] = float.NegativeInfinity;
        }

        return end;
    }

    private static void Zero(float* x, int from, int to)
    {
        for (int j = from; j < to; j += T.Count)
        {
            T.Zero.Store(x + j);
        }
    }
}
