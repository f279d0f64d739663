using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.FineTuning;

/// <summary>
/// What a model runs on and lives in: the caller's device or one of its own, and the run's folder where that is temporary.
/// </summary>
internal sealed class Holding : IDisposable
{
    private readonly bool ownsDevice;
    private readonly RunPlace? place;

    private Holding(Device device, bool ownsDevice, RunPlace? place)
    {
        Device = device;
        this.ownsDevice = ownsDevice;
        this.place = place;
    }

    public Device Device { get; }

    /// <param name="run">Says which device is opened; null: the one that every machine has.</param>
    /// <param name="given">The caller's device, which stays his; null: one is opened.</param>
    /// <param name="place">Goes with the model; null for none.</param>
    public static Holding Of(RunConfiguration? run, Device? given, RunPlace? place = null) => new(
        given ?? DeviceCatalog.Open(run?.Device ?? DeviceCatalog.Default, run?.DeviceOptions), ownsDevice: given is null, place);

    /// <summary>Opens a trained model; where that fails, nothing is left open.</summary>
    /// <param name="path">A run's folder or its file, a model folder, or an adapter's folder.</param>
    /// <param name="adapter">An adapter's folder, to be put on the model; null: the run's own, or none.</param>
    /// <param name="given">The caller's device; null: the run's.</param>
    public static T Open<T>(string path, string? adapter, Device? given, Func<Holding, TrainedModel, T> open)
    {
        using IDisposable words = SettingNames.Use();
        TrainedModel trained = TrainedModel.Resolve(path, adapter);
        Holding holding = Of(trained.Run, given);
        try
        {
            return open(holding, trained);
        }
        catch
        {
            holding.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        if (ownsDevice)
        {
            Device.Dispose();
        }

        place?.Dispose();
    }
}
