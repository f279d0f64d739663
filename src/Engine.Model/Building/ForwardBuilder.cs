using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Forms;

namespace Engine.Model.Building;

/// <summary>
/// What an architecture writes its forward pass with: parameters by checkpoint name, linear layers with whatever adapter sits on
/// them, dropout that is off in evaluation, attention over the batch's rows.
/// </summary>
internal sealed class ForwardBuilder
{
    private readonly TransformerModel model;
    private readonly bool dropoutOn;
    private readonly RunnerOptions? training;
    private readonly List<Tensor> hiddenStates = [];
    private readonly List<Tensor> lossTerms = [];
    private uint dropoutStream = RandomStream.Dropout;
    private readonly CachedAttention? cached;
    private readonly Dictionary<int, Tensor> rotaryAngles = [];
    private readonly Dictionary<string, Tensor> relativeBiases = [];
    private int attentionLayers;

    /// <param name="dropout">Dropout is on.</param>
    /// <param name="training">What a training method changes of adapted layers; null for nothing.</param>
    internal ForwardBuilder(TransformerModel model, GraphBuilder graph, BatchTensors batch, bool dropout, RunnerOptions? training)
    {
        this.model = model;
        dropoutOn = dropout;
        this.training = training;
        Graph = graph;
        Batch = batch;
        foreach (TokenRows rows in model.TokenRows)
        {
            graph.WriteRows(graph.Read(rows.Values), graph.Read(rows.Index), rows.Table);
        }
    }

    /// <param name="cached">The cache that attention adds keys and values to, and reads them from.</param>
    internal ForwardBuilder(TransformerModel model, GraphBuilder graph, BatchTensors batch, CachedAttention cached)
        : this(model, graph, batch, dropout: false, training: null) => this.cached = cached;

    public GraphBuilder Graph { get; }

    public BatchTensors Batch { get; }

    /// <summary>The embeddings' output and each layer's, [tokens, hidden].</summary>
    public IReadOnlyList<Tensor> HiddenStates => hiddenStates;

    /// <summary>What the adapters' forms add to the loss of a training pass, [1]; null for nothing.</summary>
    internal Tensor? LossTerm => lossTerms.LastOrDefault();

    /// <summary>The sums of terms, each with those before it: every one is a loss to differentiate.</summary>
    internal IReadOnlyList<Tensor> LossTerms => lossTerms;

    /// <summary>A parameter by its checkpoint name.</summary>
    public Tensor Parameter(string name) => Graph.Read(model.Parameter(name));

    /// <summary>The word embeddings' trained rows; null where none are trained apart from the others.</summary>
    public TrainedEmbeddings? TrainedEmbeddings => model.EmbeddingRows is { } rows && Batch.TrainedSlots is { } slots
        ? new TrainedEmbeddings(Graph.Read(rows.Values), slots)
        : null;

    /// <summary>A linear layer with its bias and, where it has one, its adapter.</summary>
    public Tensor Linear(Tensor x, string module) => Linears(x, module)[0];

    /// <summary>Linear layers that read one input, with their biases and adapters (<see cref="AdapterBranch"/>).</summary>
    public Tensor[] Linears(Tensor x, params ReadOnlySpan<string> modules)
    {
        var outputs = new Tensor[modules.Length];
        var adapters = new List<LoraLinear>();
        foreach (string module in modules)
        {
            if (model.Adapter(module) is { Form: null } adapter)
            {
                adapters.Add(adapter);
            }
        }

        Dictionary<LoraLinear, AdapterBranch> branches = Branches(x, [.. adapters]);
        for (int i = 0; i < modules.Length; i++)
        {
            string module = modules[i];
            Tensor weight = Parameter($"{module}.weight");
            Tensor? bias = Bias(module);
            LoraLinear? adapter = model.Adapter(module);
            if (adapter is not null && training?.TransformWeight is { } transform)
            {
                weight = transform(Graph, adapter, weight);
            }

            outputs[i] = adapter is null ? Graph.Linear(x, weight, bias)
                : adapter.Form is { } form ? form.Apply(PassOf(adapter, x, recompute: modules.Length > 1), weight, bias)
                : branches[adapter].Apply(adapter, weight, bias);
        }

        return outputs;
    }

    /// <summary>Layer normalization with the module's weight and, where it has one, its bias.</summary>
    public Tensor LayerNorm(Tensor x, string module, float epsilon) =>
        Graph.LayerNorm(x, Parameter($"{module}.weight"), Bias(module), epsilon);

    /// <summary>
    /// Root mean square normalization with the module's weight: of whole rows, or of each head where the weight has a head's size.
    /// </summary>
    /// <param name="oneMore">The factor is 1 + weight.</param>
    public Tensor RmsNorm(Tensor x, string module, float epsilon, bool oneMore = false) =>
        Graph.RmsNorm(x, Parameter($"{module}.weight"), epsilon, oneMore);

    /// <summary>Turns every head of x [tokens, heads * size] by its token's position in the text.</summary>
    /// <param name="set">Which of <see cref="Architecture.Rotaries"/>.</param>
    public Tensor Rotary(Tensor x, int headSize, int set = 0)
    {
        if (!rotaryAngles.TryGetValue(set, out Tensor? angles))
        {
            angles = Graph.RotaryAngles(
                Batch.PositionInRow, Graph.Read(model.RotaryFrequencies(set)), model.Architecture.Rotaries[set].Scale);
            rotaryAngles.Add(set, angles);
        }

        return Graph.Rotary(x, angles, headSize);
    }

    /// <summary>
    /// What attention adds by how far a key lies from its query, of the module's weight [buckets, heads]: computed once for all layers that
    /// ask for it.
    /// </summary>
    public Tensor RelativeBias(string module)
    {
        if (!relativeBiases.TryGetValue(module, out Tensor? bias))
        {
            bias = Graph.RelativeBias(Parameter($"{module}.weight"), Graph.Read(model.RelativeBuckets), LongestRow, LongestRow);
            relativeBiases.Add(module, bias);
        }

        return bias;
    }

    /// <summary>Dropout in training; x itself in evaluation.</summary>
    public Tensor Dropout(Tensor x, float probability)
    {
        uint stream = dropoutStream++;
        return dropoutOn ? Graph.Dropout(x, probability, stream, Batch.DropoutRandom!) : x;
    }

    /// <summary>Self-attention over the batch's rows; q [tokens, heads * size], k and v likewise.</summary>
    public Tensor Attention(Tensor q, Tensor k, Tensor v, int heads, float dropout, AttentionScores? scores = null) =>
        Attention(q, k, v, heads, heads, dropout, causal: false, scores ?? new AttentionScores());

    /// <summary>
    /// Self-attention in which a token sees itself and those before it; q [tokens, heads * size], k and v [tokens, key/value heads * size],
    /// each of their heads read by several of q's.
    /// </summary>
    public Tensor CausalAttention(
        Tensor q, Tensor k, Tensor v, int heads, int keyValueHeads, float dropout, AttentionScores? scores = null) =>
        Attention(q, k, v, heads, keyValueHeads, dropout, causal: true, scores ?? new AttentionScores());

    /// <summary>
    /// The rows whose logits are wanted: one token of each text, or those that must name a label; all where none are selected.
    /// </summary>
    public Tensor TakeSelected(Tensor x) => Batch.Selection is { } selection ? Graph.TakeRows(x, selection) : x;

    /// <summary>One vector for each text of its hidden states x [tokens, hidden].</summary>
    public Tensor Pool(Tensor x, TextPooling pooling) =>
        pooling == TextPooling.Mean ? Graph.MeanPooling(x, Batch.RowStart) : TakeSelected(x);

    /// <summary>
    /// An output layer over the vocabulary, of the module's weight and bias. With an adapter on it the logits are computed as those of any
    /// linear layer.
    /// </summary>
    /// <param name="softCap">Logits z are cap tanh(z / cap); 0 for no cap.</param>
    public ModelOutput VocabularyHead(Tensor hidden, string module, float softCap = 0) => model.Adapter(module) is null
        ? new ModelOutput.VocabularyHead(hidden, Parameter($"{module}.weight"), Bias(module), TrainedRows(module)) { SoftCap = softCap }
        : new ModelOutput.Logits(softCap > 0 ? Graph.SoftCap(Linear(hidden, module), softCap) : Linear(hidden, module));

    /// <summary>The trained rows of a module's weight, which is otherwise frozen; null where none are trained.</summary>
    public TrainedRows? TrainedRows(string module) =>
        model.TokenRows.FirstOrDefault(rows => rows.Module == module) is { } rows
            ? new TrainedRows(Graph.Read(rows.Values), Graph.Read(rows.Index))
            : null;

    /// <summary>
    /// Names a layer's output as a hidden state. With gradient checkpointing it is kept, and what lies between two of them is computed
    /// again.
    /// </summary>
    public void HiddenState(Tensor x) => hiddenStates.Add(x);

    /// <summary>
    /// The branch of each adapter on x: one for all, or where LoRA dropout is on one each, since every layer draws its own mask of the
    /// input, as in PEFT.
    /// </summary>
    private Dictionary<LoraLinear, AdapterBranch> Branches(Tensor x, LoraLinear[] adapters)
    {
        if (adapters.Length == 0)
        {
            return [];
        }

        if (!dropoutOn || adapters.All(adapter => adapter.Dropout == 0))
        {
            var shared = new AdapterBranch(Graph, x, x, adapters, training?.Auxiliary);
            return adapters.ToDictionary(adapter => adapter, _ => shared);
        }

        return adapters.ToDictionary(
            adapter => adapter,
            adapter => new AdapterBranch(Graph, x, Dropped(adapter, x, recompute: adapters.Length > 1), [adapter], training?.Auxiliary));
    }

    /// <summary>What an adapter sees of its layer's input.</summary>
    private Tensor Dropped(LoraLinear adapter, Tensor x, bool recompute) => dropoutOn && adapter.Dropout > 0
        ? Graph.Dropout(x, adapter.Dropout, RandomStream.LoraDropout + (uint)adapter.Index, Batch.DropoutRandom!, recompute: recompute)
        : x;

    private FormPass PassOf(LoraLinear adapter, Tensor x, bool recompute) => new(
        Graph, adapter, x, Dropped(adapter, x, recompute), Batch, dropoutOn, add => lossTerms.Add(add(LossTerm)));

    private Tensor? Bias(string module) => model.HasParameter($"{module}.bias") ? Parameter($"{module}.bias") : null;

    private Tensor Attention(Tensor q, Tensor k, Tensor v, int heads, int keyValueHeads, float dropout, bool causal, AttentionScores scores)
    {
        int tokens = Batch.Shape.Tokens;
        int headSize = q.Shape.Columns / heads;
        int longest = LongestRow;
        var shape = new AttentionShape(
            Batch.Shape.Rows, tokens, tokens, longest, longest, heads, keyValueHeads, headSize,
            scores.Scale ?? (float)(1 / Math.Sqrt(headSize)))
        {
            // Where texts end in padding, how far a token sees is a number of its own.
            Causal = causal || Batch.LastVisible is not null,
            Window = WindowWithin(scores.Window, longest),
            SoftCap = scores.SoftCap,
            BiasQueries = scores.Bias is null ? 0 : longest,
            Dropout = dropoutOn ? dropout : 0f,
            DropoutStream = dropoutStream++,

            // Masks number their elements by what any batch of so many tokens may hold, so that they do not depend on its longest row.
            DropoutPitch = Math.Min(model.Architecture.MaxLength, tokens),
        };
        return cached is null
            ? Graph.Attention(
                shape, q, k, v, Batch.RowStart, Batch.RowStart, Batch.LastVisible ?? Batch.PositionInRow, Batch.DropoutRandom, scores.Bias,
                Batch.PositionInRow)
            : AttentionOverCache(shape with { Window = scores.Window }, q, k, v, cached);
    }

    /// <summary>A bound of the longest text in tokens.</summary>
    private int LongestRow => Math.Min(model.Architecture.MaxLength, Batch.Shape.LongestRow);

    /// <summary>A window that no text reaches beyond is none: attention has a form without, which does less.</summary>
    private static int WindowWithin(int window, int longest) => window < longest ? window : 0;

    /// <summary>
    /// Puts the tokens' keys and values where their rows lie in the cache, and attends over whole rows: a query's position says how far it
    /// sees.
    /// </summary>
    private Tensor AttentionOverCache(AttentionShape shape, Tensor q, Tensor k, Tensor v, CachedAttention cached)
    {
        if (!shape.Causal)
        {
            throw new NotSupportedException(
                $"{model.Architecture.Name} cannot go on token by token: its attention also looks at later tokens.");
        }

        (Variable keys, Variable values) = cached.Cache.Layer(attentionLayers++, k.Shape.Columns);
        Graph.WriteRows(k, cached.Places, keys);
        Graph.WriteRows(v, cached.Places, values);
        shape = shape with
        {
            KeyTokens = keys.Shape.Rows,
            MaxKeyLength = cached.Cache.Capacity,
            Window = WindowWithin(shape.Window, cached.Cache.Capacity),
        };
        return Graph.Attention(
            shape, q, Graph.Read(keys), Graph.Read(values), Batch.RowStart, cached.KeyStart, Batch.PositionInRow, random: null);
    }
}
