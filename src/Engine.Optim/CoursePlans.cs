using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim;

/// <summary>What a step replays beside its micro-batches, for one course of a method's steps.</summary>
internal sealed class CoursePlans : IDisposable
{
    private CoursePlans(FixedPlan begin, FixedPlan? sample, FixedPlan? ascend, FixedPlan update) =>
        (Begin, Sample, Ascend, Update) = (begin, sample, ascend, update);

    /// <summary>Clears the gradients; H0.</summary>
    public FixedPlan Begin { get; }

    /// <summary>After each sample of a step that runs them one by one; null where none does.</summary>
    public FixedPlan? Sample { get; }

    /// <summary>Between two passes: H1, then the gradients are cleared; null where there is one pass.</summary>
    public FixedPlan? Ascend { get; }

    /// <summary>H2 to H6.</summary>
    public FixedPlan Update { get; }

    public long ArenaBytes => ((FixedPlan?[])[Begin, Sample, Ascend, Update]).Max(plan => plan?.ArenaBytes ?? 0);

    public static CoursePlans Build(
        Device device,
        StepCourse course,
        TrainingMethod method,
        TrainableParameters trainables,
        OptimizerUpdate optimizer,
        SessionReports reports,
        LossScaling? scaling,
        Variable scalars,
        double maxGradNorm,
        IReadOnlyList<Variable>? partialTensors)
    {
        var begin = new GraphBuilder();
        Clear(begin);
        begin.Clear(reports.Loss);
        if (reports.AdapterLoss is { } adapterLoss)
        {
            begin.Clear(adapterLoss);
        }

        method.OnStepBegin(begin, course);

        GraphBuilder? sample = null;
        if (course == StepCourse.PerSample)
        {
            sample = new GraphBuilder();
            method.OnSampleReady(sample);
        }

        GraphBuilder? ascend = null;
        if (course.HasSecondPass())
        {
            ascend = new GraphBuilder();
            scaling?.UnscaleFirstPass(ascend);
            method.OnGradientsReady(ascend, course);
            Clear(ascend);
            ascend.Store(ascend.Read(reports.Loss), reports.UnperturbedLoss);
            ascend.Clear(reports.Loss);
            if (reports.AdapterLoss is { } added)
            {
                ascend.Store(ascend.Read(added), reports.FirstPassAdapterLoss!);
            }
        }

        var update = new GraphBuilder();
        scaling?.Unscale(update);
        method.OnRestore(update, course);
        method.OnTransformGradients(update, course);
        IEnumerable<Variable> alsoFinite = scaling is not null && ascend is not null
            ? [.. method.OwnGradients, scaling.FirstPassNorm]
            : method.OwnGradients;
        GradientFactors factors = update.GradientNorm(trainables.Gradients, (float)maxGradNorm, reports.GradientNorm, alsoFinite);
        method.OnBeforeUpdate(update, course, factors.Finite);
        optimizer.Build(update, scalars, factors.Clip);
        method.OnUpdate(update, course, factors.Finite);
        method.OnAfterUpdate(update, course, factors.Finite);
        return new CoursePlans(
            new FixedPlan(device, begin), PlanOf(sample), PlanOf(ascend), new FixedPlan(device, update, partialTensors));

        FixedPlan? PlanOf(GraphBuilder? graph) => graph is null ? null : new FixedPlan(device, graph);

        void Clear(GraphBuilder graph)
        {
            foreach (Variable gradients in (IEnumerable<Variable>)[trainables.Gradients, .. method.OwnGradients])
            {
                graph.Clear(gradients);
            }
        }
    }

    public void Dispose()
    {
        Begin.Dispose();
        Sample?.Dispose();
        Ascend?.Dispose();
        Update.Dispose();
    }
}

/// <summary>
/// The numbers a step is reported by, and the method's (<see cref="MethodContext.Reports"/>): one block, read once a step.
/// </summary>
internal sealed class SessionReports
{
    /// <param name="adapterLoss">The adapters add to the loss.</param>
    public SessionReports(bool adapterLoss)
    {
        Loss = Block.Reserve("loss", new Shape(1));
        UnperturbedLoss = Block.Reserve("unperturbed_loss", new Shape(1));
        ProbedLoss = Block.Reserve("probed_loss", new Shape(1));
        GradientNorm = Block.Reserve("gradient_norm", new Shape(1));
        if (adapterLoss)
        {
            AdapterLoss = Block.Reserve("adapter_loss", new Shape(1));
            FirstPassAdapterLoss = Block.Reserve("first_pass_adapter_loss", new Shape(1));
        }
    }

    public StorageBlock Block { get; } = new("report");

    /// <summary>The sum of the micro-batches' losses of the pass in progress.</summary>
    public Variable Loss { get; }

    /// <summary>The same without a perturbation: of the first of two passes, or of a <see cref="LossProbe"/>.</summary>
    public Variable UnperturbedLoss { get; }

    /// <summary>The same of the losses that are computed alone, at the perturbed point.</summary>
    public Variable ProbedLoss { get; }

    /// <summary>The part of <see cref="Loss"/> that the adapters' form adds; null where it adds nothing.</summary>
    public Variable? AdapterLoss { get; }

    /// <summary>The same of the first of two passes.</summary>
    public Variable? FirstPassAdapterLoss { get; }

    /// <summary>The gradients' global norm before clipping.</summary>
    public Variable GradientNorm { get; }
}
