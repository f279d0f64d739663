using Engine.Common;
using Engine.Devices;
using Engine.Devices.Sharing;
using Engine.Graph;
using Engine.Graph.Passes;
using Engine.Model.Batching;
using Engine.Model.Building;

namespace Engine.Model.Execution;

/// <summary>Tokens with which a row goes on.</summary>
/// <param name="Row">The row of the cache.</param>
/// <param name="Ids">At least one token.</param>
internal readonly record struct RowTokens(int Row, ReadOnlyMemory<int> Ids);

/// <summary>
/// Runs texts through a decoder token by token with a key/value cache. A prompt of many tokens and a single next token run alike, side by
/// side where they come together; plans are kept by the number of tokens. One thread at a time: a call that comes while another thread's
/// runs is refused.
/// </summary>
internal sealed class DecodingRunner : IDisposable
{
    /// <summary>Long prompts are cut into pieces of so many tokens, which bounds the memory of intermediates.</summary>
    public const int DefaultStepTokens = 512;

    private readonly Device device;
    private readonly KeyValueCache cache;
    private readonly DecodingInputs inputs;
    private readonly DecodingStep step;
    private readonly Arena arena;
    private readonly int maxStepTokens;
    private readonly RecentlyUsed<(TransformerModel Model, BatchShape Shape), Entry> entries =
        new(RunnerOptions.DefaultPlanBytes, entry => entry.Plan.HostBytes);
    private readonly SoleUse use = new("A decoding runner");
    private readonly int[] lengths;
    private readonly int[] fed;

    /// <summary>The model whose keys and values a row holds.</summary>
    private readonly TransformerModel?[] owners;
    private bool disposed;

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
            throw new ArgumentException(
                $"A context of {capacity} tokens is more than the {model.Architecture.MaxLength} positions of {model.Architecture.Name}.",
                nameof(capacity));
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
        owners = new TransformerModel?[rows];
        fed = new int[rows];
        inputs.Allocate(device);
    }

    /// <summary>The model that runs where a call names none.</summary>
    public TransformerModel Model { get; }

    public int Rows => cache.Rows;

    /// <summary>Tokens each row may have.</summary>
    public int Capacity => cache.Capacity;

    /// <summary>Where to add each launch's time; null: launches are not timed.</summary>
    public Profile? Profile { get; set; }

    /// <summary>Tokens of a row that the cache holds.</summary>
    public int Length(int row) => lengths[row];

    /// <summary>Tokens of a row with which a model can go on: those it read itself.</summary>
    public int Length(int row, TransformerModel model) => owners[row] == model ? lengths[row] : 0;

    /// <summary>Forgets a row's tokens from <paramref name="length"/> on.</summary>
    public void Truncate(int row, int length)
    {
        using Lock.Scope call = use.Enter();
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, lengths[row]);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        lengths[row] = length;
    }

    /// <summary>Lets go of a model's plans, before the model is disposed.</summary>
    public void Forget(TransformerModel model)
    {
        using Lock.Scope call = use.Wait();
        entries.Remove(key => key.Model == model);
    }

    /// <summary>Runs tokens on and gives the logits after the last token of each row.</summary>
    /// <param name="feeds">Rows in ascending order, each once.</param>
    /// <param name="logits">Receives [feeds, vocabulary].</param>
    /// <param name="model">A model of the same architecture, such as one with an adapter; null: <see cref="Model"/>. A row goes on with the
    /// model it began with.</param>
    /// <exception cref="DataFileException">An id outside of the vocabulary.</exception>
    /// <exception cref="ArgumentException">Rows out of order, a row without tokens or with more than the cache has places for, or one that
    /// holds another model's keys and values.</exception>
    public void Run(ReadOnlySpan<RowTokens> feeds, Span<float> logits, TransformerModel? model = null)
    {
        using Lock.Scope call = use.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        model ??= Model;
        Check(feeds, model);
        ArgumentOutOfRangeException.ThrowIfLessThan(logits.Length, checked(feeds.Length * model.Architecture.OutputSize), nameof(logits));
        fed.AsSpan().Clear();
        try
        {
            Feed(feeds, logits, model);
        }
        catch
        {
            // What the cache has of the tokens that were under way is not known.
            foreach (RowTokens row in feeds)
            {
                lengths[row.Row] -= fed[row.Row];
            }

            throw;
        }
    }

    /// <summary>Frees the cache and the plans, once the call that is under way has returned.</summary>
    public void Dispose()
    {
        using Lock.Scope call = use.Wait();
        disposed = true;
        entries.Dispose();
        arena.Dispose();
        inputs.Dispose();
        cache.Dispose();
    }

    private void Feed(ReadOnlySpan<RowTokens> feeds, Span<float> logits, TransformerModel model)
    {
        int vocabulary = model.Architecture.OutputSize;
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
                owners[row] = model;
                done += complete ? 1 : 0;
            }

            RunStep(logits.Slice(first * vocabulary, step.Selected * vocabulary), model);
            first = done;
        }
    }

    private void Check(ReadOnlySpan<RowTokens> feeds, TransformerModel model)
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
                throw new ArgumentException(
                    $"Row {row} has {lengths[row]} tokens and gets {ids.Length} more; "
                        + $"at least 1 was expected, and at most {Capacity} in all.", nameof(feeds));
            }

            if (lengths[row] > 0 && owners[row] != model)
            {
                throw new ArgumentException(
                    $"Row {row} holds {lengths[row]} tokens that another model read; truncate it to 0 first.", nameof(feeds));
            }

            foreach (int id in ids.Span)
            {
                if (id < 0 || id >= Model.Architecture.VocabularySize)
                {
                    throw new DataFileException(
                        "prompt",
                        $"the token {id} is not in the model's vocabulary of {Model.Architecture.VocabularySize} (0 "
                            + $"to {Model.Architecture.VocabularySize - 1}).");
                }
            }

            last = row;
        }
    }

    private void RunStep(Span<float> logits, TransformerModel model)
    {
        // Where each row has one token, there is nothing to select and nothing to round up.
        BatchShape shape = step.Selected == step.Tokens
            ? new BatchShape(Rows, step.Tokens, 0, LongestRow: 1)
            : new BatchShape(Rows, TokenBuckets.RoundUp(step.Tokens), Math.Max(1, step.Selected), TokenBuckets.RoundUpRow(step.LongestRow));
        Entry entry = EntryOf(model, shape);
        Plan plan = entry.Plan.In(arena);
        inputs.Upload(step, shape);
        plan.Replay(profile: Profile);
        if (logits.Length > 0)
        {
            plan.Output<float>(entry.Logits).Slice(0, logits.Length).Read(logits);
        }
    }

    private Entry EntryOf(TransformerModel model, BatchShape shape)
    {
        if (!entries.TryGet((model, shape), out Entry? entry))
        {
            var graph = new GraphBuilder { Products = model.Products };
            (BatchTensors batch, CachedAttention attention) = inputs.Tensors(graph, shape);
            Tensor logits = graph.Output(model.Architecture.Build(new ForwardBuilder(model, graph, batch, attention)).ToLogits(graph));
            RowSelectionPass.Run(graph);
            FusionPass.Run(graph);
            entry = new Entry(logits, new ArenaPlan(device, Planner.Layout(device, graph)));
            entries.Add((model, shape), entry);
            cache.Allocate(device);
        }

        return entry;
    }

    private sealed record Entry(Tensor Logits, ArenaPlan Plan) : IDisposable
    {
        public void Dispose() => Plan.Dispose();
    }
}
