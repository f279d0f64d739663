using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Batching;
using Engine.Model.Execution;

namespace Engine.Optim.Sharpness;

/// <summary>
/// The mean loss of a model over a fixed set of batches, as a function of what the model trains: no dropout, no perturbation. The mean is
/// over all texts, or all labelled tokens, of the set, whichever batch they are in; frozen weights are never written.
/// </summary>
internal sealed class ModelSurface : ILossSurface, IDisposable
{
    private readonly TrainableParameters trainables;
    private readonly IReadOnlyList<RaggedBatch> batches;
    private readonly IReadOnlyList<int> counts;
    private readonly string origin;
    private readonly BatchInputs inputs;
    private readonly Arena arena;
    private readonly ModelRunner losses;
    private readonly ModelRunner gradients;
    private readonly FixedPlan clear;
    private readonly float[] scalars = new float[StepScalars.Count];

    /// <param name="model">Allocated, its weights loaded; what it trains is the surface's vector.</param>
    /// <param name="batches">Labelled.</param>
    /// <param name="origin">What they are from, for messages.</param>
    /// <exception cref="DataFileException">No batch has a label.</exception>
    public ModelSurface(Device device, TransformerModel model, IReadOnlyList<RaggedBatch> batches, string origin)
    {
        trainables = model.Trainables ?? throw new ArgumentException("A frozen model is a point, not a surface.", nameof(model));
        this.batches = batches;
        this.origin = origin;
        counts = [.. batches.Select(batch => batch.LabelCount)];
        if (counts.Sum() == 0)
        {
            throw new DataFileException(origin, "no row has a label, so that there is no loss to look at; at least one was expected.");
        }

        Space = new VectorSpace(device, Tensors(model));
        Point = new SurfaceVector(trainables.Values.View<float>());
        BatchShape[] shapes = [.. batches.Select(batch => BatchShape.Of(model.Architecture, batch))];
        inputs = new BatchInputs(model.Architecture, shapes.Aggregate((a, b) => a.Max(b)), model.EmbeddingRows);
        inputs.Block.Allocate(device);
        arena = new Arena(device);
        losses = new ModelRunner(device, model, inputs, arena, new RunnerOptions());
        gradients = new ModelRunner(device, model, inputs, arena, new RunnerOptions { Gradients = true });
        var graph = new GraphBuilder();
        graph.Clear(trainables.Gradients);
        clear = new FixedPlan(device, graph);
        arena.Require(Math.Max(losses.ArenaBytes(shapes), gradients.ArenaBytes(shapes)));
    }

    public VectorSpace Space { get; }

    public SurfaceVector Point { get; }

    public double Loss() => Mean(losses);

    public double Gradient(SurfaceVector gradient)
    {
        clear.Run(arena, null);
        double loss = Mean(gradients);
        Space.Copy(new SurfaceVector(trainables.Gradients.View<float>()), gradient);
        return loss;
    }

    /// <summary>Runs one of the batches at the point, and lets its results be read before anything else runs in their memory.</summary>
    /// <param name="source">What the batch was made from, for messages.</param>
    public void Run(RaggedBatch batch, string source, Action<ModelRun> read) => read(losses.Run(batch, source));

    public void Dispose()
    {
        clear.Dispose();
        losses.Dispose();
        gradients.Dispose();
        arena.Dispose();
        inputs.Dispose();
        Space.Dispose();
    }

    /// <summary>Row losses are added in float64: differences of losses are what instruments are about.</summary>
    private double Mean(ModelRunner runner)
    {
        int total = counts.Sum();
        double sum = 0;
        for (int i = 0; i < batches.Count; i++)
        {
            // A batch's loss is the mean over its own labels; the set's weighs each label alike.
            scalars[StepScalars.LossScale] = (float)((double)counts[i] / total);
            inputs.Scalars.View<float>().Write(scalars);
            foreach (float loss in runner.Run(batches[i], origin).RowLosses)
            {
                sum += loss;
            }
        }

        return sum / total;
    }

    private static SurfaceTensor[] Tensors(TransformerModel model)
    {
        const uint PartsOfLayer = 4;
        string[] parameters = [.. model.Architecture.Parameters.Select(spec => spec.Name)];
        Dictionary<Variable, (string Layer, uint Part)> factors = [];
        foreach (LoraLinear adapter in model.Adapters)
        {
            // Layers may share their A. What follows A and B is a magnitude, or the tensors of a form.
            uint part = 1;
            foreach (Variable tensor in adapter.Tensors)
            {
                factors.TryAdd(tensor, (adapter.Module, part++));
            }
        }

        return [.. model.Trainables!.Entries.Select(entry =>
        {
            (string layer, uint part) = factors.GetValueOrDefault(entry.Value, (Layer(entry.Name), 0u));
            uint number = (uint)Array.IndexOf(parameters, part == 0 ? entry.Name : $"{layer}.weight");
            Shape shape = entry.Value.Shape;
            bool isMatrix = shape.Rank > 1;
            return new SurfaceTensor(
                entry.Name, layer, TrainableParameters.OffsetOf(entry.Value), isMatrix ? shape.Rows : (int)shape.Count,
                isMatrix ? shape.Columns : 1, isMatrix, (PartsOfLayer * number) + part);
        })];
    }

    /// <summary>The module of a parameter.</summary>
    private static string Layer(string parameter) => parameter.LastIndexOf('.') is >= 0 and var dot ? parameter[..dot] : parameter;
}
