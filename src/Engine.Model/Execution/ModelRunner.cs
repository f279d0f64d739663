using Engine.Devices;
using Engine.Graph;
using Engine.Model.Adapters;
using Engine.Model.Batching;

namespace Engine.Model.Execution;

/// <summary>What a runner's graphs contain besides logits and loss.</summary>
internal sealed record RunnerOptions
{
    /// <summary>Gradients are summed into the gradient variables.</summary>
    public bool Gradients { get; init; }

    /// <summary>Dropout is on.</summary>
    public bool Dropout { get; init; }

    /// <summary>The share of each label's target that cross-entropy spreads evenly over all classes or tokens, from 0 to below 1.</summary>
    public double LabelSmoothing { get; init; }

    /// <summary>What a row of each class counts for in the mean loss, float32 [classes]; null: all alike.</summary>
    public Variable? ClassWeights { get; init; }

    /// <summary>What the loss adds to each class's logit, float32 [classes]; null: nothing.</summary>
    public Variable? LogitOffsets { get; init; }

    /// <summary>Only the layers' inputs are kept for the backward pass (with <see cref="Gradients"/> only).</summary>
    public bool GradientCheckpointing { get; init; }

    /// <summary>Hidden states can be read.</summary>
    public bool HiddenStates { get; init; }

    /// <summary>A language model computes logits at every token.</summary>
    public bool EveryToken { get; init; }

    /// <summary>Host memory for plans unless told otherwise: hundreds of shapes of a model of 24 layers.</summary>
    public const long DefaultPlanBytes = 2L << 30;

    /// <summary>
    /// Bytes of host memory for plans; shapes whose plans do not fit, those unused for longest, are planned again when they come back.
    /// </summary>
    public long PlanBytes { get; init; } = DefaultPlanBytes;

    /// <summary>The logits of a vocabulary head can be read; otherwise only its loss is computed. Other heads' logits always can.</summary>
    public bool VocabularyLogits { get; init; }

    /// <summary>What a training method makes of an adapted layer's frozen weight.</summary>
    public Func<GraphBuilder, LoraLinear, Tensor, Tensor>? TransformWeight { get; init; }

    /// <summary>A training method's second pair of factors beside an adapter's; null: none.</summary>
    public Func<LoraLinear, AuxiliaryFactors?>? Auxiliary { get; init; }

    /// <summary>The trainable tensors of which a run may serve a part (<see cref="ActiveSet"/>); null: every run is whole.</summary>
    public IReadOnlyList<Variable>? PartialTensors { get; init; }

    /// <summary>Adds to a finished graph what is to be computed from its loss.</summary>
    public Action<ModelGraph>? Extend { get; init; }
}

/// <summary>
/// Runs batches through a model; the plans of the batch shapes used last are kept. Runs of several threads, of all runners that share an
/// arena, wait for one another; a result is there until the next one.
/// </summary>
internal sealed class ModelRunner(Device device, TransformerModel model, BatchInputs inputs, Arena arena, RunnerOptions options)
    : IDisposable
{
    /// <summary>Shapes that are planned before those that do not fit give way: enough for any number of processors.</summary>
    private const int PlannedAtOnce = 64;

    private readonly RecentlyUsed<BatchShape, Entry> entries = new(options.PlanBytes, entry => entry.Plan.HostBytes);
    private readonly Dictionary<BatchShape, long> arenaBytes = [];
    private bool disposed;

    /// <summary>Where to add each launch's time; null: launches are not timed.</summary>
    public Profile? Profile { get; set; }

    /// <summary>Plans kept now.</summary>
    public int PlanCount => entries.Count;

    /// <summary>
    /// Bytes of arena that the largest of these shapes needs; 0 for none. Shapes are planned on all processors, and nothing is allocated.
    /// </summary>
    public long ArenaBytes(IEnumerable<BatchShape> shapes)
    {
        using Lock.Scope use = arena.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        BatchShape[] wanted = [.. shapes.Distinct()];
        foreach (BatchShape[] some in wanted.Where(shape => !arenaBytes.ContainsKey(shape)).Chunk(PlannedAtOnce))
        {
            Entry[] planned = ParallelWork.Run(some.Length, i => PlanOf(some[i]));
            for (int i = 0; i < some.Length; i++)
            {
                Keep(some[i], planned[i]);
            }
        }

        return wanted.Select(shape => arenaBytes[shape]).DefaultIfEmpty().Max();
    }

    /// <summary>The shape a batch runs in.</summary>
    public BatchShape ShapeOf(RaggedBatch batch) => BatchShape.Of(model.Architecture, batch, options.EveryToken);

    /// <summary>Uploads a batch and runs it. The result can be read until the arena is used again.</summary>
    /// <param name="source">What the batch was made from, for messages.</param>
    /// <param name="active">The tensors whose gradients are wanted; null: all.</param>
    public ModelRun Run(RaggedBatch batch, string source, ActiveSet? active = null)
    {
        using Lock.Scope use = arena.Enter();
        BatchShape shape = ShapeOf(batch);
        Entry entry = EntryOf(shape);
        Plan plan = entry.Plan.In(arena);
        inputs.Upload(batch, shape, source);
        plan.Replay(active, Profile);
        return new ModelRun(plan, entry.Graph, batch, arena);
    }

    /// <summary>Frees the plans, once the run that is under way has returned.</summary>
    public void Dispose()
    {
        using Lock.Scope use = arena.Enter();
        disposed = true;
        entries.Dispose();
    }

    private Entry EntryOf(BatchShape shape)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (!entries.TryGet(shape, out Entry? entry))
        {
            entry = PlanOf(shape);
            Keep(shape, entry);
        }

        return entry;
    }

    private void Keep(BatchShape shape, Entry entry)
    {
        arenaBytes[shape] = entry.Plan.ArenaBytes;
        entries.Add(shape, entry);
    }

    /// <summary>Plans a shape; changes nothing, so that several threads may.</summary>
    private Entry PlanOf(BatchShape shape)
    {
        ModelGraph graph = model.BuildGraph(inputs, shape, options);
        return new Entry(graph, new ArenaPlan(device, Planner.Layout(device, graph.Graph), options.PartialTensors));
    }

    private sealed record Entry(ModelGraph Graph, ArenaPlan Plan) : IDisposable
    {
        public void Dispose() => Plan.Dispose();
    }
}

/// <summary>
/// What can be read after a batch has run, until the runner's arena is used again; after that, reading is an
/// <see cref="InvalidOperationException"/>.
/// </summary>
internal readonly struct ModelRun
{
    private readonly ModelGraph graph;
    private readonly Arena arena;
    private readonly long use;

    internal ModelRun(Plan plan, ModelGraph graph, RaggedBatch batch, Arena arena)
    {
        Plan = plan;
        this.graph = graph;
        Batch = batch;
        this.arena = arena;
        use = arena.Uses;
    }

    public RaggedBatch Batch { get; }

    /// <summary>The mean loss.</summary>
    public float Loss => Read(graph.Loss)[0];

    /// <summary>Each place's loss.</summary>
    public float[] RowLosses => Read(graph.RowLosses);

    /// <summary>Logits, [places, output size], places beyond the batch's included.</summary>
    /// <exception cref="InvalidOperationException">The runner computes the loss of a vocabulary head alone.</exception>
    public float[] Logits => Read(graph.Logits
        ?? throw new InvalidOperationException(
            $"The logits are not kept; set {nameof(RunnerOptions)}.{nameof(RunnerOptions.VocabularyLogits)}."));

    /// <summary>Embeddings and layers, [tokens, hidden] each, the dead tail included.</summary>
    public IEnumerable<float[]> HiddenStates => graph.HiddenStates.Select(Read);

    internal Plan Plan { get; }

    private float[] Read(Tensor tensor)
    {
        using Lock.Scope reading = arena.Enter();
        return arena.Uses == use
            ? Plan.Output<float>(tensor).ToArray()
            : throw new InvalidOperationException(
                "The results of this run are gone, as its memory has been used for another; read them before the next run, "
                    + "and in no other thread.");
    }
}
