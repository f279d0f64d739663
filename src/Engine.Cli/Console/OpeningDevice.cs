using Engine.Devices;

namespace Engine.Cli.Console;

/// <summary>
/// A device that is opened beside what a command does first; it is disposed with this, whether it was ever asked for or not.
/// </summary>
internal sealed class OpeningDevice : IDisposable
{
    /// <param name="open">Opens it, on another thread.</param>
    public OpeningDevice(Func<Device> open) => Device = Task.Run(open);

    /// <summary>The device, or the error that kept it from being opened.</summary>
    public Task<Device> Device { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Task.WaitAny(Device);
        if (Device.IsCompletedSuccessfully)
        {
            Device.Result.Dispose();
        }
    }
}
