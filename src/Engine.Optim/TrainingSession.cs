using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim;

/// <summary>What one optimizer step reports.</summary>
/// <param name="Loss">The micro-batches' mean loss, as the method's first pass saw it.</param>
/// <param name="GradientNorm">Global norm of the gradients before clipping.</param>
/// <param name="Tokens">Real tokens of the micro-batches.</param>
/// <param name="Skipped">The gradients overflowed under loss scaling: nothing was updated, and the scale is lower now.</param>
public sealed record StepReport(double Loss, double GradientNorm, long Tokens, bool Skipped = false);

/// <summary>
/// Training on a device, step by step: a begin plan (clear gradients, H0), one plan per micro-batch shape (forward, loss, backward),
/// and an update plan (H1 to H6 with clipping and AdamW). Everything stays on the device but a few scalars a step.
/// </summary>
public sealed class TrainingSession : IDisposable
{
    private readonly Device device;
    private readonly TrainingMethod method;
    private readonly AdamWOptions optimizer;
    private readonly ulong seed;
    private readonly StorageBlock state = new("method");
    private readonly StorageBlock moments = new("optimizer");
    private readonly StorageBlock reports = new("report");
    private readonly Variable lossSum;
    private readonly Variable firstPassLoss;
    private readonly Variable gradientNorm;
    private readonly Variable firstMoment;
    private readonly Variable secondMoment;
    private readonly Arena arena;
    private readonly RunnerOptions training;
    private readonly ModelRunner trainer;
    private readonly ModelRunner evaluator;
    private readonly float[] scalars = new float[StepScalars.Count];
    private readonly uint[] random = new uint[RandomState.Count];
    private readonly float[] report = new float[3];
    private readonly FixedPlan prepare;
    private readonly FixedPlan begin;
    private readonly FixedPlan repeat;
    private readonly FixedPlan update;
    private Profile? profile;

    /// <param name="capacity">The largest batch shape of the run, training and evaluation.</param>
    /// <param name="totalSteps">Optimizer steps of the whole run, for the method's schedule.</param>
    /// <param name="seed">Seed of dropout.</param>
    /// <param name="gradientCheckpointing">The backward pass computes each layer's activations again instead of keeping them.</param>
    public TrainingSession(
        Device device, TransformerModel model, TrainingMethod method, AdamWOptions optimizer, BatchShape capacity, long totalSteps, ulong seed,
        bool gradientCheckpointing = false)
    {
        this.device = device;
        this.method = method;
        this.optimizer = optimizer;
        this.seed = seed;
        Model = model;
        TotalSteps = totalSteps;
        Trainables = model.Trainables ?? throw new ArgumentException("A frozen model cannot be trained.", nameof(model));
        Inputs = new BatchInputs(model.Architecture, capacity);
        lossSum = reports.Reserve("loss", new Shape(1));
        firstPassLoss = reports.Reserve("first_pass_loss", new Shape(1));
        gradientNorm = reports.Reserve("gradient_norm", new Shape(1));
        firstMoment = moments.Reserve("m", new Shape(Trainables.Count));
        secondMoment = moments.Reserve("v", new Shape(Trainables.Count));
        method.Attach(new MethodContext(model, state, Inputs.Scalars, Inputs.NoiseRandom));
        arena = new Arena(device);
        training = new RunnerOptions
        {
            Gradients = true,
            Dropout = true,
            GradientCheckpointing = gradientCheckpointing,
            TransformWeight = method.TransformWeight,
            Extend = graph => graph.Graph.Accumulate(graph.Loss, lossSum),
        };
        trainer = new ModelRunner(device, model, Inputs, arena, training);
        evaluator = new ModelRunner(device, model, Inputs, arena, new RunnerOptions());
        prepare = new FixedPlan(device, BuildPrepare());
        begin = new FixedPlan(device, BuildBegin());
        repeat = new FixedPlan(device, BuildRepeat());
        update = new FixedPlan(device, BuildUpdate());
        LossScaling = model.WeightType == ElementType.Float16 ? new LossScaling(device, Trainables, state, Inputs.Scalars) : null;
    }

    public TransformerModel Model { get; }

    public TrainableParameters Trainables { get; }

    public BatchInputs Inputs { get; }

    public long TotalSteps { get; }

    /// <summary>Optimizer steps taken.</summary>
    public long StepsTaken { get; set; }

    /// <summary>Micro-batches taken: the step of the dropout generator.</summary>
    public long MicroBatchesTaken { get; set; }

    /// <summary>The moments of AdamW, [trainable elements] each.</summary>
    public (Variable First, Variable Second) Moments => (firstMoment, secondMoment);

    /// <summary>Dynamic loss scaling, of models with float16 weights; else null.</summary>
    public LossScaling? LossScaling { get; }

    /// <summary>The method's state.</summary>
    public StorageBlock MethodState => state;

    /// <summary>Where to add each launch's time; null: launches are not timed.</summary>
    public Profile? Profile
    {
        get => profile;
        set => trainer.Profile = profile = value;
    }

    /// <summary>The memory the session holds beside the model's, by owner.</summary>
    private IEnumerable<StorageBlock> OwnBlocks => LossScaling is null ? [Inputs.Block, state, moments, reports] : [Inputs.Block, state, moments, reports, LossScaling.Block];

    /// <summary>
    /// Bytes by owner that training batches of these shapes takes, known before anything is allocated: parameters, gradients, optimizer state,
    /// the method's state, inputs and the arena of the largest plan.
    /// </summary>
    public IReadOnlyDictionary<string, long> Forecast(IEnumerable<BatchShape> trainingShapes, IEnumerable<BatchShape> evaluationShapes)
    {
        var bytes = new SortedDictionary<string, long>(StringComparer.Ordinal);
        foreach (StorageBlock block in Model.Blocks.Concat(OwnBlocks))
        {
            bytes[block.Owner] = bytes.GetValueOrDefault(block.Owner) + block.Bytes;
        }

        bytes["arena"] = ArenaBytes(trainer, trainingShapes, evaluationShapes);
        return bytes;
    }

    /// <summary>Bytes of the arena for these shapes with gradient checkpointing or without, whichever the session uses.</summary>
    public long ArenaBytes(bool gradientCheckpointing, IEnumerable<BatchShape> trainingShapes, IEnumerable<BatchShape> evaluationShapes)
    {
        using var other = new ModelRunner(device, Model, Inputs, arena, training with { GradientCheckpointing = gradientCheckpointing });
        return ArenaBytes(other, trainingShapes, evaluationShapes);
    }

    /// <summary>Takes the memory, the arena for these shapes included. The model's own blocks must be allocated.</summary>
    public void Allocate(IEnumerable<BatchShape> trainingShapes, IEnumerable<BatchShape> evaluationShapes)
    {
        foreach (StorageBlock block in OwnBlocks)
        {
            block.Allocate(device);
        }

        arena.Require(ArenaBytes(trainer, trainingShapes, evaluationShapes));
    }

    /// <summary>Prepares the method; call it when weights and adapters are loaded.</summary>
    public void Begin()
    {
        prepare.Run(arena, null);
        device.Synchronize();
    }

    /// <summary>One optimizer step over its micro-batches, each used once (twice by methods that look ahead).</summary>
    /// <param name="learningRate">The schedule's rate of this step.</param>
    /// <param name="source">What the batches were made from, for messages.</param>
    public StepReport Step(IReadOnlyList<RaggedBatch> microBatches, double learningRate, string source)
    {
        long step = StepsTaken;
        UploadScalars(step, learningRate, microBatches.Count);
        LossScaling?.Keep();
        begin.Run(arena, profile);
        long tokens = Pass(microBatches, source);
        if (LossScaling is not null && LossScaling.Unscale(arena, profile) is var first && !float.IsFinite(first))
        {
            return Skip(lossSum, first);
        }

        if (method.RepeatsMicroBatches)
        {
            repeat.Run(arena, profile);
            MicroBatchesTaken -= microBatches.Count;
            Pass(microBatches, source);
            if (LossScaling is not null && LossScaling.Unscale(arena, profile) is var second && !float.IsFinite(second))
            {
                return Skip(firstPassLoss, second);
            }
        }

        update.Run(arena, profile);
        LossScaling?.Advance();
        lossSum.Block.Buffer.Read(report.AsSpan());
        StepsTaken++;
        double loss = method.RepeatsMicroBatches ? report[1] : report[0];
        return new StepReport(loss / microBatches.Count, report[2], tokens);

        StepReport Skip(Variable loss, float norm)
        {
            bool lowered = LossScaling!.State.Scale > 1;
            LossScaling.Skip();
            loss.View<float>().Read(report.AsSpan(0, 1));
            StepsTaken++;
            return new StepReport(report[0] / microBatches.Count, norm, tokens, lowered);
        }
    }

    /// <summary>Runs a batch in evaluation: no dropout, no perturbation.</summary>
    public ModelRun Evaluate(RaggedBatch batch, string source) => evaluator.Run(batch, source);

    public void Dispose()
    {
        prepare.Dispose();
        begin.Dispose();
        repeat.Dispose();
        update.Dispose();
        LossScaling?.Dispose();
        trainer.Dispose();
        evaluator.Dispose();
        arena.Dispose();
        foreach (StorageBlock block in OwnBlocks)
        {
            block.Dispose();
        }
    }

    /// <summary>Forward and backward of every micro-batch; returns their real tokens.</summary>
    private long Pass(IReadOnlyList<RaggedBatch> microBatches, string source)
    {
        long tokens = 0;
        for (int i = 0; i < microBatches.Count; i++)
        {
            UploadRandom(Inputs.DropoutRandom, seed, MicroBatchesTaken);
            trainer.Run(microBatches[i], source);
            MicroBatchesTaken++;
            tokens += microBatches[i].TokenCount;
        }

        return tokens;
    }

    private void UploadScalars(long step, double learningRate, int microBatches)
    {
        float scale = LossScaling?.State.Scale ?? 1;
        long updates = step - (LossScaling?.State.SkippedSteps ?? 0) + 1;
        scalars[StepScalars.LearningRate] = (float)learningRate;
        scalars[StepScalars.BiasCorrection1] = (float)(1 - Math.Pow(optimizer.Beta1, updates));
        scalars[StepScalars.BiasCorrection2] = (float)(1 - Math.Pow(optimizer.Beta2, updates));
        scalars[StepScalars.LossScale] = scale / microBatches;
        scalars[StepScalars.InverseLossScale] = 1 / scale;
        scalars[StepScalars.MethodFactor] = (float)method.Factor(step, TotalSteps);
        Inputs.Scalars.View<float>().Write(scalars);
        UploadRandom(Inputs.NoiseRandom, method.NoiseSeed, step);
    }

    private void UploadRandom(Variable target, ulong key, long step)
    {
        random[RandomState.SeedLow] = (uint)key;
        random[RandomState.SeedHigh] = (uint)(key >> 32);
        random[RandomState.Step] = (uint)step;
        target.View<uint>().Write(random);
    }

    private long ArenaBytes(ModelRunner trainer, IEnumerable<BatchShape> trainingShapes, IEnumerable<BatchShape> evaluationShapes)
    {
        long bytes = Math.Max(new[] { prepare, begin, repeat, update }.Max(plan => plan.ArenaBytes), LossScaling?.ArenaBytes ?? 0);
        foreach (BatchShape shape in trainingShapes.Distinct())
        {
            bytes = Math.Max(bytes, trainer.ArenaBytes(shape));
        }

        foreach (BatchShape shape in evaluationShapes.Distinct())
        {
            bytes = Math.Max(bytes, evaluator.ArenaBytes(shape));
        }

        return bytes;
    }

    private GraphBuilder BuildPrepare()
    {
        var graph = new GraphBuilder();
        method.OnRunBegin(graph);
        return graph;
    }

    private GraphBuilder BuildBegin()
    {
        var graph = new GraphBuilder();
        graph.Clear(Trainables.Gradients);
        graph.Clear(lossSum);
        method.OnStepBegin(graph);
        return graph;
    }

    private GraphBuilder BuildRepeat()
    {
        var graph = new GraphBuilder();
        if (method.RepeatsMicroBatches)
        {
            method.OnGradientsReady(graph);
            graph.Clear(Trainables.Gradients);
            graph.Clear(firstPassLoss);
            graph.Accumulate(graph.Read(lossSum), firstPassLoss);
        }

        return graph;
    }

    private GraphBuilder BuildUpdate()
    {
        var graph = new GraphBuilder();
        if (!method.RepeatsMicroBatches)
        {
            method.OnGradientsReady(graph);
        }

        method.OnRestore(graph);
        method.OnTransformGradients(graph);
        Tensor clip = graph.GradientNorm(Trainables.Gradients, (float)optimizer.MaxGradNorm, gradientNorm);
        method.OnBeforeUpdate(graph);
        Update(graph, clip, 0, Trainables.DecayCount, optimizer.WeightDecay);
        Update(graph, clip, Trainables.DecayCount, Trainables.Count - Trainables.DecayCount, 0);
        method.OnAfterUpdate(graph);
        return graph;
    }

    private void Update(GraphBuilder graph, Tensor clip, int first, int count, double weightDecay)
    {
        if (count == 0)
        {
            return;
        }

        graph.AdamW(
            Range(Trainables.ValueBlock),
            Range(Trainables.GradientBlock),
            Range(moments, firstMoment),
            Range(moments, secondMoment),
            graph.Read(Inputs.Scalars),
            clip,
            new AdamWSettings(optimizer.Beta1, optimizer.Beta2, optimizer.Epsilon, weightDecay));

        Tensor Range(StorageBlock block, Variable? origin = null) =>
            graph.Read(block.Overlay($"{block.Owner}[{first}..{first + count}]", new Shape(count), origin ?? block.Variables[0], first));
    }
}
