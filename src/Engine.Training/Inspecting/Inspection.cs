using Engine.Common.Files;
using Engine.Model;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Inspecting;

/// <summary>
/// What a file or a folder holds: a <see cref="FileInspection"/>, <see cref="ModelInspection"/>, <see cref="AdapterInspection"/> or
/// <see cref="RunInspection"/>.
/// </summary>
public abstract record Inspection
{
    private protected Inspection()
    {
    }

    /// <summary>Looks at a path.</summary>
    /// <param name="path">A safetensors file, a model folder, a PEFT adapter folder, the folder of a run or its run file.</param>
    /// <exception cref="ModelFileException">There is no such thing, or a file of it is broken.</exception>
    /// <exception cref="Common.ConfigurationException">The run file is wrong.</exception>
    public static Inspection Of(string path)
    {
        if (File.Exists(path) && Path.GetExtension(path) is ".yaml" or ".yml")
        {
            RunConfiguration described = RunConfiguration.Load(path);
            return RunInspection.Of(described, new RunFolder(described.Output));
        }

        if (File.Exists(path))
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            return FileInspection.Of(file);
        }

        if (new RunFolder(path) is var run && File.Exists(run.ConfigurationPath))
        {
            return RunInspection.Of(RunConfiguration.Load(run.ConfigurationPath), run);
        }

        if (File.Exists(Path.Combine(path, AdapterConfig.FileName)))
        {
            using AdapterFile adapter = AdapterFile.Read(path);
            return AdapterInspection.Of(adapter);
        }

        if (File.Exists(Path.Combine(path, ModelConfig.FileName)))
        {
            return ModelInspection.Of(ModelFolder.Open(path));
        }

        throw new ModelFileException(path, Directory.Exists(path)
            ? $"the folder has neither {ModelConfig.FileName} (a model) nor {AdapterConfig.FileName} (an adapter) nor config.yaml (a run)."
            : "there is no such file or folder.");
    }
}
