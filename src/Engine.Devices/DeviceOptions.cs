using System.Runtime.Serialization;

namespace Engine.Devices;

/// <summary>What computes matrix products.</summary>
public enum ProductLibrary
{
    /// <summary>Engine's kernels.</summary>
    [EnumMember(Value = "own")]
    Own,

    /// <summary>The library of the device's vendor: cublasLt on cuda.</summary>
    [EnumMember(Value = "vendor")]
    Vendor,
}

/// <summary>How a device is opened.</summary>
public sealed record DeviceOptions
{
    /// <summary>
    /// What computes matrix products; null: the vendor's library where it is found (one that does not start is an error), else Engine's
    /// kernels.
    /// </summary>
    public ProductLibrary? Products { get; init; }

    /// <summary>
    /// The vendor's library may round float32 operands to TF32 (10 bits of mantissa) for the matrix units; sums stay float32.
    /// </summary>
    public bool Tf32 { get; init; }

    /// <exception cref="DeviceException">A library is asked for, and the device has none.</exception>
    internal void RequireNoLibrary(string id)
    {
        if (Tf32 || Products == ProductLibrary.Vendor)
        {
            throw new DeviceException(
                $"Device {id} has no library of matrix products: cublasLt runs on cuda alone. "
                    + $"Leave out {(Tf32 ? "TF32" : "the vendor's products")}, or choose cuda.");
        }
    }
}
