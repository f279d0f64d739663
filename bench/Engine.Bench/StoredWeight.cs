using Engine.Devices;
using Engine.Devices.Kernels;
using Engine.Kernels;

namespace Engine.Bench;

/// <summary>Weights of a benchmark in a storage type.</summary>
internal static class StoredWeight
{
    /// <summary>Writes values to the front of a buffer; the view of them.</summary>
    public static WeightView Fill(DeviceBuffer buffer, ElementType type, float[] values)
    {
        switch (type)
        {
            case ElementType.BFloat16:
                buffer.Write<BFloat16>(Array.ConvertAll(values, value => (BFloat16)value));
                break;
            case ElementType.Float16:
                buffer.Write<Half>(Array.ConvertAll(values, value => (Half)value));
                break;
            default:
                buffer.Write<float>(values);
                break;
        }

        return View(buffer, type, 0, values.Length);
    }

    /// <summary>Elements of a buffer as a weight.</summary>
    public static WeightView View(DeviceBuffer buffer, ElementType type, long firstElement, long count) => type switch
    {
        ElementType.BFloat16 => buffer.View<BFloat16>(firstElement * 2, count),
        ElementType.Float16 => buffer.View<Half>(firstElement * 2, count),
        _ => buffer.View<float>(firstElement * 4, count),
    };
}
