using System.Collections.Immutable;

namespace Engine.Devices;

/// <summary>A language that a device's driver compiles.</summary>
public enum DeviceLanguage
{
    OpenCl,
    Cuda,
}

/// <summary>Puts together the text that a driver compiles.</summary>
public static class DeviceSource
{
    /// <summary>The text of one variant of a kernel.</summary>
    public static string Compose(
        KernelDefinition definition, ImmutableArray<ElementType> types, ImmutableArray<long> constants, DeviceLanguage language) => definition.Body;
}
