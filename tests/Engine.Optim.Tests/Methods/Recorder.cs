using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>
/// Runs beside a method and keeps the trainable values at the point where the gradients that count were taken, before they return.
/// </summary>
internal sealed class Recorder : TrainingMethod
{
    private Variable? seen;

    public override string Name => "recorder";

    public override MethodRole Role => MethodRole.LearningRate;

    /// <summary>The trainable values of the last step's last pass.</summary>
    public float[] Seen => seen!.View<float>().ToArray();

    /// <summary>The method with this before it.</summary>
    public TrainingMethod Beside(TrainingMethod method) => new MethodCombination([this, method]);

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        seen = context.Scratch.Reserve("seen", context.Trainables.Values.Shape);
    }

    public override void OnRestore(GraphBuilder graph, StepCourse course) => graph.Store(graph.Read(Context.Trainables.Values), seen!);
}
