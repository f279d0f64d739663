using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>What a run will need, known before it takes anything.</summary>
/// <param name="BytesByOwner">Device bytes by what they are for, those that the device itself holds included.</param>
/// <param name="Bytes">The most device bytes that will be live at once.</param>
/// <param name="DeviceBytes">What the device has.</param>
/// <param name="TrainableParameters">Numbers that are trained.</param>
/// <param name="WeightType">How frozen matrices are stored.</param>
/// <param name="Length">Steps of the run.</param>
/// <param name="ArenaBytes">Bytes of activations, of those above, without gradient checkpointing.</param>
/// <param name="CheckpointedArenaBytes">The same with it.</param>
/// <param name="Classes">The classes with their training rows; empty for other tasks than classification.</param>
/// <param name="Notes">What a user should know of the model's folder and the data.</param>
public sealed record RunEstimate(
    IReadOnlyDictionary<string, long> BytesByOwner,
    long Bytes,
    long DeviceBytes,
    long TrainableParameters,
    ElementType WeightType,
    RunLength Length,
    long ArenaBytes,
    long CheckpointedArenaBytes,
    IReadOnlyList<ClassCount> Classes,
    IReadOnlyList<string> Notes)
{
    /// <summary>Whether the run fits the device.</summary>
    public bool Fits => Bytes <= DeviceBytes;

    /// <summary>Reads a run's data and plans every batch shape; nothing is allocated or written, and weights need not be there.</summary>
    /// <exception cref="Engine.Common.ConfigurationException">Keys of the run contradict each other, or the model.</exception>
    /// <exception cref="Engine.Common.Files.ModelFileException">The model's folder cannot be used.</exception>
    /// <exception cref="Model.Batching.DataFileException">The data cannot be used.</exception>
    public static RunEstimate Of(RunConfiguration run, Device device)
    {
        using PreparedRun prepared = PreparedRun.Create(run, device, loads: false);
        bool lacksWeights = !run.FromScratch && !prepared.Data.Folder.HasWeights;
        return new RunEstimate(
            prepared.Forecast.Concat(device.Memory.ByOwner()).GroupBy(entry => entry.Key).ToDictionary(
                owner => owner.Key, owner => owner.Sum(entry => entry.Value)),
            prepared.ForecastBytes,
            device.MemoryBytes,
            prepared.Model.Trainables!.Count,
            prepared.Model.WeightType,
            prepared.Plan.Length,
            prepared.ArenaBytes(gradientCheckpointing: false),
            prepared.ArenaBytes(gradientCheckpointing: true),
            prepared.Data.Classes,
            [
                .. lacksWeights
                    ? [$"{prepared.Data.Folder.FolderPath} holds no weights, which training will need; the forecast goes by config.json."]
                    : Array.Empty<string>(),
                .. prepared.Data.Notes,
            ]);
    }
}
