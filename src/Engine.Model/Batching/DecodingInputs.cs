using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Execution;

namespace Engine.Model.Batching;

/// <summary>
/// Device memory through which decoding graphs read their tokens. A step's shape is (rows of the cache, tokens, places with logits; 0:
/// every token, and the bound of a row's new tokens).
/// </summary>
internal sealed class DecodingInputs : IDisposable
{
    private readonly StorageBlock block = new("inputs");
    private readonly KeyValueCache cache;
    private readonly int padTokenId;
    private readonly Variable inputIds;
    private readonly Variable typeIds;
    private readonly Variable positions;
    private readonly Variable places;
    private readonly Variable rowStart;
    private readonly Variable keyStart;
    private readonly Variable selectionIndex;
    private readonly Variable selectionStart;
    private readonly Variable selectionPosition;

    /// <param name="maxTokens">The most tokens of a step, rounded to a bucket.</param>
    public DecodingInputs(KeyValueCache cache, int maxTokens, int padTokenId)
    {
        this.cache = cache;
        this.padTokenId = padTokenId;
        inputIds = Integers("input_ids", maxTokens);
        typeIds = Integers("type_ids", maxTokens);
        positions = Integers("positions", maxTokens);
        places = Integers("cache_places", maxTokens);
        rowStart = Integers("row_start", cache.Rows + 1);
        keyStart = Integers("key_start", cache.Rows + 1);
        selectionIndex = Integers("selection.index", cache.Rows);
        selectionStart = Integers("selection.start", cache.Rows + 1);
        selectionPosition = Integers("selection.position", cache.Rows);
    }

    public void Allocate(Device device)
    {
        block.Allocate(device);
        keyStart.View<int>().Write([.. Enumerable.Range(0, cache.Rows + 1).Select(row => row * cache.Capacity)]);
    }

    /// <summary>The tensors of one shape.</summary>
    public (BatchTensors Batch, CachedAttention Attention) Tensors(GraphBuilder graph, BatchShape shape)
    {
        var batch = new BatchTensors
        {
            Shape = shape,
            InputIds = Window(inputIds, shape.Tokens),
            Positions = Window(positions, shape.Tokens),
            TypeIds = Window(typeIds, shape.Tokens),
            PositionInRow = Window(positions, shape.Tokens),
            RowStart = graph.Read(rowStart),
            Selection = shape.Selected == 0
                ? null
                : new RowSelectionInputs(
                    Window(selectionIndex, shape.Selected), graph.Read(selectionStart), Window(selectionPosition, shape.Selected),
                    MaxPerRow: 1),
        };
        return (batch, new CachedAttention(cache, Window(places, shape.Tokens), graph.Read(keyStart)));

        Tensor Window(Variable variable, int count) => graph.Read(block.Overlay(variable.Name, new Shape(count), variable));
    }

    /// <summary>Copies a step to the device.</summary>
    public void Upload(DecodingStep step, BatchShape shape)
    {
        step.InputIds.AsSpan(step.Tokens, shape.Tokens - step.Tokens).Fill(padTokenId);
        step.Positions.AsSpan(step.Tokens, shape.Tokens - step.Tokens).Clear();
        step.Places.AsSpan(step.Tokens, shape.Tokens - step.Tokens).Fill(-1);
        Write(inputIds, step.InputIds, shape.Tokens);
        Write(positions, step.Positions, shape.Tokens);
        Write(places, step.Places, shape.Tokens);
        Write(rowStart, step.RowStart, cache.Rows + 1);
        if (shape.Selected > 0)
        {
            step.SelectionIndex.AsSpan(step.Selected, shape.Selected - step.Selected).Fill(-1);
            step.SelectionPosition.AsSpan(step.Selected, shape.Selected - step.Selected).Clear();
            Write(selectionIndex, step.SelectionIndex, shape.Selected);
            Write(selectionStart, step.SelectionStart, cache.Rows + 1);
            Write(selectionPosition, step.SelectionPosition, shape.Selected);
        }
    }

    public void Dispose() => block.Dispose();

    private static void Write(Variable variable, int[] values, int count) => variable.View<int>().Write(values.AsSpan(0, count));

    private Variable Integers(string name, int count) => block.Reserve(name, new Shape(count), ElementType.Int32);
}

/// <summary>The tokens of one step in host memory, gathered row by row.</summary>
internal sealed class DecodingStep(int rows, int maxTokens)
{
    public int[] InputIds { get; } = new int[maxTokens];

    /// <summary>[tokens] The token's index in its text.</summary>
    public int[] Positions { get; } = new int[maxTokens];

    /// <summary>[tokens] The token's row in the cache.</summary>
    public int[] Places { get; } = new int[maxTokens];

    /// <summary>[rows + 1]</summary>
    public int[] RowStart { get; } = new int[rows + 1];

    /// <summary>[selected] The last token of each text that is complete.</summary>
    public int[] SelectionIndex { get; } = new int[rows];

    /// <summary>[rows + 1]</summary>
    public int[] SelectionStart { get; } = new int[rows + 1];

    /// <summary>[selected]</summary>
    public int[] SelectionPosition { get; } = new int[rows];

    public int Tokens { get; private set; }

    /// <summary>Texts whose last token is in this step.</summary>
    public int Selected { get; private set; }

    /// <summary>The most tokens that a row adds.</summary>
    public int LongestRow { get; private set; }

    public void Clear()
    {
        Tokens = Selected = LongestRow = 0;
        RowStart.AsSpan().Clear();
        SelectionStart.AsSpan().Clear();
    }

    /// <summary>Adds tokens of a row; rows come in ascending order.</summary>
    /// <param name="position">The first token's index in its text.</param>
    /// <param name="capacity">The cache's places for each row.</param>
    /// <param name="complete">The logits after the last of the tokens are wanted.</param>
    public void Add(int row, ReadOnlySpan<int> ids, int position, int capacity, bool complete)
    {
        for (int i = 0; i < ids.Length; i++)
        {
            InputIds[Tokens] = ids[i];
            Positions[Tokens] = position + i;
            Places[Tokens++] = (row * capacity) + position + i;
        }

        if (complete)
        {
            SelectionIndex[Selected] = Tokens - 1;
            SelectionPosition[Selected++] = position + ids.Length - 1;
        }

        LongestRow = Math.Max(LongestRow, ids.Length);
        RowStart.AsSpan(row + 1).Fill(Tokens);
        SelectionStart.AsSpan(row + 1).Fill(Selected);
    }
}
