using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace Engine.Devices;

/// <summary>
/// Composes what a driver compiles: the variant's definitions, the language's prelude, the kernel's printed body.
/// The entry point is called <see cref="KernelDefinition.Name"/>. Its arguments are, in the order of the C# parameters: for each view a
/// pointer to the buffer's base, a 64-bit byte offset and a 64-bit length in elements; for each scalar its value (bool as one
/// byte); for a <c>[Specialize]</c> parameter nothing. The text is the same for the same input, byte for byte.
/// </summary>
public static class DeviceSource
{
    /// <summary>What integer constants are in a text with nothing chosen.</summary>
    public const int NominalConstant = 16;

    /// <param name="definition">The kernel.</param>
    /// <param name="types">The storage type of each of its type parameters.</param>
    /// <param name="constants">The value of each of its <c>[Specialize]</c> parameters, in declaration order.</param>
    /// <param name="language">The language the device's driver compiles.</param>
    /// <exception cref="ArgumentException">The number of types or constants is not the kernel's.</exception>
    public static string Compose(
        KernelDefinition definition, ImmutableArray<ElementType> types, ImmutableArray<long> constants, DeviceLanguage language)
    {
        KernelParameter[] specialized = definition.Parameters.Where(p => p.Kind == KernelParameterKind.Specialized).ToArray();
        if (types.Length != definition.TypeParameters.Length || constants.Length != specialized.Length)
        {
            throw new ArgumentException(
                $"kernel {definition.Name} ({definition.Location}) has {definition.TypeParameters.Length} storage types and {specialized.Length} constants, but got {types.Length} and {constants.Length}.");
        }

        var definitions = new StringBuilder();
        for (int i = 0; i < types.Length; i++)
        {
            definitions.Append(CultureInfo.InvariantCulture, $"#define TYPE_{definition.TypeParameters[i]} {Name(types[i])}\n");
        }

        for (int i = 0; i < constants.Length; i++)
        {
            definitions.Append(CultureInfo.InvariantCulture, $"#define CONST_{specialized[i].Name} ({constants[i]})\n");
        }

        return Assemble(definition, definitions, language);
    }

    /// <summary>
    /// The text with nothing chosen: storage types and constants are definitions that a compiler's <c>-D</c> replaces. Without one, types are float (of tiles bfloat16),
    /// integer constants <see cref="NominalConstant"/>, switches and choices 1, so that the text compiles as it is.
    /// </summary>
    public static string ComposeOpen(KernelDefinition definition, DeviceLanguage language)
    {
        var definitions = new StringBuilder();
        foreach (string type in definition.TypeParameters)
        {
            Define($"TYPE_{type}", definition.TileTypes.Contains(type) ? "bf16" : "float");
        }

        foreach (KernelParameter constant in definition.Parameters.Where(p => p.Kind == KernelParameterKind.Specialized))
        {
            Define($"CONST_{constant.Name}", constant.Type == ElementType.Int32 ? $"({NominalConstant})" : "(1)");
        }

        return Assemble(definition, definitions, language);

        void Define(string name, string value) =>
            definitions.Append(CultureInfo.InvariantCulture, $"#ifndef {name}\n#define {name} {value}\n#endif\n");
    }

    private static string Assemble(KernelDefinition definition, StringBuilder definitions, DeviceLanguage language)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"// {definition.Name}: {definition.Location}\n{definitions}\n");
        text.Append(language switch
        {
            DeviceLanguage.OpenCl => OpenClPrelude.Text,
            DeviceLanguage.Cuda => CudaPrelude.Text,
            _ => throw new ArgumentOutOfRangeException(nameof(language), language, "unknown device language"),
        });
        text.Append('\n');
        if (definition.UsesTiles)
        {
            text.Append(TilePrelude.Text(language)).Append('\n');
        }

        return text.Append(definition.Body).ToString();
    }

    /// <summary>The dialect's name of a storage type.</summary>
    private static string Name(ElementType type) => type switch
    {
        ElementType.Float32 => "float",
        ElementType.Float16 => "f16",
        ElementType.BFloat16 => "bf16",
        ElementType.Float64 => "double",
        ElementType.Int8 => "i8",
        ElementType.UInt8 => "u8",
        ElementType.Int16 => "i16",
        ElementType.UInt16 => "u16",
        ElementType.Int32 => "int",
        ElementType.UInt32 => "uint",
        ElementType.Int64 => "i64",
        ElementType.UInt64 => "u64",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type"),
    };
}
