using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using MemoryMarshal = System.Runtime.InteropServices.MemoryMarshal;

namespace Engine.Model.Batching;

/// <summary>The tensors through which a graph reads a batch.</summary>
internal record BatchTensors
{
    public required BatchShape Shape { get; init; }

    /// <summary>int32 [tokens].</summary>
    public required Tensor InputIds { get; init; }

    /// <summary>Rows of the position table, int32 [tokens].</summary>
    public required Tensor Positions { get; init; }

    /// <summary>int32 [tokens].</summary>
    public required Tensor TypeIds { get; init; }

    /// <summary>Index of each token in its text, int32 [tokens].</summary>
    public required Tensor PositionInRow { get; init; }

    /// <summary>int32 [rows + 1].</summary>
    public required Tensor RowStart { get; init; }

    /// <summary>
    /// For each token its row of the word embeddings' trained ones, -1 for none, int32 [tokens]; null where no rows are trained.
    /// </summary>
    public Tensor? TrainedSlots { get; init; }

    /// <summary>The last token of its text that each token attends to, int32 [tokens]; null where texts have no padding.</summary>
    public Tensor? LastVisible { get; init; }

    /// <summary>The places whose logits are wanted; null: all tokens.</summary>
    public required RowSelectionInputs? Selection { get; init; }

    /// <summary>State of the dropout generator, uint32 [<see cref="RandomState.Count"/>]; null where nothing is dropped.</summary>
    public Tensor? DropoutRandom { get; init; }
}

/// <summary>A batch with what its loss reads.</summary>
internal sealed record LossTensors : BatchTensors
{
    /// <summary>int32 [places].</summary>
    public required Tensor Labels { get; init; }

    /// <summary>float32 [places], or [places, classes] where a text has any number of classes.</summary>
    public required Tensor Targets { get; init; }

    /// <summary>float32 [<see cref="StepScalars.Count"/>].</summary>
    public required Tensor Scalars { get; init; }
}

/// <summary>Device memory for the largest batch of a run; batches of every shape are written to its front.</summary>
internal sealed class BatchInputs : IDisposable
{
    private readonly StorageBlock block = new("inputs");
    private readonly Architecture architecture;
    private readonly BatchShape capacity;
    private readonly Variable inputIds;
    private readonly Variable positions;
    private readonly Variable typeIds;
    private readonly Variable positionInRow;
    private readonly Variable rowStart;
    private readonly Variable selectionIndex;
    private readonly Variable selectionStart;
    private readonly Variable selectionPosition;
    private readonly Variable labels;
    private readonly Variable targets;
    private readonly int targetColumns;
    private readonly Variable? trainedSlots;
    private readonly Variable? lastVisible;
    private readonly Dictionary<int, int> slotOfToken = [];

    /// <summary>Where a batch's arrays are padded before they are copied: uploading allocates nothing.</summary>
    private readonly int[] staging;

    /// <param name="capacity">The largest number of rows, tokens (rounded to a bucket) and selected places.</param>
    /// <param name="trained">The word embeddings' rows that are trained (<see cref="TransformerModel.EmbeddingRows"/>); null for
    /// none.</param>
    public BatchInputs(Architecture architecture, BatchShape capacity, TokenRows? trained = null)
    {
        this.architecture = architecture;
        this.capacity = capacity;
        int places = Math.Max(capacity.Selected, capacity.Tokens);
        bool finds = architecture.Head == HeadKind.QuestionAnswering;
        inputIds = Integers("input_ids", capacity.Tokens);
        positions = Integers("positions", capacity.Tokens);
        typeIds = Integers("type_ids", capacity.Tokens);
        positionInRow = Integers("position_in_row", capacity.Tokens);
        rowStart = Integers("row_start", capacity.Rows + 1);
        selectionIndex = Integers("selection.index", capacity.Selected);
        selectionStart = Integers("selection.start", capacity.Rows + 1);
        selectionPosition = Integers("selection.position", capacity.Selected);
        labels = Integers("labels", finds ? Math.Max(places, 2 * capacity.Rows) : places);
        targetColumns = architecture.Head == HeadKind.MultiLabelClassification ? architecture.OutputSize : 1;
        targets = block.Reserve("targets", new Shape(places * targetColumns));
        if (trained is not null)
        {
            trainedSlots = Integers("trained_slots", capacity.Tokens);

            // The padding row gets no gradient from the embedding, trained or not, as in PyTorch.
            slotOfToken = trained.Indices.Index().Where(pair => pair.Item != architecture.EmbeddingPaddingId)
                .ToDictionary(pair => pair.Item, pair => pair.Index);
        }

        lastVisible = capacity.Padded ? Integers("last_visible", capacity.Tokens) : null;
        Scalars = block.Reserve("scalars", new Shape(StepScalars.Count));
        DropoutRandom = block.Reserve("dropout_random", new Shape(RandomState.Count), ElementType.UInt32);
        NoiseRandom = block.Reserve("noise_random", new Shape(RandomState.Count), ElementType.UInt32);
        int most = Math.Max(Math.Max(places, 3 * capacity.Selected), capacity.Rows * Math.Max(2, targetColumns));
        staging = new int[most + capacity.Rows + 1];
    }

    public StorageBlock Block => block;

    public Variable Scalars { get; }

    public Variable DropoutRandom { get; }

    public Variable NoiseRandom { get; }

    /// <summary>The tensors of one shape.</summary>
    public LossTensors Tensors(GraphBuilder graph, BatchShape shape)
    {
        if (shape.Rows > capacity.Rows || shape.Tokens > capacity.Tokens || shape.Selected > capacity.Selected)
        {
            throw new ArgumentException($"A batch of shape {shape} exceeds the inputs' capacity {capacity}.");
        }

        int places = shape.Selected == 0 ? shape.Tokens : shape.Selected;
        int maxPerRow = architecture.Head.PredictsTokens()
            ? Math.Min(Math.Min(architecture.MaxLength, shape.LongestRow), shape.Selected)
            : 1;
        return new LossTensors
        {
            Shape = shape,
            InputIds = Window(inputIds, shape.Tokens),
            Positions = Window(positions, shape.Tokens),
            TypeIds = Window(typeIds, shape.Tokens),
            PositionInRow = Window(positionInRow, shape.Tokens),
            RowStart = Window(rowStart, shape.Rows + 1),
            TrainedSlots = trainedSlots is null ? null : Window(trainedSlots, shape.Tokens),
            LastVisible = shape.Padded ? Window(lastVisible!, shape.Tokens) : null,
            Selection = shape.Selected == 0
                ? null
                : new RowSelectionInputs(
                    Window(selectionIndex, shape.Selected), Window(selectionStart, shape.Rows + 1),
                    Window(selectionPosition, shape.Selected), maxPerRow),
            Labels = Window(labels, architecture.Head switch
            {
                HeadKind.QuestionAnswering => 2 * shape.Rows,
                HeadKind.MultipleChoice => shape.Samples,
                _ => places,
            }),
            Targets = Window(targets, architecture.Head == HeadKind.Similarity ? shape.Samples : places * targetColumns),
            Scalars = graph.Read(Scalars),
            DropoutRandom = graph.Read(DropoutRandom),
        };

        Tensor Window(Variable variable, int count) => graph.Read(block.Overlay(variable.Name, new Shape(count), variable));
    }

    /// <summary>Checks a batch and copies it to the device.</summary>
    /// <param name="source">What the batch was made from, for messages.</param>
    /// <exception cref="DataFileException">An id, a type, a label or a length that the model does not take.</exception>
    public void Upload(RaggedBatch batch, BatchShape shape, string source)
    {
        batch.RequireWithin(
            source, architecture.VocabularySize, architecture.MaxLength, architecture.TypeVocabularySize,
            architecture.Head == HeadKind.TokenClassification ? architecture.OutputSize : null);
        batch.RequireClasses(source, architecture.Head == HeadKind.MultipleChoice ? batch.TextsPerRow : architecture.OutputSize);
        batch.RequireSpans(source);
        Write(inputIds, batch.InputIds.AsSpan(0, batch.TokenCount), shape.Tokens, architecture.PadTokenId);
        Write(typeIds, batch.TypeIds.AsSpan(0, batch.TokenCount), shape.Tokens, 0);
        Write(positionInRow, batch.Positions.AsSpan(0, batch.TokenCount), shape.Tokens, 0);
        Write(rowStart, batch.Texts, shape.Rows + 1, batch.TokenCount);
        Span<int> modelPositions = staging.AsSpan(0, batch.TokenCount);
        for (int text = 0; text < batch.TextCount; text++)
        {
            Range range = batch.Texts[text]..batch.Texts[text + 1];
            architecture.FillPositions(batch.InputIds.AsSpan()[range], modelPositions[range]);
        }

        Write(positions, modelPositions, shape.Tokens, 0);
        if (batch.LastVisible is { } visible)
        {
            Write(lastVisible!, visible.AsSpan(0, batch.TokenCount), shape.Tokens, -1);
        }

        if (trainedSlots is not null)
        {
            WriteSlots(trainedSlots, batch.InputIds.AsSpan(0, batch.TokenCount), shape.Tokens);
        }

        if (architecture.Head is HeadKind.Regression or HeadKind.MultiLabelClassification or HeadKind.Similarity)
        {
            WriteTargets(batch);
        }

        if (architecture.Head == HeadKind.QuestionAnswering)
        {
            Write(labels, batch.SpanLabels, 2 * batch.RowCount, RaggedBatch.IgnoredLabel);
        }
        else if (!architecture.Head.PredictsTokens())
        {
            SelectPooledTokens(batch);
        }
        else if (shape.Selected > 0)
        {
            SelectLabelledTokens(batch, shape);
        }
        else
        {
            Write(labels, batch.TokenLabels.AsSpan(0, batch.TokenLabels is null ? 0 : batch.TokenCount), shape.Tokens,
                RaggedBatch.IgnoredLabel);
        }
    }

    public void Dispose() => block.Dispose();

    private void WriteSlots(Variable slots, ReadOnlySpan<int> ids, int count)
    {
        Span<int> values = staging.AsSpan(0, count);
        values.Fill(-1);
        for (int token = 0; token < ids.Length; token++)
        {
            values[token] = slotOfToken.GetValueOrDefault(ids[token], -1);
        }

        slots.View<int>().Write(values);
    }

    /// <summary>Writes the targets; NaN, which the loss leaves out, where the batch has none.</summary>
    private void WriteTargets(RaggedBatch batch)
    {
        Span<float> values = MemoryMarshal.Cast<int, float>(staging.AsSpan(0, batch.RowCount * targetColumns));
        values.Fill(float.NaN);
        batch.Targets.AsSpan().CopyTo(values);
        targets.View<float>().Write(values);
    }

    private void SelectPooledTokens(RaggedBatch batch)
    {
        Write(labels, batch.ClassLabels, batch.RowCount, RaggedBatch.IgnoredLabel);
        Span<int> position = staging.AsSpan(0, batch.TextCount);
        Span<int> index = staging.AsSpan(batch.TextCount, batch.TextCount);
        for (int text = 0; text < batch.TextCount; text++)
        {
            position[text] = architecture.PooledToken(batch.InputIds.AsSpan()[batch.Texts[text]..batch.Texts[text + 1]]);
            index[text] = batch.Texts[text] + position[text];
            position[text] = batch.LastVisible?[index[text]] ?? position[text];
        }

        selectionPosition.View<int>().Write(position);
        selectionIndex.View<int>().Write(index);
        Span<int> start = staging.AsSpan(0, batch.TextCount + 1);
        for (int text = 0; text < start.Length; text++)
        {
            start[text] = text;
        }

        selectionStart.View<int>().Write(start);
    }

    private void SelectLabelledTokens(RaggedBatch batch, BatchShape shape)
    {
        int[] tokenLabels = batch.TokenLabels ?? throw new ArgumentException("A selection of labelled tokens needs labels.", nameof(batch));
        Span<int> index = staging.AsSpan(0, shape.Selected);
        Span<int> position = staging.AsSpan(index.Length, shape.Selected);
        Span<int> label = staging.AsSpan(2 * index.Length, shape.Selected);
        Span<int> start = staging.AsSpan(3 * index.Length, batch.RowCount + 1);
        int places = 0;
        for (int row = 0; row < batch.RowCount; row++)
        {
            start[row] = places;
            for (int token = batch.RowStart[row]; token < batch.RowStart[row + 1]; token++)
            {
                if (tokenLabels[token] != RaggedBatch.IgnoredLabel)
                {
                    index[places] = token;
                    position[places] = batch.LastVisible?[token] ?? batch.Positions[token];
                    label[places++] = tokenLabels[token];
                }
            }
        }

        start[batch.RowCount] = places;
        index[places..].Fill(-1);
        position[places..].Clear();
        label[places..].Fill(RaggedBatch.IgnoredLabel);
        selectionIndex.View<int>().Write(index);
        selectionPosition.View<int>().Write(position);
        labels.View<int>().Write(label);
        selectionStart.View<int>().Write(start);
    }

    private Variable Integers(string name, int count) => block.Reserve(name, new Shape(count), ElementType.Int32);

    /// <summary>Writes the first <paramref name="count"/> elements: the source, then the fill value.</summary>
    private void Write(Variable variable, ReadOnlySpan<int> source, int count, int fill)
    {
        Span<int> padded = staging.AsSpan(0, count);
        source.CopyTo(padded);
        padded[source.Length..].Fill(fill);
        variable.View<int>().Write(padded);
    }
}
