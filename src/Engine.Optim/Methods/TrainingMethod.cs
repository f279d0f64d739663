using Engine.Common;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Execution;

namespace Engine.Optim.Methods;

/// <summary>What a method changes about a step. Methods of different roles run together, two of one role do not.</summary>
public enum MethodRole
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Where in the space of weights the gradient is taken.</summary>
    Perturbation,

    /// <summary>The balance between an adapter's factors.</summary>
    Balance,

    /// <summary>The learning rate of single tensors.</summary>
    LearningRate,

    /// <summary>What of the adapters lies in their base weights.</summary>
    Merging,

    /// <summary>What an adapter computes.</summary>
    Adapter,

    /// <summary>A term of the loss beside the task's.</summary>
    Regularisation,

    /// <summary>What the optimizer gets for gradients, and of which tensors.</summary>
    Gradient,
}

/// <summary>
/// A training method at work, as <see cref="Method"/> makes it: the hooks H0 to H7 of docs/contributing.md, in the order in which a step
/// runs them. Hooks that take a graph write device work once for each course the method's steps take; every later step replays it. The
/// others run on the host in every step and allocate nothing. A method that overrides nothing is plain fine-tuning.
/// </summary>
public abstract class TrainingMethod
{
    private MethodContext? context;

    /// <summary>The name in the run file.</summary>
    public abstract string Name { get; }

    /// <summary>What the method changes; of each role one method at most runs in a step.</summary>
    public abstract MethodRole Role { get; }

    /// <summary>Where the run file or the command names the method, for messages; null where none does.</summary>
    public string? Location { get; internal set; }

    /// <summary>The seed of <see cref="MethodContext.NoiseRandom"/>.</summary>
    public virtual ulong NoiseSeed => 0;

    /// <summary>Every course a step may take.</summary>
    public virtual IReadOnlyList<StepCourse> Courses { get; } = [StepCourse.OnePass];

    /// <summary>
    /// Gradients of parameters that the method owns: cleared with the others, and a step in which any of them is not finite writes nothing.
    /// </summary>
    public virtual IReadOnlyList<Variable> OwnGradients => [];

    /// <summary>
    /// Whether updates leave tensors out: each tensor then counts its own steps, as PyTorch's optimizers do where a gradient is None.
    /// </summary>
    public virtual bool UpdatesInPart => false;

    /// <summary>
    /// Whether the base weights of adapted layers are written in training. They are then float32 (<see
    /// cref="Tuning.Lora.WritesBaseWeights"/>) and part of checkpoints.
    /// </summary>
    public virtual bool WritesBaseWeights => false;

    /// <summary>The method's state on the host, arrays that a checkpoint saves and fills again.</summary>
    public virtual IReadOnlyList<(string Name, double[] Values)> HostState => [];

    /// <summary>An error about the choice of this method, with the place where it is named in front.</summary>
    /// <param name="sentence">What does not go together, and what to do.</param>
    protected internal ConfigurationException Refusal(string sentence) => new(Location is null ? sentence : $"{Location}: {sentence}");

    /// <summary>What <see cref="Attach"/> was given.</summary>
    /// <exception cref="InvalidOperationException">The method is not attached yet.</exception>
    protected MethodContext Context => context ?? throw new InvalidOperationException($"The method {Name} is not attached to a model yet.");

    /// <summary>Checks that the method fits the model and reserves its state. Called once, before memory is allocated.</summary>
    /// <exception cref="ConfigurationException">The method and the model do not go together.</exception>
    public virtual void Attach(MethodContext context) => this.context = context;

    /// <summary>The course of a step: one of <see cref="Courses"/>.</summary>
    /// <param name="step">The optimizer step, from 0.</param>
    public virtual StepCourse CourseOf(long step) => Courses[0];

    /// <summary>What a step of one pass computes beside it to know its perturbation's effect.</summary>
    public virtual LossProbe ProbeOf(long step) => LossProbe.None;

    /// <summary>Every probe that a step may make; empty: none.</summary>
    public virtual IReadOnlyList<LossProbe> Probes => [];

    /// <summary>
    /// On the host, before anything of a step that has labels: what changes the model between two steps, whether or not the coming one then
    /// counts. It may use the device.
    /// </summary>
    public virtual void BetweenSteps(long step)
    {
    }

    /// <summary>Numbers that the method reports of its steps.</summary>
    public virtual IReadOnlyList<StepNumber> Numbers => [];

    /// <summary>On the host, before a step: draws what takes part in it.</summary>
    public virtual void Prepare(long step)
    {
    }

    /// <summary>
    /// On the host: the tensors that a part of the step serves; null: all. A set of the model's trainable tensors in their order.
    /// </summary>
    public virtual ActiveSet? ActiveIn(StepPart part) => null;

    /// <summary>
    /// H7: the method's schedule, which kernels read from the step's scalars (<see cref="MethodScalars.Factor"/>, <see
    /// cref="MethodScalars.BalanceFactor"/>).
    /// </summary>
    public virtual double Factor(long step, long totalSteps) => 0;

    /// <summary>
    /// On the host, once, when weights and adapters of a new run are loaded: writes what the state starts from. A run that goes on takes
    /// its state from a checkpoint instead.
    /// </summary>
    /// <exception cref="ConfigurationException">A file the method starts from does not fit.</exception>
    public virtual void Initialize()
    {
    }

    /// <summary>H0: before the first micro-batch of a step.</summary>
    public virtual void OnStepBegin(GraphBuilder graph, StepCourse course)
    {
    }

    /// <summary>The frozen weight of an adapted layer as the training passes use it.</summary>
    public virtual Tensor TransformWeight(GraphBuilder graph, LoraLinear layer, Tensor weight) => weight;

    /// <summary>A second pair of factors beside an adapter's own in the training passes; null: none.</summary>
    public virtual AuxiliaryFactors? Auxiliary(LoraLinear layer) => null;

    /// <summary>
    /// Between the pass of a step and its update, where <see cref="LossProbe.Mirrored"/> is measured: turns the perturbation round.
    /// </summary>
    public virtual void OnMirror(GraphBuilder graph)
    {
    }

    /// <summary>H1: the first pass's gradients of all micro-batches are summed, and a second pass follows.</summary>
    public virtual void OnGradientsReady(GraphBuilder graph, StepCourse course)
    {
    }

    /// <summary>
    /// After the backward pass of each sample of <see cref="StepCourse.PerSample"/>: the gradients are those of its own mean loss. What is
    /// left in them is added to by the next sample.
    /// </summary>
    public virtual void OnSampleReady(GraphBuilder graph)
    {
    }

    /// <summary>
    /// On the host, between the passes of <see cref="StepCourse.SelectedSecondPass"/>: which rows of a micro-batch the second one runs.
    /// </summary>
    /// <param name="before">Each row's mean loss in the first pass.</param>
    /// <param name="after">The same at the perturbed point.</param>
    /// <returns><see cref="SelectedRows"/> rows, ascending; valid until the next call.</returns>
    public virtual ReadOnlySpan<int> Select(ReadOnlySpan<float> before, ReadOnlySpan<float> after) =>
        throw new NotSupportedException($"The method {Name} selects no samples.");

    /// <summary>How many rows of a micro-batch of <paramref name="rows"/> <see cref="Select"/> takes, at least one.</summary>
    public virtual int SelectedRows(int rows) => rows;

    /// <summary>H2: back to the unperturbed point, bit for bit.</summary>
    public virtual void OnRestore(GraphBuilder graph, StepCourse course)
    {
    }

    /// <summary>H3: before the gradients are clipped.</summary>
    public virtual void OnTransformGradients(GraphBuilder graph, StepCourse course)
    {
    }

    /// <summary>H4: after the gradients' norm is known, before the optimizer's update.</summary>
    /// <param name="finite"><see cref="GradientFactors.Finite"/>: where it is NaN, nothing may change.</param>
    public virtual void OnBeforeUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
    {
    }

    /// <summary>H5: what a trainable tensor's learning rate is multiplied by.</summary>
    public virtual double LearningRateRatio(Variable tensor) => 1;

    /// <summary>H5: updates of parameters and averages that the method owns, beside the trainable tensors'.</summary>
    /// <param name="finite"><see cref="GradientFactors.Finite"/>: where it is NaN, nothing may change.</param>
    public virtual void OnUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
    {
    }

    /// <summary>H6: after the optimizer's update.</summary>
    /// <param name="finite"><see cref="GradientFactors.Finite"/>: where it is NaN, nothing may change.</param>
    public virtual void OnAfterUpdate(GraphBuilder graph, StepCourse course, Tensor finite)
    {
    }

    /// <summary>
    /// On the host: the term of the step's loss whose gradient the method adds to the passes' (<see cref="OnTransformGradients"/>); null:
    /// none.
    /// </summary>
    public virtual double? AddedLoss(StepReadings readings) => null;

    /// <summary>On the host, when the reports of a step whose gradients are finite are read.</summary>
    public virtual void OnStepEnd(StepReadings readings)
    {
    }

    /// <summary>What is left of the method in a step of <see cref="StepCourse.Plain"/>.</summary>
    internal virtual TrainingMethod WithoutPerturbation => Perturbs ? new PlainMethod() : this;

    /// <summary>Whether what the method keeps from step to step is made for tasks, one after another (<see cref="BeginTask"/>).</summary>
    internal virtual bool TakesTasks => false;

    /// <summary>
    /// On the host, before the first step of a task of a class-incremental run, whose optimizer starts anew. It may use the device.
    /// </summary>
    /// <param name="task">From 0.</param>
    internal virtual void BeginTask(int task)
    {
    }

    /// <summary>What updates the trainable tensors.</summary>
    internal virtual StepOptimizer Optimizer => StepOptimizer.AdamW;

    /// <summary>Whether weight decay is of every trainable tensor, biases and norm weights too.</summary>
    internal virtual bool DecaysAll => false;

    /// <summary>Whether a perturbation is part of it.</summary>
    internal virtual bool Perturbs => Role == MethodRole.Perturbation;

    /// <summary>
    /// Writes the schedule of a step into its scalars: a perturbation's and a balance's have a slot each, other methods have no schedule.
    /// </summary>
    internal virtual void WriteFactors(long step, long totalSteps, Span<float> scalars)
    {
        if (Role is MethodRole.Perturbation or MethodRole.Balance)
        {
            scalars[Role == MethodRole.Balance ? MethodScalars.BalanceFactor : MethodScalars.Factor] = (float)Factor(step, totalSteps);
        }
    }
}

/// <summary>The reports of a step as they were read to the host.</summary>
public readonly struct StepReadings
{
    private readonly float[] values;

    internal StepReadings(float[] values, StepCourse course, LossProbe probe) => (this.values, Course, Probe) = (values, course, probe);

    /// <summary>The course that the step took.</summary>
    public StepCourse Course { get; }

    /// <summary>The losses that the step computed beside its passes.</summary>
    public LossProbe Probe { get; }

    /// <summary>The numbers of a variable of <see cref="MethodContext.Reports"/>.</summary>
    public ReadOnlySpan<float> Of(Variable report) => values.AsSpan((int)(report.ByteOffset / sizeof(float)), (int)report.Shape.Count);
}
