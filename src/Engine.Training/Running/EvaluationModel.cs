using Engine.Devices;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Files;
using Engine.Model.Peft;

namespace Engine.Training.Running;

/// <summary>A trained model on a device, to be run over data without training: a model folder with or without an adapter.</summary>
public sealed class EvaluationModel : IDisposable
{
    private readonly Device device;
    private readonly TransformerModel model;
    private readonly Arena arena;

    private EvaluationModel(Device device, TransformerModel model, IReadOnlyList<string> notes)
    {
        this.device = device;
        this.model = model;
        Notes = notes;
        arena = new Arena(device);
    }

    /// <summary>What a user should know of the weights, such as a head that no file gave.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>Loads a model.</summary>
    /// <param name="folder">The base model, or a fully tuned one.</param>
    /// <param name="architecture">The folder's architecture for the task, as the adapter needs it (<see cref="ModelFolder.Adapted"/>).</param>
    /// <param name="adapterFolder">A PEFT folder, or null.</param>
    /// <param name="seed">What an adapter's run drew parameters from that no file gives: its base model is then the same. Null: every parameter must be in the files.</param>
    /// <param name="type">How the model's matrices are stored.</param>
    /// <exception cref="ModelFileException">Files are missing or broken, or parameters are in none of them.</exception>
    public static EvaluationModel Load(Device device, ModelFolder folder, Architecture architecture, string? adapterFolder, ulong? seed, WeightType type)
    {
        using AdapterFile? file = adapterFolder is null ? null : AdapterFile.Read(adapterFolder);
        var tuning = new Tuning.Frozen(file is null ? null : ModelAdapters.Tuning(architecture, file));
        var model = new TransformerModel(architecture, tuning, folder.StorageOf(type));
        try
        {
            model.Allocate(device);
            IReadOnlyList<string> notes = ModelLoading.LoadWeights(model, folder, seed, model.SavedParameters.Select(parameter => parameter.Name));
            if (file is not null)
            {
                notes = [.. notes, .. ModelLoading.Notes(ModelAdapters.Load(model, file))];
            }

            return new EvaluationModel(device, model, notes);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>The task's metrics over a set.</summary>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    public EvaluationResult Evaluate(Evaluator evaluator) => Run(evaluator, run => evaluator.Evaluate(run));

    /// <summary>The logits of a set without labels, [rows, output size] in file order.</summary>
    /// <exception cref="TrainingException">An output is not finite.</exception>
    public float[] Predict(Evaluator evaluator) => Run(evaluator, evaluator.Predict);

    public void Dispose()
    {
        arena.Dispose();
        model.Dispose();
    }

    private TResult Run<TResult>(Evaluator evaluator, Func<Func<RaggedBatch, string, ModelRun>, TResult> use)
    {
        using var inputs = new BatchInputs(model.Architecture, evaluator.Shapes.Aggregate((a, b) => a.Max(b)));
        inputs.Block.Allocate(device);
        using var runner = new ModelRunner(device, model, inputs, arena, new RunnerOptions());
        return use((batch, source) => runner.Run(batch, source));
    }
}
