using System.Runtime.Serialization;
using Engine.Devices;

namespace Engine.Model;

/// <summary>
/// How a model's frozen matrices are stored on the device (<c>dtype</c>). Whatever is trained is float32, and so are one-dimensional
/// parameters.
/// </summary>
public enum WeightType
{
    /// <summary>As the checkpoint stores them, where all its matrices are bfloat16 or all are float16; else float32.</summary>
    [EnumMember(Value = "auto")]
    Auto,

    /// <summary>4 bytes an element.</summary>
    [EnumMember(Value = "float32")]
    Float32,

    /// <summary>2 bytes: float32's exponent with 8 bits of precision.</summary>
    [EnumMember(Value = "bfloat16")]
    BFloat16,

    /// <summary>2 bytes: 11 bits of precision, at most 65504.</summary>
    [EnumMember(Value = "float16")]
    Float16,
}

/// <summary>Names of <see cref="WeightType"/>.</summary>
internal static class WeightTypes
{
    /// <summary>The type's name in configurations: float32, bfloat16, float16.</summary>
    public static string Name(ElementType type) => type switch
    {
        ElementType.Float32 => "float32",
        ElementType.BFloat16 => "bfloat16",
        ElementType.Float16 => "float16",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "weights are stored as float32, bfloat16 or float16"),
    };
}
