using System.Globalization;
using Engine.Common.Keys;
using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Graph.Passes;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Building;
using Engine.Model.Forms;
using Engine.Model.HuggingFace;
using Engine.Model.Loading;
using Engine.Model.Peft;

namespace Engine.Model.Execution;

/// <summary>
/// A model on a device: its parameters as variables, reserved when it is made and allocated later, so that its memory is known before.
/// </summary>
public sealed class TransformerModel : IDisposable
{
    private readonly Dictionary<string, Variable> parameters = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LoraLinear> adapters = new(StringComparer.Ordinal);
    private readonly List<StorageBlock> blocks = [];
    private readonly List<TokenRows> tokenRows = [];
    private readonly Tuning.Lora? adapter;
    private readonly List<Variable> rotaryFrequencies = [];
    private readonly Variable? relativeBuckets;

    /// <summary>Parameters that start as copies of the base model's.</summary>
    private readonly List<(Variable Base, Variable Copy)> copies = [];

    /// <exception cref="ArgumentException">More is trained than <see cref="TrainableParameters.LargestCount"/>, or a target names no
    /// layer.</exception>
    /// <param name="weightType">How frozen matrices are stored: float32, bfloat16 or float16. One-dimensional parameters, and those an
    /// adapter trains and stores whole, are float32.</param>
    internal TransformerModel(Architecture architecture, Tuning tuning, ElementType weightType = ElementType.Float32)
    {
        Architecture = architecture;
        Tuning = tuning;
        WeightType = weightType;
        var trainables = new TrainableParameters();
        adapter = tuning switch
        {
            Tuning.Lora lora => lora,
            Tuning.Frozen frozen => frozen.Adapter,
            _ => null,
        };
        Dictionary<string, LoraTarget> targets = (adapter?.Adapters ?? []).ToDictionary(target => target.Module, StringComparer.Ordinal);
        RequireCountable(targets);
        HashSet<string> written = adapter?.WritesBaseWeights == true ? [.. targets.Keys.Select(module => $"{module}.weight")] : [];
        foreach (ParameterSpec spec in architecture.Parameters)
        {
            if (!IsTrained(spec.Name))
            {
                var block = new StorageBlock("weights");
                blocks.Add(block);
                bool wide = adapter?.SavedParameters.Contains(spec.Name) == true || written.Contains(spec.Name);
                ElementType type = spec.Shape.Rank > 1 && !wide ? weightType : ElementType.Float32;
                parameters.Add(spec.Name, block.Reserve(spec.Name, spec.Shape, type));
            }
        }

        foreach (RotarySet rotary in architecture.Rotaries)
        {
            var block = new StorageBlock("weights");
            blocks.Add(block);
            rotaryFrequencies.Add(block.Reserve("rotary_frequencies", new Shape(rotary.Frequencies.Count), ElementType.UInt64));
        }

        if (architecture.RelativeBuckets is { Count: > 0 } buckets)
        {
            var block = new StorageBlock("weights");
            blocks.Add(block);
            relativeBuckets = block.Reserve("relative_buckets", new Shape(buckets.Count), ElementType.Int32);
        }

        ReserveAdapters(targets, trainables, trained: tuning is Tuning.Lora);
        ReserveTokenRows(trainables);
        foreach (bool decays in (ReadOnlySpan<bool>)[true, false])
        {
            if (!decays && tuning is Tuning.Lora)
            {
                ReserveUndecayed(targets, trainables);
            }

            foreach (ParameterSpec spec in architecture.Parameters.Where(spec => IsTrained(spec.Name) && spec.Decays == decays))
            {
                parameters.Add(spec.Name, trainables.Reserve(spec.Name, spec.Shape, decays));
            }
        }

        if (tuning is not Tuning.Frozen)
        {
            Trainables = trainables;
            blocks.Add(trainables.ValueBlock);
            blocks.Add(trainables.GradientBlock);
        }
    }

    /// <summary>
    /// The model with another adapter; parameters of which the adapter stores nothing are those of <paramref name="baseModel"/>.
    /// </summary>
    private TransformerModel(TransformerModel baseModel, Architecture architecture, Tuning.Lora adapter)
    {
        Architecture = architecture;
        Tuning = new Tuning.Frozen(adapter);
        WeightType = baseModel.WeightType;
        Products = baseModel.Products;
        this.adapter = adapter;
        rotaryFrequencies = baseModel.rotaryFrequencies;
        relativeBuckets = baseModel.relativeBuckets;
        foreach (ParameterSpec spec in Architecture.Parameters)
        {
            // An output layer that the adapter unties is the base model's embeddings.
            Variable shared = baseModel.Parameter(
                baseModel.HasParameter(spec.Name) ? spec.Name : architecture.Aliases.First(alias => alias.Parameter == spec.Name).Name);
            bool saved = adapter.SavedParameters.Contains(spec.Name);
            if (saved || adapter.TokenRows.Any(rows => rows.Parameter == spec.Name)
                || adapter.Adapters.Any(target => target.Form?.ChangesWeight == true && $"{target.Module}.weight" == spec.Name))
            {
                var block = new StorageBlock("adapter");
                blocks.Add(block);
                Variable own = block.Reserve(spec.Name, spec.Shape, saved ? ElementType.Float32 : shared.Type);
                parameters.Add(spec.Name, own);
                if (shared.Shape == own.Shape)
                {
                    copies.Add((shared, own));
                }
            }
            else
            {
                parameters.Add(spec.Name, shared);
            }
        }

        ReserveAdapters(
            adapter.Adapters.ToDictionary(target => target.Module, StringComparer.Ordinal), new TrainableParameters(), trained: false);
    }

    /// <summary>What the model computes.</summary>
    public Architecture Architecture { get; }

    internal Tuning Tuning { get; }

    /// <summary>How frozen matrices are stored.</summary>
    public ElementType WeightType { get; }

    /// <summary>
    /// The type of products with frozen matrices and of attention (<see cref="GraphBuilder.Products"/>): float32, or the type that frozen
    /// matrices are stored in, on a device with matrix units.
    /// </summary>
    public ElementType Products { get; init; } = ElementType.Float32;

    /// <summary>The trainable parameters; null where none are.</summary>
    public TrainableParameters? Trainables { get; }

    /// <summary>Adapted layers in model order.</summary>
    public IReadOnlyList<LoraLinear> Adapters => [.. adapters.Values.OrderBy(adapter => adapter.Index)];

    /// <summary>The parameters that an adapter file stores whole (<c>modules_to_save</c>), under their checkpoint names.</summary>
    public IEnumerable<(string Name, Variable Value)> SavedParameters =>
        (adapter?.SavedParameters ?? []).Select(name => (name, Parameter(name)));

    /// <summary>The tokens whose rows are the adapter's.</summary>
    internal IReadOnlyList<TokenTarget> TokenTargets => adapter?.TokenRows ?? [];

    /// <summary>Trained rows of tables that are otherwise frozen.</summary>
    internal IReadOnlyList<TokenRows> TokenRows => tokenRows;

    /// <summary>Those of the word embeddings; null where none are trained.</summary>
    internal TokenRows? EmbeddingRows => tokenRows.Find(rows => rows.Module == Architecture.InputEmbeddings);

    /// <summary>The memory of the parameters and gradients.</summary>
    public IReadOnlyList<StorageBlock> Blocks => blocks;

    /// <summary>Turns per position of each pair of a head's turned elements, uint64 [turned elements / 2].</summary>
    /// <param name="set">Which of <see cref="Architecture.Rotaries"/>.</param>
    internal Variable RotaryFrequencies(int set) => rotaryFrequencies[set];

    /// <summary>The bucket of each distance of a key from its query (<see cref="Architecture.RelativeBuckets"/>), int32.</summary>
    internal Variable RelativeBuckets =>
        relativeBuckets ?? throw new InvalidOperationException($"{Architecture.Name} has no buckets of distances.");

    /// <summary>Whether the model has a parameter of this checkpoint name.</summary>
    public bool HasParameter(string name) => parameters.ContainsKey(name);

    /// <summary>A parameter by its checkpoint name.</summary>
    public Variable Parameter(string name) => parameters.TryGetValue(name, out Variable? variable)
        ? variable
        : throw new ArgumentException($"{Architecture.Name} has no parameter named '{name}'.");

    /// <summary>The adapter on a linear layer, or null.</summary>
    public LoraLinear? Adapter(string module) => adapters.GetValueOrDefault(module);

    /// <summary>Whether a parameter also serves under another name (tied embeddings).</summary>
    public bool IsTied(Variable parameter) => Architecture.Aliases.Any(alias => Parameter(alias.Parameter) == parameter);

    /// <summary>Takes device memory for every parameter and gradient.</summary>
    public void Allocate(Device device)
    {
        foreach (StorageBlock block in blocks)
        {
            block.Allocate(device);
        }

        foreach ((RotarySet rotary, Variable frequencies) in Architecture.Rotaries.Zip(rotaryFrequencies))
        {
            frequencies.View<ulong>().Write([.. rotary.Frequencies.Select(Rotary.Frequency)]);
        }

        relativeBuckets?.View<int>().Write([.. Architecture.RelativeBuckets]);
        foreach ((Variable original, Variable copy) in copies)
        {
            ModelWeights.Copy(original, copy);
        }

        tokenRows.ForEach(rows => rows.WriteIndex());
    }

    /// <summary>
    /// The same model with an adapter: the frozen parameters' memory serves both. Parameters that the adapter stores whole or has rows of
    /// are its own, and start as the base model's. To be allocated after this one and disposed before it.
    /// </summary>
    /// <param name="architecture">This model's, or what the adapter makes of it (<see cref="AdaptedArchitecture"/>).</param>
    internal TransformerModel WithAdapter(Architecture architecture, Tuning.Lora adapter) => new(this, architecture, adapter);

    /// <summary>Writes the forward pass, the loss and, where gradients are wanted, the backward pass of one batch shape.</summary>
    internal ModelGraph BuildGraph(BatchInputs inputs, BatchShape shape, RunnerOptions options)
    {
        var graph = new GraphBuilder { Products = Products };
        LossTensors batch = inputs.Tensors(graph, shape);
        var forward = new ForwardBuilder(this, graph, batch, options.Dropout, options);
        ModelOutput output = Architecture.Build(forward);
        Tensor? logits = output is ModelOutput.VocabularyHead && !options.VocabularyLogits ? null : graph.Output(output.ToLogits(graph));
        Tensor? scored = logits is not null && options.LogitOffsets is { } offsets
            ? graph.ScaleColumns(logits, graph.Fill(offsets.Shape, 1f), graph.Read(offsets))
            : logits;
        Tensor loss = graph.Output(output switch
        {
            ModelOutput.VocabularyHead head =>
                graph.LinearCrossEntropy(
                    head.Hidden, head.Weight, head.Bias, batch.Labels, batch.Scalars, options.Gradients, trained: head.Trained,
                    labelSmoothing: options.LabelSmoothing, softCap: head.SoftCap),
            _ when Architecture.Head == HeadKind.Regression =>
                graph.MeanSquaredError(scored!, batch.Targets, batch.Scalars, options.Gradients),
            _ when Architecture.Head == HeadKind.Ranking =>
                graph.RankingLoss(scored!, batch.Scalars, shape.TextsPerRow, Architecture.SimilarityScale, options.Gradients),
            _ when Architecture.Head == HeadKind.Similarity =>
                graph.CosineLoss(scored!, batch.Targets, batch.Scalars, options.Gradients),
            _ when Architecture.Head == HeadKind.QuestionAnswering =>
                graph.SpanCrossEntropy(scored!, batch.Labels, batch.RowStart, batch.Scalars, options.Gradients),
            _ when Architecture.Head == HeadKind.MultiLabelClassification =>
                graph.BinaryCrossEntropy(scored!, batch.Targets, batch.Scalars, options.Gradients),
            _ => graph.CrossEntropy(
                scored!, batch.Labels, batch.Scalars, options.Gradients, options.LabelSmoothing,
                options.ClassWeights is { } weights ? graph.Read(weights) : null,
                Architecture.Head == HeadKind.MultipleChoice ? shape.TextsPerRow : null),
        });
        Tensor rowLosses = graph.Output(loss.Producer!.Outputs[1]);
        if (options.HiddenStates)
        {
            foreach (Tensor hidden in forward.HiddenStates)
            {
                graph.Output(hidden);
            }
        }

        if (forward.LossTerm is { } term)
        {
            graph.Output(term);
        }

        RowSelectionPass.Run(graph);
        if (options.Gradients)
        {
            GradientBuilder.Differentiate(graph, loss, forward.LossTerms);
            if (options.GradientCheckpointing)
            {
                CheckpointPass.Run(graph, loss, forward.HiddenStates, forward.LossTerms);
            }
        }

        var result = new ModelGraph(
            graph, batch, logits, loss, rowLosses, options.HiddenStates ? forward.HiddenStates : [])
        { LossTerm = forward.LossTerm };
        options.Extend?.Invoke(result);
        FusionPass.Run(graph);
        return result;
    }

    /// <summary>Frees the model's device memory; that of a base model it was made with (an adapter beside others) stays.</summary>
    public void Dispose()
    {
        foreach (StorageBlock block in blocks)
        {
            block.Dispose();
        }
    }

    private bool IsTrained(string parameter) => Tuning switch
    {
        Tuning.Full => true,
        Tuning.Lora lora => lora.SavedParameters.Contains(parameter) && !lora.HeldParameters.Contains(parameter),
        _ => false,
    };

    /// <summary>Refuses to train more than fits one run of memory, before anything is reserved.</summary>
    private void RequireCountable(Dictionary<string, LoraTarget> targets)
    {
        if (Tuning is Tuning.Frozen)
        {
            return;
        }

        long factors = Architecture.LinearGroups.SelectMany(group => group)
            .Sum(linear => targets.TryGetValue(linear.Module, out LoraTarget? target)
                ? (target.Rank * (linear.InFeatures + ((long)linear.OutFeatures * (target.Form?.Heads ?? 1))))
                    + (target.UseDora ? linear.OutFeatures : 0)
                    + (target.Form?.Tensors(linear, target.Rank).Sum(tensor => tensor.Shape.Count) ?? 0)
                : 0);
        long whole = Architecture.Parameters.Where(spec => IsTrained(spec.Name)).Sum(spec => spec.Shape.Count);
        if (factors + whole > TrainableParameters.LargestCount)
        {
            string remedy = Tuning is Tuning.Full
                ? $"Train an adapter (an {Setting.Section("adapter")}), or a smaller model"
                : FormattableString.Invariant(
                    $"{factors:N0} of them are adapters' and {whole:N0} those of {Setting.Of("modules_to_save")}: lower r, or name fewer modules");
            throw new ArgumentException(string.Create(
                CultureInfo.InvariantCulture,
                $"{Architecture.Name} would have {factors + whole:N0} trained numbers, and at most {TrainableParameters.LargestCount:N0} "
                    + $"can be trained: they, their gradients and the optimizer's moments are counted in 32 bits. {remedy}."));
        }
    }

    /// <summary>Reserves the trained tensors of the adapters' forms on which no weight decay acts.</summary>
    private void ReserveUndecayed(Dictionary<string, LoraTarget> targets, TrainableParameters trainables)
    {
        var shared = new Dictionary<string, Variable>(StringComparer.Ordinal);
        foreach (LinearSpec linear in Architecture.LinearGroups.SelectMany(group => group))
        {
            foreach (FormTensor tensor in targets.GetValueOrDefault(linear.Module) is { Form: { } form, Rank: var rank }
                ? form.Tensors(linear, rank)
                : [])
            {
                if (tensor.Decays)
                {
                    continue;
                }

                if (!tensor.Shared || !shared.TryGetValue(tensor.Part, out Variable? variable))
                {
                    string name = tensor.Shared ? tensor.Part : $"{linear.Module}.{tensor.Part}";
                    variable = trainables.Reserve(name, tensor.Shape, decays: false);
                    shared[name] = variable;
                }

                adapters[linear.Module].Own.Add(tensor.Part, variable);
            }
        }
    }

    /// <summary>Reserves the rows of tables that are trained apart from the others.</summary>
    private void ReserveTokenRows(TrainableParameters trainables)
    {
        if (Tuning is not Tuning.Lora { HoldsTokenRows: false } lora)
        {
            return;
        }

        var indices = new StorageBlock("adapter");
        foreach (TokenTarget target in lora.TokenRows)
        {
            tokenRows.Add(new TokenRows(target, Parameter(target.Parameter), trainables, indices));
        }

        if (indices.Bytes > 0)
        {
            blocks.Add(indices);
        }
    }

    /// <summary>
    /// All A's, then all B's, then the tensors of forms, then all magnitudes: each kind is one run. A's of one input lie below one another,
    /// so that x A^T is one product for all of them.
    /// </summary>
    private void ReserveAdapters(Dictionary<string, LoraTarget> targets, TrainableParameters trainables, bool trained)
    {
        LinearSpec[][] groups = [.. Architecture.LinearGroups
            .Select(group => group.Where(linear => targets.ContainsKey(linear.Module)).ToArray())
            .Where(group => group.Length > 0)];
        LinearSpec[] linears = [.. groups.SelectMany(group => group)];
        var frozen = new StorageBlock("adapter");
        Variable Reserve(string name, Shape shape) => trained ? trainables.Reserve(name, shape, decays: true) : frozen.Reserve(name, shape);
        var shared = new Dictionary<int, Variable>();
        Variable ReserveA(LinearSpec linear)
        {
            LoraTarget target = targets[linear.Module];
            bool shares = target.Form?.SharesA == true;
            if (!shares || !shared.TryGetValue(linear.InFeatures, out Variable? factor))
            {
                factor = Reserve($"{linear.Module}.lora_A.weight", new Shape(target.Rank, linear.InFeatures));
                if (shares)
                {
                    shared.Add(linear.InFeatures, factor);
                }
            }

            return factor;
        }

        Dictionary<string, Variable> a = linears.ToDictionary(linear => linear.Module, ReserveA);
        Dictionary<string, Variable> b = linears.ToDictionary(
            linear => linear.Module,
            linear => Reserve(
                $"{linear.Module}.lora_B.weight",
                new Shape(linear.OutFeatures, (targets[linear.Module].Form?.Heads ?? 1) * targets[linear.Module].Rank)));
        Dictionary<(string Module, string Part), Variable> own = (
            from linear in linears
            from tensor in targets[linear.Module].Form?.Tensors(linear, targets[linear.Module].Rank) ?? []
            where tensor.Decays || !trained
            select ((linear.Module, tensor.Part), Reserve($"{linear.Module}.{tensor.Part}", tensor.Shape))).ToDictionary();
        LinearSpec[] dora = [.. linears.Where(linear => targets[linear.Module].UseDora)];
        Dictionary<string, Variable> magnitudes = dora.ToDictionary(
            linear => linear.Module, linear => Reserve($"{linear.Module}.lora_magnitude_vector.weight", new Shape(linear.OutFeatures)));
        Dictionary<string, Variable> baseNorms = dora.ToDictionary(
            linear => linear.Module, linear => frozen.Reserve($"{linear.Module}.base_norm", new Shape(linear.OutFeatures)));
        int index = 0;
        foreach (LinearSpec[] group in groups)
        {
            Variable first = a[group[0].Module];
            var groupShape = new Shape(group.Sum(linear => a[linear.Module].Shape.Rows), group[0].InFeatures);
            string groupName = $"{group[0].Module}.lora_A.group";
            bool joins = group.All(linear => targets[linear.Module].Form is null);
            Variable groupA = !joins
                ? first
                : trained ? trainables.Join(groupName, groupShape, first) : frozen.Overlay(groupName, groupShape, first);
            foreach (string module in group.Select(linear => linear.Module))
            {
                var variables = new LoraVariables(
                    a[module], b[module], magnitudes.GetValueOrDefault(module), baseNorms.GetValueOrDefault(module));
                var adapter = new LoraLinear(targets[module], index++, Parameter($"{module}.weight"), variables, groupA);
                foreach (((string, string Part) key, Variable variable) in own.Where(pair => pair.Key.Module == module))
                {
                    adapter.Own.Add(key.Part, variable);
                }

                adapters.Add(module, adapter);
            }
        }

        if (frozen.Bytes > 0)
        {
            blocks.Add(frozen);
        }

        if (trained && linears.Length > 0)
        {
            trainables.FactorsB = (b[linears[0].Module], checked((int)b.Values.Sum(factor => factor.Shape.Count)));
        }

        string[] unknown = [.. targets.Keys.Where(module => !adapters.ContainsKey(module))];
        if (unknown.Length > 0)
        {
            throw new ArgumentException(
                $"{Architecture.Name} has no linear layer named {string.Join(", ", unknown)} to put an adapter on.");
        }
    }
}

/// <summary>One batch shape's graph and the tensors that are read after a replay.</summary>
/// <param name="Graph">The graph, ready for the planner.</param>
/// <param name="Batch">What it reads of a batch.</param>
/// <param name="Logits">[places, output size]; null where only the loss of a vocabulary head is wanted.</param>
/// <param name="Loss">Mean loss [1].</param>
/// <param name="RowLosses">Each place's loss [places].</param>
/// <param name="HiddenStates">Embeddings and layers [tokens, hidden].</param>
internal sealed record ModelGraph(
    GraphBuilder Graph, LossTensors Batch, Tensor? Logits, Tensor Loss, Tensor RowLosses, IReadOnlyList<Tensor> HiddenStates)
{
    /// <summary>What the adapters' forms add to the loss, which is differentiated with it, [1]; null for nothing.</summary>
    public Tensor? LossTerm { get; init; }
}
