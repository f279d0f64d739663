using System.Text.Json.Nodes;
using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Peft;

namespace Engine.Model.Forms;

/// <summary>
/// What an adapter computes where it is more than LoRA: y = x W^T + bias + scale f(x A^T) B^T, with an f that has tensors of its own. A
/// form reserves these, writes the layer's forward pass, for training, evaluation and decoding alike, and says what its files hold. A
/// training method chooses it.
/// </summary>
internal abstract record AdapterForm
{
    private protected AdapterForm()
    {
    }

    /// <summary>What messages call it: the name of its training method.</summary>
    public abstract string Name { get; }

    /// <summary>
    /// The <c>peft_type</c> of its adapter folders, which PEFT does not know and so refuses; null: it is written as the plain LoRA that it
    /// equals.
    /// </summary>
    public virtual string? FileType => null;

    /// <summary>The form as an adapter folder tells it; null where that is LoRA.</summary>
    public virtual AdapterForm? AsStored => FileType is null ? null : this;

    /// <summary>The frozen weight is another than the checkpoint's, and so this layer's own.</summary>
    internal virtual bool ChangesWeight => false;

    /// <summary>Layers that read inputs of one width have one A.</summary>
    internal virtual bool SharesA => false;

    /// <summary>B has so many times rank columns.</summary>
    internal virtual int Heads => 1;

    /// <summary>In batches that come with padding its loss counts this, too, and so the model computes it.</summary>
    public virtual bool CountsPadding => false;

    /// <summary>It adds a term to the loss of training passes (<see cref="FormPass.AddTerm"/>).</summary>
    public virtual bool HasLossTerm => false;

    /// <summary>Why it cannot be merged into the weights, as the rest of a sentence; null where it is written as LoRA.</summary>
    public virtual string? Unmergeable => null;

    /// <summary>The form in a run of so many tasks, one after another.</summary>
    public virtual AdapterForm ForTasks(int tasks) => this;

    /// <summary>What the form does not go with, in the key's words; null for nothing.</summary>
    public virtual string? Problem(AdapterConfig config, Architecture architecture) =>
        config.UseDora ? $"{Setting.Of("use_dora")} is true: DoRA is a form of adapters of its own; leave it out"
        : config.InitChangesBaseWeights ? $"{Setting.Of("init_lora_weights")} is '{config.InitLoraWeights}', which has a start of its own; "
            + "leave it out"
        : null;

    /// <summary>What a layer's product is multiplied by.</summary>
    public virtual double ScaleOf(AdapterConfig config, LinearSpec linear) => config.ScalingOf(linear.Module);

    /// <summary>The tensors a layer has beside A and B.</summary>
    internal abstract IReadOnlyList<FormTensor> Tensors(LinearSpec linear, int rank);

    /// <summary>A layer's tensors as files hold them.</summary>
    /// <param name="oneWidth">All adapted layers read inputs of one width.</param>
    internal abstract IReadOnlyList<StoredPart> Stored(LinearSpec linear, int rank, bool oneWidth);

    /// <summary>The tensors of each layer as files hold them; layers may share one.</summary>
    internal IEnumerable<(LinearSpec Linear, IReadOnlyList<StoredPart> Parts)> Stored(IReadOnlyList<(LinearSpec Linear, int Rank)> layers)
    {
        bool oneWidth = layers.Select(layer => layer.Linear.InFeatures).Distinct().Count() == 1;
        return layers.Select(layer => (layer.Linear, Stored(layer.Linear, layer.Rank, oneWidth)));
    }

    /// <summary>f: what stands between A and B.</summary>
    /// <param name="projected">x A^T [tokens, rank], of the dropped x where LoRA dropout is on.</param>
    /// <returns>[tokens, columns of B].</returns>
    internal abstract Tensor Between(FormPass pass, Tensor projected);

    /// <summary>The layer's output.</summary>
    /// <param name="weight">The frozen weight as this pass uses it.</param>
    internal virtual Tensor Apply(FormPass pass, Tensor weight, Tensor? bias)
    {
        GraphBuilder graph = pass.Graph;
        LoraLinear layer = pass.Layer;
        Tensor between = Between(pass, graph.Linear(pass.DroppedInput, graph.Read(layer.A)));
        return graph.MatMul(
            between, graph.Read(layer.B), MatMulLayout.NT, layer.Scale, addTo: graph.Linear(pass.Input, weight, bias));
    }

    /// <summary>The start of a new adapter, whose A and B have LoRA's. The weight is loaded.</summary>
    internal virtual void Start(LoraLinear layer, ulong seed)
    {
    }

    /// <summary>The tensors of a file are in place.</summary>
    internal virtual void Loaded(LoraLinear layer)
    {
    }

    /// <summary>
    /// How many pairs of factors of its rank a layer equals the sum of, where the form is written as LoRA: one number for all.
    /// </summary>
    internal virtual int PlainPairs(IReadOnlyList<LoraLinear> layers) => 1;

    /// <summary>
    /// A [pairs * rank, in] and B [out, pairs * rank] of the plain LoRA that the layer equals, where the form is written as one.
    /// </summary>
    /// <param name="pairs"><see cref="PlainPairs"/>.</param>
    internal virtual (float[] A, float[] B) Plain(LoraLinear layer, int pairs) =>
        throw new NotSupportedException($"{Name} is not written as LoRA.");

    /// <summary>Adds what an <c>adapter_config.json</c> says of the form.</summary>
    internal virtual void Write(JsonObject config)
    {
    }
}

/// <summary>A tensor that a form gives a layer.</summary>
/// <param name="Part">Its name in the layer.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Decays">Whether weight decay acts on it.</param>
/// <param name="Shared">All layers have the same one, which is known by this name alone; of tensors without weight decay.</param>
internal sealed record FormTensor(string Part, Shape Shape, bool Decays = true, bool Shared = false);

/// <summary>A tensor of a file: a window of one of a layer's tensors.</summary>
/// <param name="Name">Its name without PEFT's prefix.</param>
/// <param name="Part">
/// The layer's tensor: <see cref="A"/>, <see cref="B"/>, one of <see cref="AdapterForm.Tensors"/>, or one that the layer keeps on the host.
/// </param>
/// <param name="Shape">Its shape.</param>
/// <param name="Row">First row in the layer's tensor.</param>
/// <param name="Column">First column there.</param>
/// <param name="Kept">It is kept on the host.</param>
internal sealed record StoredPart(string Name, string Part, Shape Shape, int Row = 0, int Column = 0, bool Kept = false)
{
    public const string A = "lora_A";
    public const string B = "lora_B";

    /// <summary>The part's numbers.</summary>
    public float[] Read(LoraLinear layer)
    {
        if (Kept)
        {
            return layer.Kept[Part];
        }

        Variable variable = layer.Tensor(Part);
        float[] whole = variable.View<float>().ToArray();
        var window = new float[Shape.Count];
        for (int i = 0; i < Shape.Rows; i++)
        {
            whole.AsSpan(((Row + i) * variable.Shape.Columns) + Column, Shape.Columns).CopyTo(window.AsSpan(i * Shape.Columns));
        }

        return window;
    }

    /// <summary>Writes the part's numbers.</summary>
    public void Write(LoraLinear layer, float[] values)
    {
        if (Kept)
        {
            layer.Kept[Part] = values;
            return;
        }

        Variable variable = layer.Tensor(Part);
        float[] whole = variable.View<float>().ToArray();
        for (int i = 0; i < Shape.Rows; i++)
        {
            values.AsSpan(i * Shape.Columns, Shape.Columns).CopyTo(whole.AsSpan(((Row + i) * variable.Shape.Columns) + Column));
        }

        variable.View<float>().Write(whole);
    }
}

/// <summary>An adapted layer in a pass that is being written.</summary>
/// <param name="Graph">The pass.</param>
/// <param name="Layer">The layer.</param>
/// <param name="Input">x [tokens, in].</param>
/// <param name="DroppedInput">The same with LoRA dropout where it is on.</param>
/// <param name="Batch">What the pass reads of the batch.</param>
/// <param name="IsTraining">Whether this is a pass of training.</param>
/// <param name="AddTerm">
/// Adds to the loss of a training pass: makes the sum of all terms from the sum of those before, null for none.
/// </param>
internal sealed record FormPass(
    GraphBuilder Graph, LoraLinear Layer, Tensor Input, Tensor DroppedInput, BatchTensors Batch, bool IsTraining,
    Action<Func<Tensor?, Tensor>> AddTerm)
{
    /// <summary>The layer sees every token, not selected ones alone.</summary>
    public bool ReadsEveryToken => Input.Shape.Rows == Batch.Shape.Tokens;

    /// <summary>Where each text's rows of the input begin, int32 [texts + 1].</summary>
    public Tensor RowStart => ReadsEveryToken ? Batch.RowStart : Batch.Selection!.RowStart;
}
