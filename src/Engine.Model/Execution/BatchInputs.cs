using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Architectures;

namespace Engine.Model.Execution;

/// <summary>The tensors through which a graph reads a batch.</summary>
public sealed record BatchTensors
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

    /// <summary>The places whose logits are wanted; null: all tokens.</summary>
    public required RowSelectionInputs? Selection { get; init; }

    /// <summary>int32 [places].</summary>
    public required Tensor Labels { get; init; }

    /// <summary>float32 [places].</summary>
    public required Tensor Targets { get; init; }

    /// <summary>float32 [<see cref="StepScalars.Count"/>].</summary>
    public required Tensor Scalars { get; init; }

    /// <summary>State of the dropout generator, uint32 [<see cref="RandomState.Count"/>].</summary>
    public required Tensor DropoutRandom { get; init; }

    /// <summary>State of a method's noise generator, uint32 [<see cref="RandomState.Count"/>].</summary>
    public required Tensor NoiseRandom { get; init; }
}

/// <summary>Device memory for the largest batch of a run; batches of every shape are written to its front.</summary>
public sealed class BatchInputs : IDisposable
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
    private readonly int[] staging;

    /// <param name="capacity">The largest number of rows, tokens (rounded to a bucket) and selected places.</param>
    public BatchInputs(Architecture architecture, BatchShape capacity)
    {
        this.architecture = architecture;
        this.capacity = capacity;
        int places = Math.Max(capacity.Selected, capacity.Tokens);
        inputIds = Integers("input_ids", capacity.Tokens);
        positions = Integers("positions", capacity.Tokens);
        typeIds = Integers("type_ids", capacity.Tokens);
        positionInRow = Integers("position_in_row", capacity.Tokens);
        rowStart = Integers("row_start", capacity.Rows + 1);
        selectionIndex = Integers("selection.index", capacity.Selected);
        selectionStart = Integers("selection.start", capacity.Rows + 1);
        selectionPosition = Integers("selection.position", capacity.Selected);
        labels = Integers("labels", places);
        targets = block.Reserve("targets", new Shape(places));
        Scalars = block.Reserve("scalars", new Shape(StepScalars.Count));
        DropoutRandom = block.Reserve("dropout_random", new Shape(RandomState.Count), ElementType.UInt32);
        NoiseRandom = block.Reserve("noise_random", new Shape(RandomState.Count), ElementType.UInt32);
        staging = new int[places + capacity.Rows + 1];
    }

    public StorageBlock Block => block;

    public Variable Scalars { get; }

    public Variable DropoutRandom { get; }

    public Variable NoiseRandom { get; }

    /// <summary>The shape a batch is run in.</summary>
    /// <param name="allPlaces">Logits at every token, not only where a label or the first token is.</param>
    public static BatchShape ShapeOf(Architecture architecture, RaggedBatch batch, bool allPlaces)
    {
        int tokens = BatchShape.Bucket(batch.Tokens);
        if (architecture.Head != HeadKind.MaskedLm)
        {
            return new BatchShape(batch.Rows, tokens, batch.Rows);
        }

        int selected = allPlaces ? 0 : BatchShape.Bucket(batch.Labels?.Count(label => label != -100) ?? 0);
        return new BatchShape(batch.Rows, tokens, selected);
    }

    /// <summary>The tensors of one shape.</summary>
    public BatchTensors Tensors(GraphBuilder graph, BatchShape shape)
    {
        if (shape.Rows > capacity.Rows || shape.Tokens > capacity.Tokens || shape.Selected > capacity.Selected)
        {
            throw new ArgumentException($"A batch of shape {shape} exceeds the inputs' capacity {capacity}.");
        }

        int places = shape.Selected == 0 ? shape.Tokens : shape.Selected;
        int maxPerRow = architecture.Head == HeadKind.MaskedLm ? architecture.MaxLength : 1;
        return new BatchTensors
        {
            Shape = shape,
            InputIds = Window(inputIds, shape.Tokens),
            Positions = Window(positions, shape.Tokens),
            TypeIds = Window(typeIds, shape.Tokens),
            PositionInRow = Window(positionInRow, shape.Tokens),
            RowStart = Window(rowStart, shape.Rows + 1),
            Selection = shape.Selected == 0
                ? null
                : new RowSelectionInputs(
                    Window(selectionIndex, shape.Selected), Window(selectionStart, shape.Rows + 1), Window(selectionPosition, shape.Selected), maxPerRow),
            Labels = Window(labels, places),
            Targets = Window(targets, places),
            Scalars = graph.Read(Scalars),
            DropoutRandom = graph.Read(DropoutRandom),
            NoiseRandom = graph.Read(NoiseRandom),
        };

        Tensor Window(Variable variable, int count) => graph.Read(block.Overlay(variable.Name, new Shape(count), variable));
    }

    /// <summary>Checks a batch and copies it to the device.</summary>
    /// <exception cref="ArgumentException">An id, a type or a label lies outside its table.</exception>
    public void Upload(RaggedBatch batch, BatchShape shape)
    {
        Check(batch);
        Write(inputIds, batch.InputIds, shape.Tokens, architecture.PadTokenId);
        Write(typeIds, batch.TypeIds, shape.Tokens, 0);
        Write(rowStart, batch.RowStart, shape.Rows + 1, batch.Tokens);
        Span<int> values = staging.AsSpan(0, shape.Tokens);
        values.Clear();
        for (int row = 0; row < batch.Rows; row++)
        {
            Range range = batch.RowStart[row]..batch.RowStart[row + 1];
            architecture.FillPositions(batch.InputIds.AsSpan(range), values[range]);
        }

        Write(positions, values, shape.Tokens, 0);
        for (int row = 0; row < batch.Rows; row++)
        {
            for (int token = batch.RowStart[row]; token < batch.RowStart[row + 1]; token++)
            {
                values[token] = token - batch.RowStart[row];
            }
        }

        Write(positionInRow, values, shape.Tokens, 0);
        if (shape.Selected > 0)
        {
            UploadSelection(batch, shape);
        }
        else if (batch.Labels is not null)
        {
            Write(labels, batch.Labels, shape.Tokens, -100);
        }
    }

    public void Dispose() => block.Dispose();

    private void UploadSelection(RaggedBatch batch, BatchShape shape)
    {
        bool tokens = architecture.Head == HeadKind.MaskedLm;
        var index = new int[shape.Selected];
        var position = new int[shape.Selected];
        var start = new int[shape.Rows + 1];
        var label = new int[shape.Selected];
        label.AsSpan().Fill(-100);
        index.AsSpan().Fill(-1);
        int place = 0;
        for (int row = 0; row < batch.Rows; row++)
        {
            start[row] = place;
            int first = batch.RowStart[row];
            int end = tokens ? batch.RowStart[row + 1] : first + 1;
            for (int token = first; token < end; token++)
            {
                if (tokens && (batch.Labels is null || batch.Labels[token] == -100))
                {
                    continue;
                }

                index[place] = token;
                position[place] = token - first;
                label[place] = batch.Labels is null ? -100 : batch.Labels[tokens ? token : row];
                place++;
            }
        }

        start.AsSpan(batch.Rows).Fill(place);
        selectionIndex.View<int>().Write(index);
        selectionStart.View<int>().Write(start);
        selectionPosition.View<int>().Write(position);
        labels.View<int>().Write(label);
        if (batch.Targets is not null)
        {
            targets.View<float>().Write(batch.Targets);
        }
    }

    private void Check(RaggedBatch batch)
    {
        for (int token = 0; token < batch.Tokens; token++)
        {
            if ((uint)batch.InputIds[token] >= (uint)architecture.VocabularySize)
            {
                throw new ArgumentException(
                    $"Token id {batch.InputIds[token]} lies outside the model's vocabulary of {architecture.VocabularySize}: the tokenizer does not belong to this model.");
            }

            if ((uint)batch.TypeIds[token] >= (uint)architecture.TypeVocabularySize)
            {
                throw new ArgumentException($"Token type {batch.TypeIds[token]} lies outside the model's {architecture.TypeVocabularySize} types.");
            }
        }

        if (batch.LongestRow > architecture.MaxLength)
        {
            throw new ArgumentException($"A text has {batch.LongestRow} tokens; the model takes at most {architecture.MaxLength}. Lower max_length.");
        }

        foreach (int label in batch.Labels ?? [])
        {
            if (label != -100 && (uint)label >= (uint)architecture.OutputSize)
            {
                throw new ArgumentException($"Label {label} lies outside the model's {architecture.OutputSize} classes.");
            }
        }
    }

    private Variable Integers(string name, int count) => block.Reserve(name, new Shape(count), ElementType.Int32);

    private void Write(Variable variable, ReadOnlySpan<int> source, int count, int fill)
    {
        if (source.Length == count)
        {
            variable.View<int>().Write(source);
            return;
        }

        var padded = new int[count];
        source.CopyTo(padded);
        padded.AsSpan(source.Length).Fill(fill);
        variable.View<int>().Write(padded);
    }
}
