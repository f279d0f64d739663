namespace Engine.Devices;

/// <summary>
/// A device refused: the message carries the driver's code by name, the kernel's name and, after a failed build, its log.
/// </summary>
public class DeviceException : Exception
{
    /// <param name="message">What was refused and why, as a sentence.</param>
    public DeviceException(string message)
        : base(message)
    {
    }

    /// <param name="message">What was refused and why, as a sentence.</param>
    /// <param name="inner">What the driver or ILGPU threw.</param>
    public DeviceException(string message, Exception inner)
        : base(message, inner)
    {
    }
}

/// <summary>
/// A fault on the device after which its driver refuses everything else in this process: the message says which. Disposing what lives on
/// the device still works.
/// </summary>
public sealed class DeviceLostException(string message) : DeviceException(message);

/// <summary>The device's memory does not hold what was asked for.</summary>
public sealed class DeviceOutOfMemoryException(string device, string owner, long bytes, long inUse, long capacity)
    : DeviceException(
        $"{device} has no room for {bytes:N0} bytes of {owner}: {inUse:N0} of {capacity:N0} bytes are in use. "
        + "Smaller batches, shorter texts or another device may help.");
