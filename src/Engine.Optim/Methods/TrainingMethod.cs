using Engine.Graph;
using Engine.Model.Execution;

namespace Engine.Optim.Methods;

/// <summary>What a method may use while it declares its state and builds its part of a step.</summary>
/// <param name="Model">The model with its adapters and trainable parameters.</param>
/// <param name="State">Memory of the method's own state; reserve variables in <see cref="TrainingMethod.Attach"/>.</param>
/// <param name="Scalars">The step's scalars (<see cref="Engine.Kernels.StepScalars"/>).</param>
/// <param name="NoiseRandom">The state of the method's noise generator: its seed and the optimizer step.</param>
public sealed record MethodContext(TransformerModel Model, StorageBlock State, Variable Scalars, Variable NoiseRandom);

/// <summary>
/// A training method as a plug-in: the hooks H0 to H7 of METHODS.md section 0, in the order in which a step runs them.
/// Hooks write device work into a graph once, when the plans are built; every later step replays it. A method that overrides nothing
/// is plain fine-tuning.
/// </summary>
public abstract class TrainingMethod
{
    private MethodContext? context;

    /// <summary>The name in the run file.</summary>
    public abstract string Name { get; }

    /// <summary>The seed of <see cref="MethodContext.NoiseRandom"/>.</summary>
    public virtual ulong NoiseSeed => 0;

    /// <summary>Whether the method's work of H1 perturbs the weights and wants the same micro-batches run again for the gradients that count.</summary>
    public virtual bool RepeatsMicroBatches => false;

    protected MethodContext Context => context ?? throw new InvalidOperationException($"The method {Name} is not attached to a model yet.");

    /// <summary>Checks that the method fits the model and reserves its state. Called once, before memory is allocated.</summary>
    /// <exception cref="ConfigurationException">The method and the model do not go together.</exception>
    public virtual void Attach(MethodContext context) => this.context = context;

    /// <summary>Work done once, when weights and adapters are loaded.</summary>
    public virtual void OnRunBegin(GraphBuilder graph)
    {
    }

    /// <summary>H0: before the first micro-batch of a step.</summary>
    public virtual void OnStepBegin(GraphBuilder graph)
    {
    }

    /// <summary>The frozen weight of an adapted layer as the training passes use it.</summary>
    public virtual Tensor TransformWeight(GraphBuilder graph, LoraLinear layer, Tensor weight) => weight;

    /// <summary>H1: the gradients of all micro-batches are summed.</summary>
    public virtual void OnGradientsReady(GraphBuilder graph)
    {
    }

    /// <summary>H2: back to the unperturbed point, bit for bit.</summary>
    public virtual void OnRestore(GraphBuilder graph)
    {
    }

    /// <summary>H3: before the gradients are clipped.</summary>
    public virtual void OnTransformGradients(GraphBuilder graph)
    {
    }

    /// <summary>H4: after clipping, before the optimizer's update.</summary>
    public virtual void OnBeforeUpdate(GraphBuilder graph)
    {
    }

    /// <summary>H6: after the optimizer's update.</summary>
    public virtual void OnAfterUpdate(GraphBuilder graph)
    {
    }

    /// <summary>H7: the method's schedule, read by kernels as <see cref="Engine.Kernels.StepScalars.MethodFactor"/>.</summary>
    /// <param name="step">The optimizer step, from 0.</param>
    public virtual double Factor(long step, long totalSteps) => 0;
}

/// <summary>No method beyond the optimizer.</summary>
public sealed class PlainMethod : TrainingMethod
{
    public override string Name => "plain";
}
