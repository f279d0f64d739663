using Engine.Devices;
using Engine.Kernels;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Safetensors;

namespace Engine.Model.Tests.Execution;

/// <summary>A model folder on a device with its inputs and an arena: what a run owns, for one batch after another.</summary>
internal sealed class LoadedModel : IDisposable
{
    private readonly Device device;
    private readonly long bytesBefore;
    private readonly Arena arena;
    private readonly List<ModelRunner> runners = [];

    /// <param name="folder">A Hugging Face folder.</param>
    /// <param name="adapterFolder">A PEFT folder to load; null for none.</param>
    /// <param name="train">Every parameter is trained, or with an adapter the adapter's.</param>
    /// <param name="capacity">The largest batch.</param>
    /// <param name="deviceName">A device of <see cref="TestDevices"/>.</param>
    /// <param name="weightType">How frozen matrices are stored.</param>
    /// <param name="architecture">What the folder is read as; null: what its configuration says.</param>
    /// <param name="products">The type of products with frozen matrices and of attention.</param>
    public LoadedModel(string folder, string? adapterFolder, bool train, BatchShape capacity, string deviceName = "cpu",
        WeightType weightType = WeightType.Auto,
        ElementType products = ElementType.Float32, Architecture? architecture = null)
    {
        device = TestDevices.Open(deviceName);
        bytesBefore = device.Memory.Current;
        ModelFolder opened = ModelFolder.Open(folder);
        architecture ??= opened.CreateArchitecture(adapterFolder);
        using AdapterFile? adapter = adapterFolder is null ? null : AdapterFile.Read(adapterFolder);
        Tuning.Lora? lora = adapter is null ? null : ModelAdapters.Tuning(architecture, adapter);
        AdapterConfig = adapter?.Config;
        Tuning whole = train ? new Tuning.Full() : new Tuning.Frozen(lora);
        Model = new TransformerModel(
            architecture, train && lora is not null ? lora : whole, opened.StorageOf(weightType))
        { Products = products };
        Inputs = new BatchInputs(architecture, capacity, Model.EmbeddingRows);
        arena = new Arena(device);
        Model.Allocate(device);
        Inputs.Block.Allocate(device);
        var scalars = new float[StepScalars.Count];
        scalars[StepScalars.LossScale] = 1;
        Inputs.Scalars.View<float>().Write(scalars);
        using Checkpoint weights = opened.OpenWeights();
        Report = ModelWeights.Load(Model, weights, seed: 1);
        if (adapter is not null)
        {
            ModelAdapters.Load(Model, adapter);
        }
    }

    public TransformerModel Model { get; }

    public BatchInputs Inputs { get; }

    public AdapterConfig? AdapterConfig { get; }

    public LoadReport Report { get; }

    public ModelRun Run(RaggedBatch batch, RunnerOptions options)
    {
        var runner = new ModelRunner(device, Model, Inputs, arena, options);
        runners.Add(runner);
        return runner.Run(batch, "test");
    }

    public void Dispose()
    {
        runners.ForEach(runner => runner.Dispose());
        arena.Dispose();
        Inputs.Dispose();
        Model.Dispose();
        Assert.Equal(bytesBefore, device.Memory.Current);
        device.Dispose();
    }
}
