namespace Engine.Kernels;

/// <summary>Launch shapes of the portable kernels, by what a device is.</summary>
internal static class LaunchShapes
{
    /// <summary>Terms that one item adds up before the group's tree: few, so that float32 sums stay exact however many there are.</summary>
    public const int TermsPerItem = 64;

    /// <summary>Rows that one item adds up before their sums are added in a second kernel.</summary>
    public const int RowsPerChunk = 32;

    private const int ElementsGroup = 256;

    /// <summary>Items of a single group that walks a whole array.</summary>
    public const int SingleGroup = 256;

    /// <summary>One item for each of <paramref name="items"/>.</summary>
    public static LaunchShape Elements(Device device, long items) =>
        LaunchShape.Cover(items, Math.Min(ElementsGroup, device.Features.MaxGroupSize));

    /// <summary>Items that share a row, a power of two: a warp or more.</summary>
    public static int RowGroup(Device device, int columns)
    {
        int largest = Math.Min(256, device.Features.MaxGroupSize);
        int size = 32;
        while (size < largest && size < columns)
        {
            size *= 2;
        }

        return size;
    }

    /// <summary>Chunks into which <paramref name="rows"/> are cut.</summary>
    public static int Chunks(int rows) => (rows + RowsPerChunk - 1) / RowsPerChunk;
}
