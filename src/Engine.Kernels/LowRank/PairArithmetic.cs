namespace Engine.Kernels;

/// <summary>
/// An unevaluated sum of two float32, |Low| at most half a unit in the last place of High: about 48 bits where a device has no float64.
/// </summary>
internal struct Pair
{
    public float High;
    public float Low;
}

/// <summary>
/// Arithmetic on <see cref="Pair"/> by error-free transformations (Dekker 1971, Knuth; the dot product is Ogita, Rump and Oishi's Dot2,
/// SIAM J. Sci. Comput. 26, 2005).
/// </summary>
internal static class PairArithmetic
{
    public static Pair Of(float value) => new Pair { High = value, Low = 0f };

    public static Pair Load(ArrayView<float> view, long index) => new Pair { High = view[2 * index], Low = view[(2 * index) + 1] };

    public static void Store(ArrayView<float> view, long index, Pair value)
    {
        view[2 * index] = value.High;
        view[(2 * index) + 1] = value.Low;
    }

    /// <summary>sum + x y, the product exact; the sum is brought to a pair by <see cref="Normalize"/> at the end.</summary>
    public static Pair AddProduct(Pair sum, float x, float y)
    {
        float product = x * y;
        float productError = KernelMath.FusedMultiplyAdd(x, y, -product);
        float high = sum.High + product;
        float part = high - sum.High;
        float error = (sum.High - (high - part)) + (product - part);
        return new Pair { High = high, Low = sum.Low + (error + productError) };
    }

    /// <summary>As <see cref="AddProduct(Pair, float, float)"/>, with a pair as the second factor.</summary>
    public static Pair AddProduct(Pair sum, float x, Pair y)
    {
        Pair added = AddProduct(sum, x, y.High);
        return new Pair { High = added.High, Low = KernelMath.FusedMultiplyAdd(x, y.Low, added.Low) };
    }

    public static Pair Normalize(Pair sum)
    {
        float high = sum.High + sum.Low;
        return new Pair { High = high, Low = sum.Low - (high - sum.High) };
    }

    public static Pair Add(Pair a, Pair b)
    {
        float high = a.High + b.High;
        float part = high - a.High;
        float error = (a.High - (high - part)) + (b.High - part);
        return Normalize(new Pair { High = high, Low = error + (a.Low + b.Low) });
    }

    public static Pair Negate(Pair a) => new Pair { High = -a.High, Low = -a.Low };

    public static Pair Multiply(Pair a, Pair b)
    {
        float product = a.High * b.High;
        float error = KernelMath.FusedMultiplyAdd(a.High, b.High, -product);
        error = KernelMath.FusedMultiplyAdd(a.High, b.Low, KernelMath.FusedMultiplyAdd(a.Low, b.High, error));
        return Normalize(new Pair { High = product, Low = error });
    }

    /// <summary>sum + a b.</summary>
    public static Pair AddMultiplied(Pair sum, Pair a, Pair b) => Add(sum, Multiply(a, b));

    /// <summary>a / b, the quotient of the high parts corrected by the rest.</summary>
    public static Pair Divide(Pair a, Pair b)
    {
        float quotient = a.High / b.High;
        Pair rest = Add(a, Negate(Multiply(b, Of(quotient))));
        return Normalize(new Pair { High = quotient, Low = rest.High / b.High });
    }

    /// <summary>The square root of a positive pair.</summary>
    public static Pair SquareRoot(Pair a)
    {
        float root = MathF.Sqrt(a.High);
        Pair rest = Add(a, Negate(Multiply(Of(root), Of(root))));
        return Normalize(new Pair { High = root, Low = rest.High / (2f * root) });
    }

    /// <summary>
    /// The sum of all items' pairs, for every item: a tree, called by the whole group. tile has 2 groupSize elements, groupSize is a power
    /// of two.
    /// </summary>
    public static Pair GroupSum(ArrayView<float> tile, Pair value, [Specialize] int groupSize)
    {
        int item = Group.IdxX;
        Store(tile, item, value);
        Group.Barrier();
        for (int half = groupSize / 2; half > 0; half >>= 1)
        {
            if (item < half)
            {
                Store(tile, item, Add(Load(tile, item), Load(tile, item + half)));
            }

            Group.Barrier();
        }

        Pair sum = Load(tile, 0);
        Group.Barrier();
        return sum;
    }
}
