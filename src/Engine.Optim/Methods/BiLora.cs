using System.Globalization;
using System.Runtime.Serialization;
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

/// <summary>Over what Bi-LoRA's auxiliary products are clipped to the radius.</summary>
public enum AuxiliaryClip
{
    /// <summary>One norm over all layers, as the paper.</summary>
    [EnumMember(Value = "global")]
    Global,

    /// <summary>Each layer by its own norm.</summary>
    [EnumMember(Value = "per-layer")]
    PerLayer,

    /// <summary>Not at all.</summary>
    [EnumMember(Value = "none")]
    None,
}

/// <summary>What takes the ascent's steps of Bi-LoRA's auxiliary.</summary>
public enum AuxiliaryOptimizer
{
    /// <summary>AdamW with the run's settings, without decay.</summary>
    [EnumMember(Value = "adamw")]
    AdamW,

    /// <summary>Plain gradient steps.</summary>
    [EnumMember(Value = "sgd")]
    Sgd,
}

/// <summary>
/// Bi-LoRA (Liu et al., ICLR 2026, arXiv 2508.19564): beside each adapter B A learns an auxiliary B2 A2 that climbs the loss where the
/// adapter descends, its products held to norm rho. The adapter so learns under an adversarial weight perturbation at one pass a step. With
/// rho = 0 there is no auxiliary.
/// </summary>
public sealed record BiLora : OnePassPerturbation
{
    internal const string MethodName = "bi-lora";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Largest Frobenius norm of the auxiliary products s B2 A2.</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.05;

    /// <summary>Rank of the auxiliary factors.</summary>
    [Key(Minimum = 1, Maximum = LowRank.LargestRank)]
    public int AuxiliaryRank { get; init; } = 8;

    /// <summary>Peak learning rate of the ascent, under the run's schedule.</summary>
    [Key(Minimum = 0, Default = "learning_rate")]
    public double? AuxiliaryLearningRate { get; init; }

    /// <summary>What takes the ascent's steps: AdamW, or plain gradient steps (<see cref="AuxiliaryOptimizer.Sgd"/>).</summary>
    [Key]
    public AuxiliaryOptimizer AuxiliaryOptimizer { get; init; } = AuxiliaryOptimizer.AdamW;

    /// <summary>
    /// Over what the products are clipped to <see cref="Rho"/>: one norm over all layers, as the paper, each layer by its own
    /// (<see cref="AuxiliaryClip.PerLayer"/>), or not at all (<see cref="AuxiliaryClip.None"/>; both are the paper's ablations, and worse).
    /// </summary>
    [Key]
    public AuxiliaryClip Clip { get; init; } = AuxiliaryClip.Global;

    /// <summary>Safetensors file with <c>LAYER.A</c> and <c>LAYER.B</c> to start from; a missing B is zero.</summary>
    [Key(IsPath = true, Default = "LoRA's start")]
    public string? AuxiliaryInit { get; init; }

    /// <summary>Seed of the auxiliary's start.</summary>
    [Key(Minimum = 0)]
    public ulong AuxiliarySeed { get; init; } = 42;

    /// <inheritdoc/>
    protected override KeyProblem? Problem => Rho.Rise is not null && Clip == AuxiliaryClip.None
        ? new KeyProblem(nameof(Rho), $"a number: with {Setting.Of("clip", "none")} no radius holds the auxiliary")
        : MeasuredRadius.Problem(Rho, RiseEvery) ?? base.Problem;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new BiLoraMethod(this);
}

/// <summary>The auxiliary is part of the training passes alone: evaluation and files know nothing of it.</summary>
internal class BiLoraMethod(BiLora settings) : PerturbationMethod(settings)
{
    private readonly MeasuredRadius? measured =
        settings.Rho.Rise is null ? null : new MeasuredRadius(settings.Rho, power: 1, settings.LargestRadius);

    /// <summary>[1] The auxiliary's norm that the last perturbed step left, which the next one's loss is measured with.</summary>
    private readonly double[] norm = new double[1];
    private readonly StepNumber ratioOfNorms = new("c_over_rho");
    private readonly Dictionary<LoraLinear, AuxiliaryFactors> factors = [];
    private LowRankLayers? layers;
    private Variable? gradients;
    private Variable? firstMoment;
    private Variable? secondMoment;

    /// <summary>[1] The auxiliary's norm before it is clipped, over the radius; null where it is not clipped.</summary>
    private Variable? ratio;

    private bool UsesSgd => settings.AuxiliaryOptimizer == AuxiliaryOptimizer.Sgd;

    public override IReadOnlyList<Variable> OwnGradients => gradients is null ? [] : [gradients];

    public override IReadOnlyList<(string Name, double[] Values)> HostState =>
        measured is null ? [] : [measured.State, ("bi_lora.norm", norm)];

    public override IReadOnlyList<StepNumber> Numbers => ratio is null ? base.Numbers : [.. base.Numbers, ratioOfNorms];

    private bool IsOn => settings.Rho.Value > 0 || measured is not null || settings.Clip == AuxiliaryClip.None;

    /// <summary>Every auxiliary factor, all A2 and then all B2, as one vector. Only where there is an auxiliary.</summary>
    protected Variable Values => layers!.Values;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        IReadOnlyList<LoraLinear> adapters = AdapterRequirement.Layers(this, "trains an auxiliary beside each LoRA adapter", context);
        if (settings.AuxiliaryLearningRate is not null && context.Optimizer.LearningRate == 0)
        {
            throw new ConfigurationException(
                $"{Setting.Of("method.auxiliary_learning_rate")} follows the schedule of {Setting.Of("learning_rate")}, which is 0; set "
                    + $"{Setting.Of("learning_rate")} above 0.");
        }

        if (!IsOn)
        {
            return;
        }

        int rank = settings.AuxiliaryRank;
        long count = adapters.Sum(adapter => rank * ((long)adapter.A.Shape.Columns + adapter.B.Shape.Rows));
        if (count > TrainableParameters.LargestCount)
        {
            throw new ConfigurationException(string.Create(
                CultureInfo.InvariantCulture,
                $"{Setting.Of("method.auxiliary_rank")} is {rank}: the auxiliary would have {count:N0} numbers, "
                + $"and at most {TrainableParameters.LargestCount:N0} can be trained; lower it, or name fewer "
                + $"{Setting.Of("target_modules")}."));
        }

        if (settings.Clip != AuxiliaryClip.None)
        {
            ratio = context.Reports.Reserve("auxiliary.ratio", new Shape(1));
        }

        StorageBlock state = context.State;
        Variable[] a = [.. adapters.Select(
            adapter => state.Reserve($"auxiliary.{adapter.Module}.A", new Shape(rank, adapter.A.Shape.Columns)))];
        Variable[] b = [.. adapters.Select(
            adapter => state.Reserve($"auxiliary.{adapter.Module}.B", new Shape(adapter.B.Shape.Rows, rank)))];
        var all = new Shape((int)count);
        Variable values = state.Overlay("auxiliary", all, a[0]);
        gradients = context.Scratch.Reserve("auxiliary.gradients", all);
        if (!UsesSgd)
        {
            firstMoment = state.Reserve("auxiliary.m", all);
            secondMoment = state.Reserve("auxiliary.v", all);
        }

        foreach (Variable factor in a.Concat(b))
        {
            factor.Gradient = context.Scratch.Overlay(
                $"grad.{factor.Name}", factor.Shape, gradients, (factor.ByteOffset - values.ByteOffset) / sizeof(float));
        }

        for (int i = 0; i < adapters.Count; i++)
        {
            factors.Add(adapters[i], new AuxiliaryFactors(a[i], b[i]));
        }

        layers = context.LowRankLayers(adapters.Select((adapter, i) => (a[i], b[i], adapter.Scale)), values, "method.auxiliary_rank", Name);
    }

    public override void Initialize()
    {
        if (settings.AuxiliaryInit is { } path && IsOn)
        {
            using SafetensorsFile file = SafetensorsFile.Open(path);
            RefuseStrangers(file, path);
            foreach ((LoraLinear layer, AuxiliaryFactors pair) in factors)
            {
                StartValues.Upload(file[$"{layer.Module}.A"], pair.A, "method.auxiliary_init");
                if (file.TryGet($"{layer.Module}.B", out SafetensorsTensor? b))
                {
                    StartValues.Upload(b, pair.B, "method.auxiliary_init");
                }
            }

            return;
        }

        foreach ((LoraLinear layer, AuxiliaryFactors pair) in factors)
        {
            AdapterInitialization.DrawUniform(pair.A, settings.AuxiliarySeed, RandomStream.AuxiliaryInitialization, layer.Index);
        }
    }

    public override AuxiliaryFactors? Auxiliary(LoraLinear layer) => factors.GetValueOrDefault(layer);

    /// <summary>The ascent: the descent's step turned round, without decay and outside the clipping of gradients.</summary>
    public override void OnUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
    {
        if (gradients is null)
        {
            return;
        }

        AdamWOptions optimizer = Context.Optimizer;
        double ratio = settings.AuxiliaryLearningRate is { } rate ? rate / optimizer.LearningRate : 1;
        Tensor scalars = graph.Read(Context.Scalars);
        if (UsesSgd)
        {
            graph.AddScaled(scalars, StepScalars.LearningRate, (float)ratio, finite, graph.Read(gradients), Values);
            return;
        }

        graph.AdamW(
            graph.Read(Values),
            graph.Read(gradients),
            graph.Read(firstMoment!),
            graph.Read(secondMoment!),
            scalars,
            finite,
            new AdamWSettings(optimizer.Beta1, optimizer.Beta2, optimizer.Epsilon, WeightDecay: 0) { LearningRateRatio = -ratio });
    }

    public override void OnAfterUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
    {
        if (layers is not null && ratio is not null)
        {
            graph.ClipProducts(
                layers, settings.Clip == AuxiliaryClip.PerLayer, graph.Read(Context.Scalars), MethodScalars.Factor, finite, ratio);
        }
    }

    public override double Factor(long step, long totalSteps) => measured?.Current ?? settings.Rho.Value;

    /// <summary>
    /// The rise that was measured is that of the auxiliary before this step's ascent; the first step's, as a rule zero, says nothing.
    /// </summary>
    public override void OnStepEnd(StepReadings readings)
    {
        base.OnStepEnd(readings);
        if (ratio is null)
        {
            return;
        }

        ratioOfNorms.Value = readings.Of(ratio)[0];
        if (measured is null)
        {
            return;
        }

        (double radius, double reach) = (measured.Current, norm[0] / measured.Current);
        norm[0] = Math.Min(1, ratioOfNorms.Value) * radius;
        if (readings.Probe == LossProbe.Unperturbed && reach > 0)
        {
            double before = readings.Of(Context.Losses.UnperturbedLoss)[0];
            measured.Measure((readings.Of(Context.Losses.Loss)[0] - before) / before, reach);
        }
    }

    private protected override bool ChoosesRadius => measured is not null;

    private protected override double RadiusOf(StepReadings readings) => measured?.Current ?? double.NaN;

    private void RefuseStrangers(SafetensorsFile file, string path)
    {
        HashSet<string> known = [.. factors.Keys.SelectMany(layer => (string[])[$"{layer.Module}.A", $"{layer.Module}.B"])];
        string[] strangers = [.. file.Tensors.Select(tensor => tensor.Name).Where(name => !known.Contains(name))];
        if (strangers.Length > 0)
        {
            throw new ConfigurationException(
                $"{path}: tensor '{strangers[0]}' belongs to no adapted layer; "
                    + $"expected LAYER.A and LAYER.B such as {factors.Keys.First().Module}.A ({Setting.Of("method.auxiliary_init")}).");
        }
    }
}
