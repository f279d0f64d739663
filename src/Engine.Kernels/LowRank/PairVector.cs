namespace Engine.Kernels;

/// <summary>Eight <see cref="Pair"/>s side by side.</summary>
internal struct PairVector
{
    /// <summary>Pairs of one.</summary>
    public const int Width = 8;

    public Vec8 High;
    public Vec8 Low;

    /// <summary>As <see cref="PairArithmetic.AddProduct(Pair, float, float)"/>, element by element.</summary>
    public static PairVector AddProduct(PairVector sum, Vec8 x, Vec8 y)
    {
        Vec8 product = x * y;
        Vec8 productError = Vec8.FusedMultiplyAdd(x, y, -product);
        Vec8 high = sum.High + product;
        Vec8 part = high - sum.High;
        Vec8 error = (sum.High - (high - part)) + (product - part);
        return new PairVector { High = high, Low = sum.Low + (error + productError) };
    }
}
