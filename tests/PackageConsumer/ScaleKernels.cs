namespace PackageConsumer;

internal static partial class ScaleKernels
{
    /// <summary>y = factor * x, any storage type.</summary>
    [Kernel]
    public static void Scale<T>(ArrayView<T> x, ArrayView<T> y, float factor, int count)
        where T : unmanaged
    {
        long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX;
        if (i < count)
        {
            Storage.Store(y, i, factor * Storage.Load(x, i));
        }
    }
}
