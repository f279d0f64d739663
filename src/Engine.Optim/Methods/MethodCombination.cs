using Engine.Common;
using Engine.Common.Keys;
using Engine.Graph;
using Engine.Model.Adapters;

namespace Engine.Optim.Methods;

/// <summary>
/// Methods that run together: each hook of all of them, in their order. Their roles differ, so that no two want the same part of a step.
/// </summary>
internal sealed class MethodCombination : TrainingMethod
{
    private readonly IReadOnlyList<TrainingMethod> methods;

    /// <summary>The one whose steps take more than one pass, or hold tensors still, or the first.</summary>
    private readonly TrainingMethod leader;

    /// <summary>Those that keep numbers from one step to the next.</summary>
    private readonly List<TrainingMethod> keeping = [];

    /// <exception cref="ConfigurationException">Methods that do not go together.</exception>
    public MethodCombination(IReadOnlyList<TrainingMethod> methods)
    {
        this.methods = methods;
        foreach (TrainingMethod method in methods)
        {
            if (method.Role == MethodRole.None)
            {
                throw method.Refusal($"{Setting.Of("method")}: {method.Name} changes nothing about a step; leave it out of the list.");
            }

            TrainingMethod other = methods.First(candidate => candidate.Role == method.Role);
            if (other != method)
            {
                throw method.Refusal(
                    $"{Setting.Of("method")}: {other.Name} and {method.Name} do not go together, {Reason(method.Role)}; keep one of them.");
            }
        }

        if (methods.FirstOrDefault(method => method.Role == MethodRole.Merging) is { } merging
            && methods.FirstOrDefault(method => method.Role is MethodRole.Perturbation or MethodRole.Balance or MethodRole.Regularisation)
                is { } moving)
        {
            throw moving.Refusal(
                $"{Setting.Of("method")}: {merging.Name} and {moving.Name} do not go together, since {merging.Name} moves adapters into "
                + $"their base weights and {moving.Name} is derived for factors that stay apart from these; keep one of them.");
        }

        if (methods.FirstOrDefault(method => method.Role == MethodRole.Gradient) is { } filtering
            && methods.FirstOrDefault(method => method.Role is not (MethodRole.Gradient or MethodRole.LearningRate)) is { } reading)
        {
            throw reading.Refusal(
                $"{Setting.Of("method")}: {filtering.Name} and {reading.Name} do not go together, since {filtering.Name} takes the "
                + $"gradients of single samples or factors, and {reading.Name} is made for those of a whole step; keep one of them.");
        }

        leader = methods.FirstOrDefault(method => method.Courses is not [StepCourse.OnePass])
            ?? methods.FirstOrDefault(method => method.UpdatesInPart) ?? methods[0];
        if (methods.FirstOrDefault(method => method.UpdatesInPart && method != leader) is { } holding)
        {
            throw holding.Refusal(
                $"{Setting.Of("method")}: {holding.Name} and {leader.Name} do not go together, since {holding.Name} holds tensors of a "
                    + $"step still and {leader.Name} says what a step does; keep one of them.");
        }

        if (methods.FirstOrDefault(method => method.UpdatesInPart) is { } partial
            && methods.FirstOrDefault(method => method.Role is MethodRole.Balance or MethodRole.Regularisation) is { } every)
        {
            throw every.Refusal(
                $"{Setting.Of("method")}: {partial.Name} and {every.Name} do not go together, since {every.Name} changes every adapter "
                + $"pair and {partial.Name} holds most tensors of a step still; keep one of them.");
        }
    }

    public override string Name => string.Join("+", methods.Select(method => method.Name));

    public override MethodRole Role => MethodRole.None;

    public override ulong NoiseSeed =>
        methods.FirstOrDefault(method => method.Role is MethodRole.Perturbation or MethodRole.Gradient)?.NoiseSeed ?? 0;

    public override IReadOnlyList<StepCourse> Courses => leader.Courses;

    public override IReadOnlyList<Variable> OwnGradients => [.. methods.SelectMany(method => method.OwnGradients)];

    public override bool UpdatesInPart => leader.UpdatesInPart;

    public override bool WritesBaseWeights => methods.Any(method => method.WritesBaseWeights);

    public override IReadOnlyList<(string Name, double[] Values)> HostState => [.. methods.SelectMany(method => method.HostState)];

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        foreach (TrainingMethod method in methods)
        {
            int Kept() => context.State.Variables.Count + context.Merged.Variables.Count;
            int before = Kept();
            method.Attach(context);
            if (Kept() > before || method.HostState.Count > 0 || method.WritesBaseWeights || method.UpdatesInPart)
            {
                keeping.Add(method);
            }
        }
    }

    public override StepCourse CourseOf(long step) => leader.CourseOf(step);

    public override LossProbe ProbeOf(long step)
    {
        foreach (TrainingMethod method in methods)
        {
            if (method.ProbeOf(step) is not LossProbe.None and var probe)
            {
                return probe;
            }
        }

        return LossProbe.None;
    }

    public override IReadOnlyList<LossProbe> Probes => [.. methods.SelectMany(method => method.Probes)];

    public override IReadOnlyList<StepNumber> Numbers => [.. methods.SelectMany(method => method.Numbers)];

    internal override TrainingMethod WithoutPerturbation => methods.Where(method => !method.Perturbs).ToArray() switch
    {
        [] => new PlainMethod(),
        [var single] => single,
        var others => new MethodCombination(others),
    };

    internal override bool TakesTasks => keeping.All(method => method.TakesTasks);

    internal override void BeginTask(int task) => Each(method => method.BeginTask(task));

    internal override bool Perturbs => methods.Any(method => method.Perturbs);

    public override void BetweenSteps(long step)
    {
        foreach (TrainingMethod method in methods)
        {
            method.BetweenSteps(step);
        }
    }

    public override void Prepare(long step)
    {
        foreach (TrainingMethod method in methods)
        {
            method.Prepare(step);
        }
    }

    public override ActiveSet? ActiveIn(StepPart part) => leader.ActiveIn(part);

    public override void Initialize()
    {
        foreach (TrainingMethod method in methods)
        {
            method.Initialize();
        }
    }

    public override void OnStepBegin(GraphBuilder graph, StepCourse course) => Each(method => method.OnStepBegin(graph, course));

    public override Tensor TransformWeight(GraphBuilder graph, LoraLinear layer, Tensor weight) =>
        methods.Aggregate(weight, (transformed, method) => method.TransformWeight(graph, layer, transformed));

    public override AuxiliaryFactors? Auxiliary(LoraLinear layer) =>
        methods.Select(method => method.Auxiliary(layer)).FirstOrDefault(factors => factors is not null);

    public override void OnSampleReady(GraphBuilder graph) => Each(method => method.OnSampleReady(graph));

    internal override StepOptimizer Optimizer => methods.Max(method => method.Optimizer);

    internal override bool DecaysAll => methods.Any(method => method.DecaysAll);

    public override void OnMirror(GraphBuilder graph) => Each(method => method.OnMirror(graph));

    public override void OnGradientsReady(GraphBuilder graph, StepCourse course) => Each(method => method.OnGradientsReady(graph, course));

    public override ReadOnlySpan<int> Select(ReadOnlySpan<float> before, ReadOnlySpan<float> after) => leader.Select(before, after);

    public override int SelectedRows(int rows) => leader.SelectedRows(rows);

    public override void OnRestore(GraphBuilder graph, StepCourse course) => Each(method => method.OnRestore(graph, course));

    public override void OnTransformGradients(GraphBuilder graph, StepCourse course) =>
        Each(method => method.OnTransformGradients(graph, course));

    public override void OnBeforeUpdate(GraphBuilder graph, StepCourse course, Tensor finite) =>
        Each(method => method.OnBeforeUpdate(graph, course, finite));

    public override double LearningRateRatio(Variable tensor) =>
        methods.Aggregate(1.0, (ratio, method) => ratio * method.LearningRateRatio(tensor));

    public override void OnUpdate(GraphBuilder graph, StepCourse course, Tensor finite) =>
        Each(method => method.OnUpdate(graph, course, finite));

    public override void OnAfterUpdate(GraphBuilder graph, StepCourse course, Tensor finite) =>
        Each(method => method.OnAfterUpdate(graph, course, finite));

    public override double? AddedLoss(StepReadings readings)
    {
        double? sum = null;
        foreach (TrainingMethod method in methods)
        {
            sum = method.AddedLoss(readings) is { } added ? (sum ?? 0) + added : sum;
        }

        return sum;
    }

    public override void OnStepEnd(StepReadings readings)
    {
        foreach (TrainingMethod method in methods)
        {
            method.OnStepEnd(readings);
        }
    }

    internal override void WriteFactors(long step, long totalSteps, Span<float> scalars)
    {
        foreach (TrainingMethod method in methods)
        {
            method.WriteFactors(step, totalSteps, scalars);
        }
    }

    private static string Reason(MethodRole role) => role switch
    {
        MethodRole.Perturbation => "since both move the weights before the gradient is taken and a step has one such point",
        MethodRole.Adapter => "since both say what an adapter computes",
        MethodRole.Balance => "since both rescale the factors of every adapter pair",
        MethodRole.Regularisation => "since both add to the loss",
        MethodRole.Merging => "since both move adapters into their base weights",
        MethodRole.Gradient => "since both say what the optimizer gets for gradients",
        _ => "since both set the learning rate of single tensors",
    };

    private void Each(Action<TrainingMethod> hook)
    {
        foreach (TrainingMethod method in methods)
        {
            hook(method);
        }
    }
}
