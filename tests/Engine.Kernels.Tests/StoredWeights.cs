using Engine.Devices;
using Engine.Devices.Kernels;

namespace Engine.Kernels.Tests;

/// <summary>
/// Test weights of the three storage types. Values are rounded to the type before a test uses them, so nothing rounds when they are stored,
/// and results have float32's tolerance whatever the type.
/// </summary>
internal static class StoredWeights
{
    public static IReadOnlyList<ElementType> Types { get; } = [ElementType.Float32, ElementType.Float16, ElementType.BFloat16];

    /// <summary>Values in [-1, 1) that the type holds exactly.</summary>
    public static float[] Values(ElementType type, int seed, long count) =>
        [.. Numbers.Values(seed, count).Select(value => Rounded(type, value))];

    public static float Rounded(ElementType type, float value) => type switch
    {
        ElementType.Float16 => (float)(Half)value,
        ElementType.BFloat16 => (BFloat16)value,
        _ => value,
    };

    /// <summary>A view that stores these values in the given type.</summary>
    public static WeightView PutStored(this KernelRun run, ElementType type, float[] values) => type switch
    {
        ElementType.Float16 => run.Put([.. values.Select(value => (Half)value)]),
        ElementType.BFloat16 => run.Put([.. values.Select(value => (BFloat16)value)]),
        _ => run.Put(values),
    };
}
