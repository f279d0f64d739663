namespace Engine.Kernels;

/// <summary>Which types products may be rounded to.</summary>
internal static class MatrixUnits
{
    /// <exception cref="ArgumentException">The device does not compute products of this type.</exception>
    public static void Check(Device device, ElementType products)
    {
        if (products is not (ElementType.Float32 or ElementType.Float16 or ElementType.BFloat16))
        {
            throw new ArgumentException($"Products of {products} are not computed; choose Float32, Float16 or BFloat16.", nameof(products));
        }

        if (products != ElementType.Float32 && !device.Features.Tiles)
        {
            throw new ArgumentException(
                $"Products in {products} need tiles, and {device} runs none; compute them in Float32.", nameof(products));
        }
    }
}
