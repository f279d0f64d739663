using Engine.Devices;
using Engine.Devices.Sharing;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim;

/// <summary>
/// Training on a device, step by step. A step takes the course its method says: a begin plan (clear gradients, H0), one plan per
/// micro-batch shape (forward, loss, backward), where there is a second pass an ascent plan (H1) and the micro-batches again, and an update
/// plan (H2 to H6 with clipping and AdamW). Everything stays on the device but a few numbers that are read at the end of a step, and before
/// them each sample's losses where the method selects samples. Each step and each evaluated batch takes a turn on the device
/// (<see cref="Device.Turns"/>); steps of several threads run one after another.
/// </summary>
internal sealed partial class TrainingSession : IDisposable
{
    private readonly Device device;
    private readonly TrainingMethod method;

    /// <summary>What is left of the method in plain steps.</summary>
    private readonly TrainingMethod unperturbed;
    private readonly ulong seed;
    private readonly MethodContext context;
    private readonly StorageBlock moments = new("optimizer");
    private readonly StepLoss loss;
    private readonly SessionReports reports;
    private readonly OptimizerUpdate optimizer;
    private readonly SampleSelection? selection;

    /// <summary>Of steps that run their samples one by one; else null.</summary>
    private readonly SamplePass? samples;
    private readonly Arena arena;
    private readonly SessionPasses passes;
    private readonly StepUploads uploads;
    private readonly float[] readings;
    private readonly float[] zero = new float[1];

    /// <summary>Steps taken before the last restart: noise goes on from there.</summary>
    private long earlierSteps;
    private readonly Dictionary<StepCourse, CoursePlans> courses = [];

    /// <summary>Turns the perturbation round; null where no step measures that.</summary>
    private readonly FixedPlan? mirror;
    private Profile? profile;
    private bool disposed;

    /// <param name="capacity">The largest batch shape of the run, training and evaluation.</param>
    /// <param name="totalSteps">Optimizer steps of the whole run, or of its longest task, for the method's schedule.</param>
    /// <param name="seed">Seed of dropout.</param>
    /// <param name="microBatches">Micro-batches of the longest step; only methods that select samples need to know.</param>
    /// <param name="gradientCheckpointing">The backward pass computes each layer's activations again instead of keeping them.</param>
    /// <param name="loss">What the loss of a step is; null: the mean over its labels, to these alone.</param>
    /// <exception cref="ArgumentException">Class weights that do not fit the model's classes.</exception>
    public TrainingSession(
        Device device,
        TransformerModel model,
        TrainingMethod method,
        AdamWOptions optimizer,
        BatchShape capacity,
        long totalSteps,
        ulong seed,
        int microBatches = 1,
        bool gradientCheckpointing = false,
        LossOptions? loss = null)
    {
        this.device = device;
        this.method = method;
        unperturbed = method.WithoutPerturbation;
        this.seed = seed;
        Model = model;
        this.loss = new StepLoss(loss ?? new LossOptions(), model.Architecture);
        Trainables = model.Trainables ?? throw new ArgumentException("A frozen model cannot be trained.", nameof(model));
        reports = new SessionReports(model.Adapters.Any(adapter => adapter.Form is { HasLossTerm: true }));
        Inputs = new BatchInputs(model.Architecture, capacity, model.EmbeddingRows);
        uploads = new StepUploads(Inputs.Scalars);
        Moments = (moments.Reserve("m", new Shape(Trainables.Count)), moments.Reserve("v", new Shape(Trainables.Count)));
        context = new MethodContext(model, reports, Inputs.Scalars, Inputs.NoiseRandom, optimizer, Moments, totalSteps);
        method.Attach(context);
        Numbers = method.Numbers;
        this.optimizer = new OptimizerUpdate(Trainables, method, optimizer, Moments, context.Tables);
        readings = new float[reports.Block.Bytes / sizeof(float)];
        selection = method.Courses.Contains(StepCourse.SelectedSecondPass) ? new SampleSelection(capacity, microBatches) : null;
        samples = method.Courses.Contains(StepCourse.PerSample) ? new SamplePass(capacity.Tokens) : null;

        // A set of tensors is known by its list, so that plans and sets share one.
        IReadOnlyList<Variable>? partial = PartialTensors(method);
        arena = new Arena(device);
        passes = new SessionPasses(
            options => new ModelRunner(device, model, Inputs, arena, options),
            method,
            this.loss.Passes with { GradientCheckpointing = gradientCheckpointing, PartialTensors = partial },
            new PassLosses(reports, Inputs.Scalars),
            graph => selection?.Build(graph, model.Architecture.Head));
        LossScaling = model.WeightType == ElementType.Float16
            ? new LossScaling(
                device, Trainables, method.OwnGradients, context.State, [.. HostState.Select(entry => entry.Values)], Inputs.Scalars)
            : null;
        foreach (StepCourse course in method.Courses)
        {
            TrainingMethod acting = course == StepCourse.Plain ? unperturbed : method;
            courses.Add(course, CoursePlans.Build(
                device, course, acting, Trainables, this.optimizer, reports, LossScaling, Inputs.Scalars, optimizer.MaxGradNorm, partial));
        }

        if (method.Probes.Contains(LossProbe.Mirrored))
        {
            var graph = new GraphBuilder();
            method.OnMirror(graph);
            mirror = new FixedPlan(device, graph);
        }
    }

    public TransformerModel Model { get; }

    public TrainableParameters Trainables { get; }

    public BatchInputs Inputs { get; }

    /// <summary>Optimizer steps of the run, or of the task that is under way.</summary>
    public long TotalSteps
    {
        get => context.TotalSteps;
        private set => context.TotalSteps = value;
    }

    /// <summary>Optimizer steps taken.</summary>
    public long StepsTaken { get; internal set; }

    /// <summary>The task that is under way, from 0; -1 before the first.</summary>
    public int Task { get; private set; } = -1;

    /// <summary>Micro-batches taken: the step of the dropout generator.</summary>
    public long MicroBatchesTaken { get; private set; }

    /// <summary>Steps among those taken that had no label and so updated nothing.</summary>
    public long UnlabelledSteps { get; private set; }

    /// <summary>What the method reports of the last step.</summary>
    public IReadOnlyList<StepNumber> Numbers { get; }

    /// <summary>The moments of AdamW, [trainable elements] each.</summary>
    public (Variable First, Variable Second) Moments { get; }

    /// <summary>Dynamic loss scaling, of models with float16 weights; else null.</summary>
    public LossScaling? LossScaling { get; }

    /// <summary>The method's state on the device.</summary>
    public StorageBlock MethodState => context.State;

    /// <summary>
    /// All that training makes of the model, under the names that checkpoints give it: the trainable parameters as one vector, the base
    /// weights that the method writes, and what it keeps of them.
    /// </summary>
    public IEnumerable<(string Name, Variable Value)> TrainedTensors =>
    [
        ("trainable", Trainables.Values),
        .. method.WritesBaseWeights ? Model.Adapters.Select(layer => ($"base.{layer.Module}", layer.Weight)) : [],
        .. context.Merged.Variables.Select(variable => ($"merged.{variable.Name}", variable)),
    ];

    /// <summary>State on the host, the method's and the optimizer's: arrays that a checkpoint saves and fills again.</summary>
    public IEnumerable<(string Name, double[] Values)> HostState =>
        optimizer.Updates is { } updates ? [.. method.HostState, ("optimizer.updates", updates)] : method.HostState;

    /// <summary>Where to add each launch's time; null: launches are not timed.</summary>
    public Profile? Profile
    {
        get => profile;
        set
        {
            profile = value;
            passes.Profile = value;
        }
    }

    /// <summary>
    /// Whether a method that perturbs the weights is part of the training, so that steps have a <see cref="StepReport.LossRise"/>.
    /// </summary>
    public bool Perturbs => method.Perturbs;

    /// <summary>Whether the method keeps anything from one step to the next, or writes base weights: then nothing restarts.</summary>
    public bool CarriesState =>
        method.WritesBaseWeights || context.State.Variables.Count > 0 || context.Merged.Variables.Count > 0 || method.HostState.Count > 0;

    /// <summary>Whether training can be one task after another (<see cref="BeginTask"/>).</summary>
    public bool TakesTasks => !CarriesState || method.TakesTasks;

    /// <summary>Prepares the method; call it when weights and adapters are loaded.</summary>
    /// <param name="resumes">The method's state comes from a checkpoint, which is read next; nothing that a new run starts from is
    /// needed.</param>
    public void Begin(bool resumes = false)
    {
        context.UploadTables();
        loss.Upload();
        if (!resumes)
        {
            method.Initialize();
        }

        device.Synchronize();
    }

    /// <summary>
    /// One optimizer step over its micro-batches, each used once (twice by methods that look ahead). A micro-batch without labels
    /// contributes nothing; a step without any runs nothing and updates nothing, but counts. Where samples run one by one it is a step as
    /// any other, so that its noise is there whatever the data are.
    /// </summary>
    /// <param name="learningRate">The schedule's rate of this step.</param>
    /// <param name="source">What the batches were made from, for messages.</param>
    /// <exception cref="ObjectDisposedException">The session or its device is disposed.</exception>
    public StepReport Step(IReadOnlyList<RaggedBatch> microBatches, double learningRate, string source)
    {
        using Turn turn = device.Turns.Take();
        using Lock.Scope use = arena.Enter();
        ObjectDisposedException.ThrowIf(disposed, this);
        long tokens = 0;
        loss.Begin(microBatches.Count);
        for (int i = 0; i < microBatches.Count; i++)
        {
            tokens += microBatches[i].TokenCount;
            loss.Count(i, microBatches[i]);
        }

        long labels = loss.Total;
        if (labels == 0 && samples is null)
        {
            StepsTaken++;
            UnlabelledSteps++;
            MicroBatchesTaken += microBatches.Count;
            return new StepReport(double.NaN, 0, tokens, 0, Skipped: true);
        }

        method.BetweenSteps(StepsTaken);
        for (int i = 0; i < Numbers.Count; i++)
        {
            Numbers[i].Value = double.NaN;
        }

        LossScaling?.Keep();
        StepCourse course = method.CourseOf(StepsTaken);
        (TrainingMethod acting, ModelRunner runner) = course == StepCourse.Plain ? (unperturbed, passes.Plain!) : (method, passes.Training);
        CoursePlans plans = courses[course];
        acting.Prepare(StepsTaken);
        int sampleCount = SamplePass.Count(microBatches);
        Upload(acting, StepsTaken, learningRate, 1f / sampleCount);
        LossProbe probe = acting.ProbeOf(StepsTaken);
        if (probe != LossProbe.None)
        {
            Probe(passes.UnperturbedLosses!, reports.UnperturbedLoss, microBatches, source);
        }

        plans.Begin.Run(arena, profile);
        if (course == StepCourse.PerSample)
        {
            RunSamples(plans, microBatches, source);
        }
        else
        {
            RunBatches(runner, acting, course, microBatches, source);
        }

        if (plans.Ascend is { } ascend)
        {
            ascend.Run(arena, profile);
            RepeatPass(course, microBatches, source);
        }

        if (probe == LossProbe.Mirrored)
        {
            mirror!.Run(arena, profile);
            Probe(passes.Losses!, reports.ProbedLoss, microBatches, source);
        }

        plans.Update.Run(arena, profile, acting.ActiveIn(StepPart.Update));
        reports.Block.Buffer.Read(readings.AsSpan());
        var report = new StepReadings(readings, course, probe);
        float norm = report.Of(reports.GradientNorm)[0];
        bool skipped = false;
        if (float.IsFinite(norm))
        {
            acting.OnStepEnd(report);
            LossScaling?.Advance();
        }
        else
        {
            skipped = LossScaling?.Skip() ?? false;
        }

        StepsTaken++;
        MicroBatchesTaken += course == StepCourse.PerSample ? sampleCount : microBatches.Count;
        double perturbed = report.Of(course == StepCourse.SelectedSecondPass ? reports.ProbedLoss : reports.Loss)[0];
        double before = plans.Ascend is null && probe == LossProbe.None ? double.NaN : report.Of(reports.UnperturbedLoss)[0];
        Variable? term = plans.Ascend is null ? reports.AdapterLoss : reports.FirstPassAdapterLoss;
        double? ofForm = term is null ? null : report.Of(term)[0], ofMethod = acting.AddedLoss(report);
        double atStart = (plans.Ascend is null ? perturbed : before) + (ofMethod ?? 0);
        return new StepReport(atStart, norm, tokens, labels, skipped, perturbed - before)
        {
            AdapterLoss = ofForm is null && ofMethod is null ? double.NaN : (ofForm ?? 0) + (ofMethod ?? 0),
        };
    }

    /// <summary>Runs a batch in evaluation: no dropout, no perturbation.</summary>
    public ModelRun Evaluate(RaggedBatch batch, string source)
    {
        using Turn turn = device.Turns.Take();
        return passes.Evaluation.Run(batch, source);
    }

    /// <summary>Runs a batch in evaluation and reads its results before anything else runs.</summary>
    public void Evaluate(RaggedBatch batch, string source, Action<ModelRun> read)
    {
        using Turn turn = device.Turns.Take();
        using Lock.Scope use = arena.Enter();
        read(passes.Evaluation.Run(batch, source));
    }

    /// <summary>Frees the session's memory, once the step that is under way has returned.</summary>
    public void Dispose()
    {
        using Lock.Scope use = arena.Enter();
        disposed = true;
        foreach (CoursePlans plans in courses.Values)
        {
            plans.Dispose();
        }

        passes.Dispose();
        mirror?.Dispose();
        arena.Dispose();
        foreach (StorageBlock block in OwnBlocks)
        {
            block.Dispose();
        }
    }

    /// <summary>The second pass at the perturbed point, over all samples or those the method selects.</summary>
    private void RepeatPass(StepCourse course, IReadOnlyList<RaggedBatch> microBatches, string source)
    {
        ActiveSet? active = method.ActiveIn(StepPart.SecondPass);
        if (course == StepCourse.TwoPasses)
        {
            for (int i = 0; i < microBatches.Count; i++)
            {
                Run(passes.Training, microBatches[i], i, source, active);
            }

            return;
        }

        Clear(reports.ProbedLoss);
        for (int i = 0; i < microBatches.Count; i++)
        {
            Run(passes.Losses!, microBatches[i], i, source);
            selection!.Keep(i, microBatches[i], after: true);
        }

        selection!.Read();
        loss.Begin(microBatches.Count);
        for (int i = 0; i < microBatches.Count; i++)
        {
            RaggedBatch batch = microBatches[i];
            selection.Select(i, method.Select(selection.Losses(i, batch, after: false), selection.Losses(i, batch, after: true)));
            loss.Count(i, batch, selection.Selected(i));
        }

        for (int i = 0; i < microBatches.Count; i++)
        {
            Run(passes.Training, selection.SelectedRows(i, microBatches[i]), i, source, active);
        }
    }

    /// <summary>The pass of a step sample by sample, whose gradients the method takes one after another.</summary>
    private void RunSamples(CoursePlans plans, IReadOnlyList<RaggedBatch> microBatches, string source)
    {
        ActiveSet? active = method.ActiveIn(StepPart.FirstPass);
        samples!.Begin();
        while (samples.Next(microBatches) is { } sample)
        {
            uploads.Seed(Inputs.DropoutRandom, seed, MicroBatchesTaken + samples.Number);
            passes.Training.Run(sample, source, active);
            plans.Sample!.Run(arena, profile);
        }
    }

    /// <summary>The first pass over the micro-batches, or the only one.</summary>
    private void RunBatches(
        ModelRunner runner, TrainingMethod acting, StepCourse course, IReadOnlyList<RaggedBatch> microBatches, string source)
    {
        ActiveSet? active = acting.ActiveIn(StepPart.FirstPass);
        for (int i = 0; i < microBatches.Count; i++)
        {
            Run(runner, microBatches[i], i, source, active);
            if (course == StepCourse.SelectedSecondPass)
            {
                selection!.Keep(i, microBatches[i], after: false);
            }
        }
    }

    /// <summary>Runs the step's i-th micro-batch, in every pass with the same dropout masks.</summary>
    private void Run(ModelRunner runner, RaggedBatch batch, int index, string source, ActiveSet? active = null)
    {
        uploads.Seed(Inputs.DropoutRandom, seed, MicroBatchesTaken + index);
        if (uploads.LossWeight != loss[index])
        {
            uploads.Write(loss[index], LossScaling);
        }

        runner.Run(batch, source, active);
    }

    /// <summary>The micro-batches' loss alone.</summary>
    private void Probe(ModelRunner prober, Variable loss, IReadOnlyList<RaggedBatch> microBatches, string source)
    {
        Clear(loss);
        for (int i = 0; i < microBatches.Count; i++)
        {
            Run(prober, microBatches[i], i, source);
        }
    }

    /// <summary>Sets a loss to zero, outside the plans.</summary>
    private void Clear(Variable sum) => sum.View<float>().Write(zero);

    private void Upload(TrainingMethod acting, long step, double learningRate, float sampleWeight)
    {
        long updates = step - UnlabelledSteps - (LossScaling?.State.SkippedSteps ?? 0);
        Span<float> scalars = uploads.Scalars;
        scalars[StepScalars.LearningRate] = (float)learningRate;
        (scalars[StepScalars.BiasCorrection1], scalars[StepScalars.BiasCorrection2]) = optimizer.Corrections(updates + 1);
        scalars[StepScalars.SampleWeight] = sampleWeight;
        acting.WriteFactors(step, TotalSteps, scalars);
        uploads.Write(loss[0], LossScaling, samples is null ? null : sampleWeight);
        optimizer.Prepare(scalars, acting.ActiveIn(StepPart.Update));
        uploads.Seed(Inputs.NoiseRandom, method.NoiseSeed, earlierSteps + step);
    }

    private static IReadOnlyList<Variable>? PartialTensors(TrainingMethod method) =>
        Enum.GetValues<StepPart>().Select(method.ActiveIn).FirstOrDefault(set => set is not null)?.Tensors;
}
