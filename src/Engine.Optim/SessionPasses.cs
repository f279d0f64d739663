using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim;

/// <summary>Where passes add up the losses of a step's micro-batches.</summary>
/// <param name="Reports">The sums.</param>
/// <param name="Scalars">The step's, with the weight of each micro-batch.</param>
internal sealed record PassLosses(SessionReports Reports, Variable Scalars)
{
    /// <summary>Adds a pass's loss, that of the adapters' form included, to a sum.</summary>
    public void Add(ModelGraph graph, Variable sum)
    {
        graph.Graph.AccumulateWeighted(graph.Loss, Scalars, StepScalars.LossWeight, sum);
        AddOfForm(graph, sum);
    }

    /// <summary>The same of a training pass, which reports the form's part by itself, too.</summary>
    public void AddTraining(ModelGraph graph)
    {
        Add(graph, Reports.Loss);
        AddOfForm(graph, Reports.AdapterLoss);
    }

    private void AddOfForm(ModelGraph graph, Variable? sum)
    {
        if (graph.LossTerm is { } term)
        {
            graph.Graph.AccumulateWeighted(term, Scalars, StepScalars.LossWeight, sum!);
        }
    }
}

/// <summary>The passes of a session's steps over a batch: what runs forward and backward, forward alone, and in evaluation.</summary>
internal sealed class SessionPasses : IDisposable
{
    private readonly Func<RunnerOptions, ModelRunner> make;
    private readonly RunnerOptions training;

    /// <param name="make">Makes a runner of the session's model.</param>
    /// <param name="options">What training passes have beside what the method gives.</param>
    /// <param name="select">Builds the selection of samples into a pass; nothing where there is none.</param>
    public SessionPasses(
        Func<RunnerOptions, ModelRunner> make,
        TrainingMethod method,
        RunnerOptions options,
        PassLosses losses,
        Action<ModelGraph> select)
    {
        this.make = make;
        TrainingMethod unperturbed = method.WithoutPerturbation;
        training = Acting(options, method) with
        {
            Gradients = true,
            Extend = graph =>
            {
                losses.AddTraining(graph);
                select(graph);
            },
        };
        Training = make(training);
        Plain = method.Courses.Contains(StepCourse.Plain)
            ? make(Acting(training, unperturbed) with { Extend = losses.AddTraining })
            : null;
        Evaluation = make(new RunnerOptions());
        RunnerOptions forward = options with { GradientCheckpointing = false, PartialTensors = null };
        Losses = method.Courses.Contains(StepCourse.SelectedSecondPass) || method.Probes.Contains(LossProbe.Mirrored)
            ? make(Acting(forward, method) with
            {
                Extend = graph =>
                {
                    losses.Add(graph, losses.Reports.ProbedLoss);
                    select(graph);
                },
            })
            : null;
        UnperturbedLosses = method.Probes.Count > 0
            ? make(Acting(forward, unperturbed) with { Extend = graph => losses.Add(graph, losses.Reports.UnperturbedLoss) })
            : null;

        static RunnerOptions Acting(RunnerOptions options, TrainingMethod method) =>
            options with { TransformWeight = method.TransformWeight, Auxiliary = method.Auxiliary };
    }

    /// <summary>Whether backward passes compute activations again.</summary>
    public bool GradientCheckpointing => training.GradientCheckpointing;

    /// <summary>Forward and backward.</summary>
    public ModelRunner Training { get; }

    /// <summary>The same in plain steps; null where there are none.</summary>
    public ModelRunner? Plain { get; }

    /// <summary>The losses alone, as the training passes compute them; null where no method asks for them.</summary>
    public ModelRunner? Losses { get; }

    /// <summary>The losses alone, as plain steps compute them; null where no method asks for them.</summary>
    public ModelRunner? UnperturbedLosses { get; }

    /// <summary>Without dropout and perturbation.</summary>
    public ModelRunner Evaluation { get; }

    /// <summary>Where the passes of steps add each launch's time.</summary>
    public Profile? Profile
    {
        set
        {
            foreach (ModelRunner runner in OfSteps)
            {
                runner.Profile = value;
            }
        }
    }

    private IEnumerable<ModelRunner> OfSteps => ((ModelRunner?[])[Training, Plain, Losses, UnperturbedLosses]).OfType<ModelRunner>();

    /// <summary>Bytes of the arena for these shapes with gradient checkpointing or without.</summary>
    /// <param name="selected">Shapes of what a method may select of the batches.</param>
    public long ArenaBytes(
        bool gradientCheckpointing,
        IReadOnlyList<BatchShape> batches,
        IReadOnlyList<BatchShape> selected,
        IEnumerable<BatchShape> evaluated)
    {
        using ModelRunner? other = gradientCheckpointing == GradientCheckpointing
            ? null : make(training with { GradientCheckpointing = gradientCheckpointing });
        return ((long[])
        [
            (other ?? Training).ArenaBytes([.. batches, .. selected]),
            other is null ? Plain?.ArenaBytes(batches) ?? 0 : 0,
            Losses?.ArenaBytes(batches) ?? 0,
            UnperturbedLosses?.ArenaBytes(batches) ?? 0,
            Evaluation.ArenaBytes(evaluated),
        ]).Max();
    }

    /// <summary>Frees the passes' plans.</summary>
    public void Dispose()
    {
        foreach (ModelRunner runner in OfSteps.Append(Evaluation))
        {
            runner.Dispose();
        }
    }
}
