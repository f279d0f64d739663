namespace Engine.Kernels;

/// <summary>
/// Reductions over a group, called from kernels by every item with the kernel's shared tile of groupSize elements: a tree, so
/// the order is the same on every run. groupSize is a power of two.
/// </summary>
internal static class GroupReductions
{
    /// <summary>The sum of all items' values, for every item.</summary>
    public static float Sum(ArrayView<float> tile, float value, [Specialize] int groupSize)
    {
        int item = Group.IdxX;
        tile[item] = value;
        Group.Barrier();
        for (int half = groupSize / 2; half > 0; half >>= 1)
        {
            if (item < half)
            {
                tile[item] += tile[item + half];
            }

            Group.Barrier();
        }

        float sum = tile[0];
        Group.Barrier();
        return sum;
    }

    /// <summary>The largest of all items' values, for every item; NaN where one is NaN.</summary>
    public static float Max(ArrayView<float> tile, float value, [Specialize] int groupSize)
    {
        int item = Group.IdxX;
        tile[item] = value;
        Group.Barrier();
        for (int half = groupSize / 2; half > 0; half >>= 1)
        {
            if (item < half)
            {
                tile[item] = MathF.Max(tile[item], tile[item + half]);
            }

            Group.Barrier();
        }

        float maximum = tile[0];
        Group.Barrier();
        return maximum;
    }
}
