using System.Globalization;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Safetensors;

namespace Engine.Optim.Methods;

/// <summary>
/// XGBLoRA (arXiv 2410.19694): gradient boosting with small adapters. A booster trains for kappa steps, moves into the base weights, and a
/// fresh one starts there, its moments zero. The sum of all boosters is one LoRA adapter, of as many ranks as all of them together; that is
/// the run's result.
/// </summary>
public sealed record XgbLora : Method, IKeyRules
{
    internal const string MethodName = "xgblora";

    private const int DefaultBoosters = 10;

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <inheritdoc/>
    public override BaseWeightUse BaseWeights => BaseWeightUse.Merged;

    /// <summary>Steps that a booster trains.</summary>
    [Key(Minimum = 1, Default = "the run's steps over boosters")]
    public int? Kappa { get; init; }

    /// <summary>Boosters of the run, in place of <see cref="Kappa"/>.</summary>
    [Key(Minimum = 1, Default = "10 where kappa is not given")]
    public int? Boosters { get; init; }

    /// <summary>How many of the adapted layers a booster trains, drawn anew for each; the others rest.</summary>
    [Key(Minimum = 1, Default = "all")]
    public int? Layers { get; init; }

    /// <summary>Safetensors file with <c>booster.K.LAYER.lora_A.weight</c> to start the K-th fresh booster from, K = 1, 2, ...</summary>
    [Key(IsPath = true, Default = "LoRA's start")]
    public string? Init { get; init; }

    /// <summary>Seed of the boosters' starts and of their layers.</summary>
    [Key(Minimum = 0)]
    public ulong BoosterSeed { get; init; } = 42;

    KeyProblem? IKeyRules.Problem => Kappa is not null && Boosters is not null
        ? new KeyProblem(nameof(Boosters), $"either {Setting.Of("kappa")} or {Setting.Of("boosters")}, since each follows from the other")
        : null;

    /// <summary>Steps that a booster trains in a run of so many.</summary>
    internal long StepsOfBooster(long totalSteps)
    {
        long boosters = Boosters ?? DefaultBoosters;
        return Kappa ?? Math.Max(1, (totalSteps + boosters - 1) / boosters);
    }

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new XgbLoraMethod(this);
}

/// <summary>
/// Merges lie between steps, on the host: a boundary is some launches for each layer, and every step replays plain LoRA's plans. Boosters
/// that are merged stay in memory for the result. Adam's count of steps goes on.
/// </summary>
internal sealed class XgbLoraMethod(XgbLora settings) : MergingMethod
{
    /// <summary>Boosters that have moved into the base weights.</summary>
    private readonly double[] merged = [0];

    private readonly List<Variable> slots = [];
    private long kappa;
    private Variable? scales;
    private Variable? mask;
    private TensorSegments? tensors;
    private ActiveSet? active;
    private long drawnFor = -1;
    private float[] maskValues = [];

    public override string Name => settings.Name;

    public override bool UpdatesInPart => settings.Layers is not null;

    public override IReadOnlyList<(string Name, double[] Values)> HostState => [("xgblora.merged", merged)];

    protected override string Does => "trains one LoRA adapter after another";

    /// <summary>Every A and every B, as one run of the trainable parameters.</summary>
    private (int First, int Count) Factors
    {
        get
        {
            Variable b = Context.Trainables.AdapterB;
            int first = TrainableParameters.OffsetOf(Adapters[0].A);
            return (first, TrainableParameters.OffsetOf(b) + (int)b.Shape.Count - first);
        }
    }

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        if (settings.Layers > Adapters.Count)
        {
            throw Refusal(
                $"method {Name}: layers is {settings.Layers}, and {Adapters.Count} layers are adapted; give at most that many, "
                + "or leave it out for all.");
        }

        kappa = settings.StepsOfBooster(context.TotalSteps);
        long boosters = Math.Max(1, (context.TotalSteps + kappa - 1) / kappa);
        (int first, int count) = Factors;
        var stored = Adapters.ToDictionary(layer => layer, _ => new List<LoraFactors>());
        for (int booster = 1; booster < boosters; booster++)
        {
            Variable slot = context.Merged.Reserve($"booster.{booster}", new Shape(count));
            slots.Add(slot);
            foreach (LoraLinear layer in Adapters)
            {
                Variable Part(Variable factor) => context.Merged.Overlay(
                    $"booster.{booster}.{factor.Name}", factor.Shape, slot, TrainableParameters.OffsetOf(factor) - first);
                stored[layer].Add(new LoraFactors(Part(layer.A), Part(layer.B)));
            }
        }

        foreach ((LoraLinear layer, List<LoraFactors> factors) in stored)
        {
            layer.Merged = factors;
        }

        scales = context.Tables.Reserve("xgblora.scales", new Shape(Adapters.Count, Layers.Table.Pairs.Max(pair => pair.Rank)));
        if (settings.Layers is not null)
        {
            IReadOnlyList<Variable> values = [.. context.Trainables.Entries.Select(entry => entry.Value)];
            active = new ActiveSet(values);
            tensors = context.Segments(context.Trainables.Entries);
            mask = context.Tables.Reserve("xgblora.mask", new Shape(values.Count));
            maskValues = new float[values.Count];
        }
    }

    public override void Initialize()
    {
        base.Initialize();
        if (settings.Init is { } path && slots.Count > 0)
        {
            RequireBoosters(path);
        }
    }

    public override void BetweenSteps(long step)
    {
        for (long due = Math.Min(step / kappa, slots.Count); merged[0] < due; merged[0]++)
        {
            Merge((int)merged[0]);
        }

        if (active is not null && drawnFor != (long)merged[0])
        {
            Draw((int)merged[0]);
        }
    }

    public override ActiveSet? ActiveIn(StepPart part) => active;

    /// <summary>
    /// Two tensors may share the launch of their gradients, which then ran for both: what rests is cleared before the norm.
    /// </summary>
    public override void OnTransformGradients(GraphBuilder graph, StepCourse course)
    {
        if (tensors is not null)
        {
            graph.MapSegments(tensors, SegmentMap.Scale, Context.Trainables.Gradients, graph.Read(mask!));
        }
    }

    /// <summary>W += s B A in every layer; the pairs are kept, and fresh ones start in their place with moments of zero.</summary>
    private void Merge(int booster)
    {
        TrainableParameters trainables = Context.Trainables;
        Device device = trainables.ValueBlock.Buffer.Device;
        (int first, int count) = Factors;
        BufferView<float> values = trainables.Values.View<float>();
        Run(Elementwise.Copy(device, count, values.Slice(first, count), slots[booster].View<float>()));
        int pitch = scales!.Shape.Columns;
        scales.View<float>().Write([.. Adapters.SelectMany(layer => Enumerable.Repeat(layer.Scale, pitch))]);
        for (int i = 0; i < Adapters.Count; i++)
        {
            if (Trains(i))
            {
                BufferView<float> coefficients = scales.View<float>().Slice((long)i * pitch, pitch);
                BufferView<float> weight = Adapters[i].Weight.View<float>();
                Run(ColumnScaling.Merge(device, Layers.Table, i, Layers.Words.View<int>(), values, coefficients, weight));
            }
        }

        foreach (BufferView<float> cleared in (ReadOnlySpan<BufferView<float>>)[
            trainables.AdapterB.View<float>(),
            Context.Moments.First.View<float>().Slice(first, count),
            Context.Moments.Second.View<float>().Slice(first, count)])
        {
            Run(Elementwise.Fill(device, cleared.Length, 0f, cleared));
        }

        Start(booster + 1);
    }

    /// <summary>The A's of a fresh booster.</summary>
    private void Start(int booster)
    {
        if (settings.Init is { } path)
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            foreach (LoraLinear layer in Adapters)
            {
                StartValues.Upload(file[Key(booster, layer)], layer.A, "method.init");
            }

            return;
        }

        foreach (LoraLinear layer in Adapters)
        {
            uint stream = RandomStream.BoosterInitialization + (uint)booster;
            AdapterInitialization.DrawUniform(layer.A, settings.BoosterSeed, stream, layer.Index);
        }
    }

    /// <summary>Draws the layers that a booster trains.</summary>
    private void Draw(int booster)
    {
        int[] order = new PhiloxGenerator(settings.BoosterSeed, RandomStream.TensorSelection, (uint)booster).Permutation(Adapters.Count);
        IEnumerable<LoraLinear> others = order.Skip(settings.Layers!.Value).Select(layer => Adapters[layer]);
        HashSet<Variable> resting = [.. others.SelectMany(layer => new[] { layer.A, layer.B })];
        for (int i = 0; i < active!.Tensors.Count; i++)
        {
            active[i] = !resting.Contains(active.Tensors[i]);
            maskValues[i] = active[i] ? 1 : 0;
        }

        mask!.View<float>().Write(maskValues);
        drawnFor = booster;
    }

    /// <summary>Whether the booster that ends trained a layer; the first one may have started with a B of its own anywhere.</summary>
    private bool Trains(int layer) => active is null || merged[0] == 0 || active[IndexOf(Adapters[layer].B)];

    private int IndexOf(Variable tensor) => active!.Tensors.Index().First(entry => entry.Item == tensor).Index;

    private void RequireBoosters(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        HashSet<string> needed = [.. Enumerable.Range(1, slots.Count).SelectMany(booster => Adapters.Select(layer => Key(booster, layer)))];
        foreach (string name in needed)
        {
            if (!file.Contains(name))
            {
                throw new ConfigurationException(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{path}: '{name}' is missing; the run has {slots.Count} fresh boosters, and each needs an A for every adapted layer "
                    + $"(method.init)."));
            }
        }

        if (file.Tensors.FirstOrDefault(tensor => !needed.Contains(tensor.Name)) is { } stranger)
        {
            throw new ConfigurationException(
                $"{path}: tensor '{stranger.Name}' belongs to no booster of the run; expected names such as {needed.First()} "
                + "(method.init).");
        }
    }

    private static string Key(int booster, LoraLinear layer) =>
        FormattableString.Invariant($"booster.{booster}.{layer.Module}.lora_A.weight");

    private static void Run(Launch launch)
    {
        using (launch)
        {
            launch.Enqueue();
        }
    }
}
