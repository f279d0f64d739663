using System.Runtime.Serialization;
using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;

namespace Engine.Optim.Methods;

/// <summary>Which of its two forms LA-LoRA has.</summary>
public enum LaLoraForm
{
    /// <summary>The paper's: each sample's gradient is clipped, and there is a guarantee.</summary>
    [EnumMember(Value = "paper")]
    Paper,

    /// <summary>That of the public code, for comparing with its results: it guarantees nothing.</summary>
    [EnumMember(Value = "code")]
    Code,
}

/// <summary>What takes LA-LoRA's steps.</summary>
public enum StepOptimizer
{
    /// <summary>AdamW, as in every other run.</summary>
    [EnumMember(Value = "adamw")]
    AdamW,

    /// <summary>Plain gradient steps without momentum; weight decay is part of the gradient.</summary>
    [EnumMember(Value = "sgd")]
    Sgd,
}

/// <summary>
/// LA-LoRA (ICLR 2026, arXiv 2602.19926): private training of adapters. B and A are trained in turn, one in a step, so that noise is never
/// multiplied by noise; each sample's gradient is clipped, their mean gets Gaussian noise, and a low-pass filter along the factors takes
/// off much of it.
/// </summary>
public sealed record LaLora : Method, IKeyRules
{
    internal const string MethodName = "la-lora";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>
    /// The paper's form (B in the first step, each sample clipped, one update), or that of its public code (A in the first step, the whole
    /// batch's gradient clipped by the median of its norms, updates applied twice), which has no guarantee of privacy.
    /// </summary>
    [Key]
    public LaLoraForm Reference { get; init; } = LaLoraForm.Paper;

    /// <summary>What takes the steps: AdamW, or plain gradient steps (<see cref="StepOptimizer.Sgd"/>).</summary>
    [Key]
    public StepOptimizer Optimizer { get; init; } = StepOptimizer.AdamW;

    /// <summary>
    /// reference: paper: norm C to which each sample's gradient, of all that the step trains, is clipped; 0: nothing is clipped, and steps
    /// cost what they cost without the method.
    /// </summary>
    [Key(Minimum = 0, Default = "1")]
    public double? Clip { get; init; }

    /// <summary>
    /// sigma: the noise on the sum of a step's clipped gradients has deviation sigma C / R; 0: no noise.
    /// </summary>
    [Key(Minimum = 0, Default = "1 (0 with clip: 0); 0.2 with reference: code")]
    public double? DpSigma { get; init; }

    /// <summary>
    /// reference: paper: the divisor R of the noise. The paper does not say what it counts; with R above 1 each client's own guarantee is
    /// that of sigma / R, and so is the epsilon that is reported.
    /// </summary>
    [Key(Name = "R", Minimum = 0, Above = true, Default = "1")]
    public double? R { get; init; }

    /// <summary>reference: paper: whether the noisy gradients of A and B are smoothed along their layer's inputs and outputs.</summary>
    [Key(Default = "true")]
    public bool? Filter { get; init; }

    /// <summary>reference: paper: delta of the (epsilon, delta) that is reported; far below 1 over the rows of a client.</summary>
    [Key(Minimum = 0, Above = true, Maximum = 1, Below = true, Default = "1e-5")]
    public double? Delta { get; init; }

    /// <summary>
    /// Seed of the noise; its counter is the step, so a resumed run draws the same. Whoever knows it can take the noise off: a run whose
    /// result is given away has a secret one.
    /// </summary>
    [Key(Minimum = 0, Default = "42")]
    public ulong? NoiseSeed { get; init; }

    /// <summary>
    /// reference: code: strength of the smoothing, 1 / (1 + 2 ls_sigma (2 - cos u - cos v)); 0: the smoothed step is left out.
    /// </summary>
    [Key(Minimum = 0, Default = "1")]
    public double? LsSigma { get; init; }

    /// <summary>reference: code: the largest norm to which each tensor's gradient is clipped, where their median is above it.</summary>
    [Key(Minimum = 0, Above = true, Default = "0.4")]
    public double? ClipMax { get; init; }

    /// <summary>reference: code: what the optimizer's learning rate is multiplied by for every B.</summary>
    [Key(Name = "lr_B_factor", Minimum = 0, Above = true, Default = "2")]
    public double? LrBFactor { get; init; }

    /// <summary>C, 0 where samples are not clipped.</summary>
    internal double ClipNorm => IsPaper ? Clip ?? 1 : 0;

    /// <summary>sigma.</summary>
    internal double Noise => DpSigma ?? (!IsPaper ? 0.2 : ClipNorm > 0 ? 1 : 0);

    /// <summary>What the accountant calls the noise multiplier: the deviation of the noise on a step's sum over C.</summary>
    internal double NoiseMultiplier => Noise / (R ?? 1);

    /// <summary>Whether there is an epsilon.</summary>
    internal bool IsPrivate => IsPaper && Noise > 0;

    internal double DeltaOrDefault => Delta ?? 1e-5;

    internal bool IsPaper => Reference == LaLoraForm.Paper;

    KeyProblem? IKeyRules.Problem => OfOtherForm is { } key
        ? new KeyProblem(key, $"none, since only {Setting.Of("reference", IsPaper ? "code" : "paper")} reads it")
        : IsPaper && ClipNorm == 0 && Noise > 0
            ? new KeyProblem(nameof(DpSigma), $"0, since {Setting.Of("clip", "0")} bounds no sample's part, so that no noise hides it")
        : Noise == 0 && OfNoise is { } unread
            ? new KeyProblem(unread, $"none, since there is no noise where {Setting.Of("dp_sigma")} is 0")
        : null;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new LaLoraMethod(this);

    /// <summary>A key that is set and that the form does not read.</summary>
    private string? OfOtherForm => IsPaper
        ? LsSigma is not null ? nameof(LsSigma) : ClipMax is not null ? nameof(ClipMax) : LrBFactor is not null ? nameof(LrBFactor) : null
        : Clip is not null ? nameof(Clip) : R is not null ? nameof(R) : Filter is not null ? nameof(Filter)
            : Delta is not null ? nameof(Delta) : null;

    /// <summary>A key that is set and that only noise reads.</summary>
    private string? OfNoise =>
        R is not null ? nameof(R) : Delta is not null ? nameof(Delta) : NoiseSeed is not null ? nameof(NoiseSeed) : null;
}

/// <summary>
/// Each sample's gradient moves, clipped, into a sum; noise is added there, and the filter writes it back over the gradients, 0 where the
/// step trains nothing. Nothing of it leaves the device.
/// </summary>
internal class LaLoraMethod(LaLora settings) : TrainingMethod
{
    private readonly HashSet<Variable> factorsA = [];
    private readonly HashSet<Variable> factorsB = [];
    private readonly StepNumber clipFactor = new("clip_factor");
    private TensorSegments? segments;
    private TensorFilters? filters;
    private ActiveSet? active;
    private Variable? mask;
    private float[] maskValues = [];

    /// <summary>[trainable elements] The sum of clipped gradients, or the smoothed ones.</summary>
    private Variable? sum;

    /// <summary>[1] The norm of the last sample's gradient.</summary>
    private Variable? sampleNorm;

    /// <summary>[1] The mean factor of a step's samples.</summary>
    private Variable? meanFactor;

    public override string Name => settings.Name;

    public override MethodRole Role => MethodRole.Gradient;

    public override ulong NoiseSeed => settings.NoiseSeed ?? 42;

    public override IReadOnlyList<StepCourse> Courses { get; } = settings.ClipNorm > 0 ? [StepCourse.PerSample] : [StepCourse.OnePass];

    public override bool UpdatesInPart => true;

    public override IReadOnlyList<StepNumber> Numbers => settings.ClipNorm > 0 ? [clipFactor] : [];

    internal override StepOptimizer Optimizer => settings.Optimizer;

    internal override bool DecaysAll => !settings.IsPaper;

    private bool Smooths => settings.IsPaper ? settings.Filter ?? true : LsSigma > 0;

    private double LsSigma => settings.LsSigma ?? 1;

    private Variable Gradients => Context.Trainables.Gradients;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        foreach (LoraLinear layer in AdapterRequirement.Layers(this, "trains A and B of LoRA adapters in turn", context))
        {
            factorsA.Add(layer.A);
            factorsB.Add(layer.B);
        }

        if (context.Model.WeightType == Devices.ElementType.Float16 && settings.ClipNorm > 0)
        {
            throw Refusal(
                $"method {Name}: with float16 a step whose gradients overflow is skipped, which tells of the data and which no noise "
                + $"hides; set {Setting.Of("dtype", "bfloat16")} or float32.");
        }

        IReadOnlyList<(string Name, Variable Value)> tensors = context.Trainables.Entries;
        active = new ActiveSet([.. tensors.Select(tensor => tensor.Value)]);
        mask = context.Tables.Reserve("la_lora.mask", new Shape(tensors.Count));
        maskValues = new float[tensors.Count];
        segments = context.Segments(tensors);
        filters = context.Filters(tensors.Select(tensor => (tensor.Value, FilterOf(tensor.Value))));
        sum = context.Scratch.Reserve("la_lora.sum", new Shape(context.Trainables.Count));
        sampleNorm = context.Scratch.Reserve("la_lora.sample_norm", new Shape(1));
        meanFactor = context.Reports.Reserve("clip_factor", new Shape(1));
    }

    /// <summary>The paper trains B in the first step, the code A; what else is trained is in every step.</summary>
    public override void Prepare(long step)
    {
        HashSet<Variable> still = (step % 2 == 0) == settings.IsPaper ? factorsA : factorsB;
        for (int i = 0; i < maskValues.Length; i++)
        {
            active![i] = !still.Contains(active.Tensors[i]);
            maskValues[i] = active[i] ? 1 : 0;
        }

        mask!.View<float>().Write(maskValues);
    }

    public override ActiveSet? ActiveIn(StepPart part) => active;

    public override double LearningRateRatio(Variable tensor) =>
        !settings.IsPaper && factorsB.Contains(tensor) ? settings.LrBFactor ?? 2 : 1;

    public override void OnStepBegin(GraphBuilder graph, StepCourse course)
    {
        if (course == StepCourse.PerSample)
        {
            graph.Clear(sum!);
            graph.Clear(meanFactor!);
        }
    }

    public override void OnSampleReady(GraphBuilder graph)
    {
        Tensor factor = graph.GradientNorm(Gradients, (float)settings.ClipNorm, sampleNorm!).Clip;
        graph.AccumulateWeighted(factor, Context.Scalars, StepScalars.SampleWeight, meanFactor!);
        graph.Move(Gradients, Context.Scalars, StepScalars.SampleWeight, factor, sum!);
    }

    public override void OnTransformGradients(GraphBuilder graph, StepCourse course)
    {
        if (settings.IsPaper)
        {
            MakePrivate(graph, course);
        }
        else
        {
            Transcribe(graph);
        }
    }

    /// <summary>The code's own step by the smoothed gradient, before the optimizer's by the raw one.</summary>
    public override void OnBeforeUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
    {
        if (!settings.IsPaper && Smooths)
        {
            graph.AddScaled(
                graph.Read(Context.Scalars), StepScalars.LearningRate, -1f, finite, graph.Read(sum!), Context.Trainables.Values);
        }
    }

    public override void OnStepEnd(StepReadings readings)
    {
        if (settings.ClipNorm > 0)
        {
            clipFactor.Value = readings.Of(meanFactor!)[0];
        }
    }

    /// <summary>The noise's deviation on the mean over the step's samples.</summary>
    internal override void WriteFactors(long step, long totalSteps, Span<float> scalars) =>
        scalars[MethodScalars.Factor] = (float)(settings.ClipNorm * settings.NoiseMultiplier * scalars[StepScalars.SampleWeight]);

    /// <summary>run += deviation [1] * standard normals.</summary>
    private protected virtual void AddNoise(GraphBuilder graph, Variable run, Tensor deviation) =>
        graph.AddNoise(run, deviation, graph.Read(Context.NoiseRandom), Devices.RandomStream.GradientNoise);

    /// <summary>The whole of the gradients moves to and fro; where nothing is clipped or smoothed they stay where they are.</summary>
    private void MakePrivate(GraphBuilder graph, StepCourse course)
    {
        if (course != StepCourse.PerSample)
        {
            if (!Smooths)
            {
                return;
            }

            graph.Store(graph.Read(Gradients), sum!);
        }

        if (settings.Noise > 0)
        {
            Variable scalars = Context.Scalars;
            AddNoise(graph, sum!, graph.Read(scalars.Block.Overlay("deviation", new Shape(1), scalars, MethodScalars.Factor)));
        }

        graph.Filter(filters!, graph.Read(mask!), sum!, Gradients);
    }

    private void Transcribe(GraphBuilder graph)
    {
        Tensor taken = graph.Read(mask!);
        (Tensor factors, Tensor deviation) = graph.MedianClip(
            graph.SegmentNorms(segments!, Gradients), taken, graph.Read(Context.Scalars), (float)(settings.ClipMax ?? 0.4),
            (float)settings.Noise);
        graph.MapSegments(segments!, SegmentMap.Scale, Gradients, factors);
        if (settings.Noise > 0)
        {
            AddNoise(graph, Gradients, deviation);
            graph.MapSegments(segments!, SegmentMap.Scale, Gradients, taken);
        }

        if (Smooths)
        {
            graph.Filter(filters!, taken, Gradients, sum!);
        }
    }

    /// <summary>A is [rank, inputs] and B [outputs, rank].</summary>
    private MatrixFilter FilterOf(Variable tensor)
    {
        Shape shape = tensor.Shape;
        int count = checked((int)shape.Count);
        bool isB = factorsB.Contains(tensor), isFactor = isB || factorsA.Contains(tensor);
        (int ranks, int length) = !isFactor ? (1, count) : isB ? (shape.Columns, shape.Rows) : (shape.Rows, shape.Columns);
        return !Smooths || (settings.IsPaper && !isFactor) ? MatrixFilter.None(count)
            : settings.IsPaper ? LowPass.Binomial(ranks, length, isB)
            : LowPass.Laplacian(ranks, length, isB, LsSigma);
    }
}
