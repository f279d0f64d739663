using System.Runtime.Serialization;
using Engine.Common.Keys;
using Engine.Devices;
using Engine.Graph;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Model.Forms;

namespace Engine.Optim.Methods;

/// <summary>What becomes of AdamW's moments of a rank that BeamLoRA prunes.</summary>
public enum PrunedMoments
{
    /// <summary>Those of the rank it becomes, as they were then.</summary>
    [EnumMember(Value = "snapshot")]
    Snapshot,

    /// <summary>They stay, as in the official code.</summary>
    [EnumMember(Value = "code")]
    Code,
}

/// <summary>
/// BeamLoRA (Gu et al., ACL 2025, arXiv 2502.13604): every rank of an adapter has a gate, r softmax(g / temperature); every period the
/// least important ranks are pruned and become copies of the most important ones of their layer, as these were half a period before.
/// </summary>
public sealed record BeamLora : Method, IKeyRules
{
    internal const string MethodName = "beamlora";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Steps between two prunings, an even number.</summary>
    [Key(Minimum = 2)]
    public int Period { get; init; } = 3000;

    /// <summary>Share of the importance that is kept by the first pruning; it rises to 1 along half a cosine.</summary>
    [Key(Minimum = 0, Maximum = 1)]
    public double TopP { get; init; } = 0.95;

    /// <summary>Step from which everything is kept.</summary>
    [Key(Minimum = 1)]
    public int ThresholdEnd { get; init; } = 24688;

    /// <summary>Temperature of the gates' softmax.</summary>
    [Key(Minimum = 0, Above = true)]
    public double Temperature { get; init; } = 0.05;

    /// <summary>
    /// AdamW's moments of a pruned rank: those that the rank it becomes had then, or, as in the official code, what they were
    /// (<see cref="PrunedMoments.Code"/>).
    /// </summary>
    [Key]
    public PrunedMoments Moments { get; init; } = PrunedMoments.Snapshot;

    internal override AdapterForm Form => new BeamForm((float)Temperature);

    KeyProblem? IKeyRules.Problem => Period % 2 == 0
        ? null
        : new KeyProblem(nameof(Period), "an even number of steps: ranks are copied from half a period before");

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new BeamLoraMethod(this);
}

/// <summary>A rank that was pruned and the rank it became a copy of.</summary>
/// <param name="Layer">Number of the adapted layer.</param>
/// <param name="Pruned">The rank.</param>
/// <param name="Parent">The rank it became.</param>
internal readonly record struct PrunedRank(int Layer, int Pruned, int Parent);

/// <summary>
/// Every A, B and gate, and AdamW's moments of them, are copied on the device once a period; a pruning reads the gates to the host,
/// decides, and copies the rows and columns of the layers it changes. Steps in between do nothing.
/// </summary>
internal class BeamLoraMethod(BeamLora settings) : AdapterMethod(settings)
{
    /// <summary>Periods whose snapshot is taken, and periods that have ended with their pruning.</summary>
    private readonly double[] taken = new double[1], ended = new double[1];

    private IReadOnlyList<LoraLinear> layers = [];
    private Variable? snapshot;
    private int first;
    private int count;
    private long current;

    public override IReadOnlyList<(string Name, double[] Values)> HostState => [("beamlora.snapshots", taken), ("beamlora.periods", ended)];

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        layers = context.Model.Adapters;
        Variable[] tensors = [.. layers.SelectMany(layer => layer.Tensors)];
        first = tensors.Min(TrainableParameters.OffsetOf);
        count = checked((int)tensors.Sum(tensor => tensor.Shape.Count));
        snapshot = context.State.Reserve("snapshot", new Shape(3, count));
    }

    public override void Prepare(long step) => current = step;

    public override void OnStepEnd(StepReadings readings)
    {
        // Where the step of a snapshot or a pruning has updated nothing, the next one that does takes it up.
        long period = current / settings.Period;
        if (period >= taken[0] && current % settings.Period >= settings.Period / 2)
        {
            TakeSnapshot();
            taken[0] = period + 1;
        }

        long periods = (current + 1) / settings.Period;
        if (periods > ended[0])
        {
            ended[0] = periods;
            if (Context.TotalSteps - (periods * settings.Period) >= settings.Period && taken[0] != 0)
            {
                Prune();
            }
        }
    }

    /// <summary>The share of the importance that a pruning after step <paramref name="step"/> keeps.</summary>
    internal double TopPAt(long step) => step >= settings.ThresholdEnd
        ? 1
        : 1 - ((1 - settings.TopP) * (1 + Math.Cos(Math.PI * step / settings.ThresholdEnd)) / 2);

    /// <summary>
    /// Which ranks are pruned, and what each becomes: of all layers' ranks by falling importance, the first beyond the share of its sum and
    /// all behind it; of a layer at most half, its most important ones spared. Equal ones go by layer and rank.
    /// </summary>
    /// <param name="importance">r softmax(g / temperature) of each layer.</param>
    /// <param name="topP">The share that is kept.</param>
    internal static IReadOnlyList<PrunedRank> Decide(double[][] importance, double topP)
    {
        if (topP >= 1)
        {
            return [];
        }

        (int Layer, int Rank)[] order =
        [
            .. importance.SelectMany((layer, i) => layer.Select((_, k) => (i, k))).OrderByDescending(place => importance[place.i][place.k]),
        ];
        double limit = topP * order.Length, sum = 0;
        int kept = 0;
        while (kept < order.Length && (sum += importance[order[kept].Layer][order[kept].Rank]) <= limit)
        {
            kept++;
        }

        var pruned = new List<PrunedRank>();
        foreach (IGrouping<int, (int Layer, int Rank)> layer in order[kept..].GroupBy(place => place.Layer).OrderBy(group => group.Key))
        {
            double[] own = importance[layer.Key];
            int[] ranked = [.. Enumerable.Range(0, own.Length).OrderByDescending(rank => own[rank])];
            IEnumerable<int> going = layer.Select(place => place.Rank).TakeLast(own.Length / 2).Order();
            pruned.AddRange(going.Select((rank, i) => new PrunedRank(layer.Key, rank, ranked[i])));
        }

        return pruned;
    }

    /// <summary>What a pruning saw and did, for whoever watches.</summary>
    protected virtual void OnPruned(double[][] importance, IReadOnlyList<PrunedRank> pruned)
    {
    }

    private void TakeSnapshot()
    {
        Variable[] sources = Sources();
        BufferView<float> target = snapshot!.View<float>();
        for (int i = 0; i < sources.Length; i++)
        {
            Copy(Part(sources[i].View<float>()), target.Slice((long)i * count, count));
        }
    }

    private void Prune()
    {
        var form = (BeamForm)Form;
        float[][] gates = [.. layers.Select(layer => BeamForm.GateOf(layer).View<float>().ToArray())];
        double[][] importance = [.. gates.Select(gate => new double[gate.Length])];
        for (int i = 0; i < gates.Length; i++)
        {
            form.Importance(gates[i], importance[i]);
        }

        IReadOnlyList<PrunedRank> pruned = Decide(importance, TopPAt(current));
        Variable[] sources = Sources();
        foreach (IGrouping<int, PrunedRank> group in pruned.GroupBy(rank => rank.Layer))
        {
            int copied = settings.Moments == PrunedMoments.Snapshot ? sources.Length : 1;
            for (int i = 0; i < copied; i++)
            {
                CopyRanks(layers[group.Key], group, Part(sources[i].View<float>()), snapshot!.View<float>().Slice((long)i * count, count));
            }

            foreach (PrunedRank rank in group)
            {
                float[] gate = gates[group.Key];
                gate[rank.Pruned] = gate[rank.Parent] = (gate[rank.Pruned] + gate[rank.Parent]) / 2;
            }

            BeamForm.GateOf(layers[group.Key]).View<float>().Write(gates[group.Key]);
        }

        foreach (LoraLinear layer in layers)
        {
            var zeros = new float[layer.Rank];
            int gate = TrainableParameters.OffsetOf(BeamForm.GateOf(layer));
            Context.Moments.First.View<float>().Slice(gate, layer.Rank).Write(zeros);
            Context.Moments.Second.View<float>().Slice(gate, layer.Rank).Write(zeros);
        }

        OnPruned(importance, pruned);
    }

    /// <summary>Rows of A and columns of B of the pruned ranks become those that their parents had.</summary>
    private void CopyRanks(LoraLinear layer, IEnumerable<PrunedRank> pruned, BufferView<float> to, BufferView<float> from)
    {
        int columns = layer.A.Shape.Columns;
        int a = TrainableParameters.OffsetOf(layer.A) - first, b = TrainableParameters.OffsetOf(layer.B) - first;
        int size = (int)layer.B.Shape.Count;
        float[] target = to.Slice(b, size).ToArray(), source = from.Slice(b, size).ToArray();
        foreach (PrunedRank rank in pruned)
        {
            Copy(from.Slice(a + ((long)rank.Parent * columns), columns), to.Slice(a + ((long)rank.Pruned * columns), columns));
            for (int row = 0; row < size; row += layer.Rank)
            {
                target[row + rank.Pruned] = source[row + rank.Parent];
            }
        }

        to.Slice(b, size).Write(target);
    }

    private static void Copy(BufferView<float> from, BufferView<float> to) =>
        to.Buffer.CopyFrom(from.Buffer, from.ByteOffset, to.ByteOffset, sizeof(float) * to.Length);

    private Variable[] Sources() => [Context.Trainables.Values, Context.Moments.First, Context.Moments.Second];

    /// <summary>The adapters' part of a run of trainable elements.</summary>
    private BufferView<float> Part(BufferView<float> run) => run.Slice(first, count);
}
