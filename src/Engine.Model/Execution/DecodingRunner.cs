using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Passes;
using Engine.Model.Batching;

namespace Engine.Model.Execution;

/// <summary>Tokens with which a row goes on.</summary>
/// <param name="Row">The row of the cache.</param>
/// <param name="Ids">At least one token.</param>
public readonly record struct RowTokens(int Row, ReadOnlyMemory<int> Ids);

/// <summary>
/// Runs texts through a decoder token by token with a key/value cache. A prompt of many tokens and a single next token run alike, side by side where they come together; plans
/// are kept by the number of tokens. Not safe for use by several threads.
/// </summary>
public sealed class DecodingRunner : IDisposable
{
    /// <summary>Long prompts are cut into pieces of so many tokens, which bounds the memory of intermediates.</summary>
    public const int DefaultStepTokens = 512;

    private readonly Device device;
    private readonly KeyValueCache cache;
    private readonly DecodingInputs inputs;
    private readonly DecodingStep step;
    private readonly Arena arena;
    private readonly int maxStepTokens;
    private readonly RecentlyUsed<(TransformerModel Model, BatchShape Shape), Entry> entries = new(RunnerOptions.DefaultPlanBytes, entry => entry.Plan.HostBytes);
    private readonly int[] lengths;
    private readonly int[] fed;

    /// <param name="model">A decoder, allocated and loaded on the device.</param>
    /// <param name="rows">Texts that run side by side.</param>
    /// <param name="capacity">Tokens each text may have; at most the model's longest.</param>
    /// <param name="stepTokens">The most tokens that run at once, at least <paramref name="rows"/>.</param>
    /// <exception cref="ArgumentException">The capacity is more than the model takes, or a number is not positive.</exception>
    public DecodingRunner(Device device, TransformerModel model, int rows, int capacity, int stepTokens = DefaultStepTokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        if (capacity > model.Architecture.MaxLength)
        {
            throw new ArgumentException($"A context of {capacity} tokens is more than the {model.Architecture.MaxLength} positions of {model.Architecture.Name}.", nameof(capacity));
        }

        this.device = device;
        Model = model;
        maxStepTokens = Math.Max(stepTokens, rows);
        int bucket = TokenBuckets.RoundUp(maxStepTokens);
        cache = new KeyValueCache(rows, capacity);
        inputs = new DecodingInputs(cache, bucket, model.Architecture.PadTokenId);
        step = new DecodingStep(rows, bucket);
        arena = new Arena(device);
        lengths = new int[rows];
        fed = new int[rows];
        inputs.Allocate(device);
    }

    /// <summary>The model that runs.</summary>
    public TransformerModel Model { get; private set; }

    public int Rows => cache.Rows;

    /// <summary>Tokens each row may have.</summary>
    public int Capacity => cache.Capacity;

    /// <summary>Where to add each launch's time; null: launches are not timed.</summary>
    public Profile? Profile { get; set; }

    /// <summary>Tokens of a row that the cache holds.</summary>
    public int Length(int row) => lengths[row];

    /// <summary>Forgets a row's tokens from <paramref name="length"/> on.</summary>
    public void Truncate(int row, int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, lengths[row]);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        lengths[row] = length;
    }

    /// <summary>Goes on with another model of the same architecture, such as one with another adapter. The cache forgets every row, since keys and values were the other model's.</summary>
    public void Use(TransformerModel model)
    {
        if (model != Model)
        {
            Model = model;
            lengths.AsSpan().Clear();
        }
    }

    /// <summary>Runs tokens on and gives the logits after the last token of each row.</summary>
    /// <param name="feeds">Rows in ascending order, each once.</param>
    /// <param name="logits">Receives [feeds, vocabulary].</param>
    /// <exception cref="DataFileException">An id outside of the vocabulary.</exception>
    /// <exception cref="ArgumentException">Rows out of order, a row without tokens or with more than the cache has places for.</exception>
    public void Run(ReadOnlySpan<RowTokens> feeds, Span<float> logits)
    {
        int vocabulary = Model.Architecture.OutputSize;
        Check(feeds);
        ArgumentOutOfRangeException.ThrowIfLessThan(logits.Length, checked(feeds.Length * vocabulary), nameof(logits));
        fed.AsSpan().Clear();
        for (int first = 0; first < feeds.Length;)
        {
            // Rows whose tokens all fit run to their end; the first that does not gets what room is left, and goes on in the next step.
            int done = first;
            step.Clear();
            while (done < feeds.Length && step.Tokens < maxStepTokens)
            {
                (int row, ReadOnlyMemory<int> ids) = feeds[done];
                int count = Math.Min(ids.Length - fed[row], maxStepTokens - step.Tokens);
                bool complete = fed[row] + count == ids.Length;
                step.Add(row, ids.Span.Slice(fed[row], count), lengths[row], Capacity, complete);
                fed[row] += count;
                lengths[row] += count;
                done += complete ? 1 : 0;
            }

            RunStep(logits.Slice(first * vocabulary, step.Selected * vocabulary));
            first = done;
        }
    }

    public void Dispose()
    {
        entries.Dispose();
        arena.Dispose();
        inputs.Dispose();
        cache.Dispose();
    }

    private void Check(ReadOnlySpan<RowTokens> feeds)
    {
        int last = -1;
        foreach ((int row, ReadOnlyMemory<int> ids) in feeds)
        {
            if (row <= last || row >= Rows)
            {
                throw new ArgumentException($"Row {row} follows row {last}; rows must rise and lie below {Rows}.", nameof(feeds));
            }

            if (ids.Length == 0 || lengths[row] + ids.Length > Capacity)
            {
                throw new ArgumentException($"Row {row} has {lengths[row]} tokens and gets {ids.Length} more; at least 1 was expected, and at most {Capacity} in all.", nameof(feeds));
            }

            foreach (int id in ids.Span)
            {
                if (id < 0 || id >= Model.Architecture.VocabularySize)
                {
                    throw new DataFileException("prompt", $"the token {id} is not in the model's vocabulary of {Model.Architecture.VocabularySize} (0 to {Model.Architecture.VocabularySize - 1}).");
                }
            }

            last = row;
        }
    }

    private void RunStep(Span<float> logits)
    {
        // Where each row has one token, there is nothing to select and nothing to round up.
        BatchShape shape = step.Selected == step.Tokens
            ? new BatchShape(Rows, step.Tokens, 0, LongestRow: 1)
            : new BatchShape(Rows, TokenBuckets.RoundUp(step.Tokens), Math.Max(1, step.Selected), TokenBuckets.RoundUpRow(step.LongestRow));
        Entry entry = EntryOf(shape);
        Plan plan = entry.Plan.In(arena);
        inputs.Upload(step, shape);
        plan.Replay(profile: Profile);
        if (logits.Length > 0)
        {
            plan.Output<float>(entry.Logits).Slice(0, logits.Length).Read(logits);
        }
    }

    private Entry EntryOf(BatchShape shape)
    {
        if (!entries.TryGet((Model, shape), out Entry? entry))
        {
            var graph = new GraphBuilder { Products = Model.Products };
            (BatchTensors batch, CachedAttention attention) = inputs.Tensors(graph, shape);
            Tensor logits = graph.Output(Model.Architecture.Build(new ForwardBuilder(Model, graph, batch, attention)).ToLogits(graph));
            RowSelectionPass.Run(graph);
            FusionPass.Run(graph);
            entry = new Entry(logits, new ArenaPlan(device, Planner.Layout(device, graph)));
            entries.Add((Model, shape), entry);
            cache.Allocate(device);
        }

        return entry;
    }

    private sealed record Entry(Tensor Logits, ArenaPlan Plan) : IDisposable
    {
        public void Dispose() => Plan.Dispose();
    }
}
