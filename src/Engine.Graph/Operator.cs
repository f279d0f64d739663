using Engine.Devices;
using Engine.Kernels;

namespace Engine.Graph;

/// <summary>
/// One kind of computation: its shape rule (in the extension method that adds it to a graph), its lowering to launches
/// and its gradient. One file an operator; docs/contributing.md says how to add one.
/// </summary>
internal abstract class Operator
{
    /// <summary>The name profiles and errors show.</summary>
    public abstract string Name { get; }

    /// <summary>Writes variables: the node is kept although nothing reads its outputs.</summary>
    public virtual bool HasEffects => false;

    /// <summary>
    /// Row i of every output depends on row i of the inputs named by <see cref="RowInputs"/> alone, so taking rows commutes with it.
    /// </summary>
    public virtual IReadOnlyList<int> RowInputs => [];

    /// <summary>The input whose memory output 0 may take over where nothing reads that input later; -1 for none.</summary>
    public virtual int InPlaceInput => -1;

    /// <summary>Cheap to compute and large to keep: the backward pass computes it again instead of saving it.</summary>
    public virtual bool RecomputeInBackward => false;

    /// <summary>
    /// What stands for output 0 in the gradient by a factor that it is multiplied with: output 0, or an input that it deviates from.
    /// </summary>
    public virtual Tensor InGradients(Node node) => node.Outputs[0];

    /// <summary>Bytes of scratch memory the launches need on this device.</summary>
    public virtual long WorkspaceBytes(Device device, Node node) => 0;

    /// <summary>Bytes that the node cannot but read and write: each input and output once.</summary>
    public virtual long MovedBytes(Node node) => node.Inputs.Distinct().Concat(node.Outputs).Sum(tensor => tensor.Bytes);

    /// <summary>
    /// Floating-point operations of the node's matrix products, 2 for a multiply-add. What else it computes is little beside the memory it
    /// moves.
    /// </summary>
    public virtual double ProductOperations(Node node) => 0;

    /// <summary>Binds the launches that compute the outputs.</summary>
    public abstract void Lower(Lowering lowering);

    /// <summary>Adds to the graph what the gradients by the inputs need.</summary>
    public virtual void Gradient(GradientBuilder gradients) =>
        throw new NotSupportedException($"The operator {Name} has no gradient.");
}

/// <summary>What an operator sees while it binds its launches: memory for its inputs, outputs and scratch.</summary>
internal sealed class Lowering
{
    private readonly PlanMemory memory;
    private readonly List<Launch> launches;
    internal Lowering(Device device, Node node, PlanMemory memory, List<Launch> launches)
    {
        Device = device;
        Node = node;
        this.memory = memory;
        this.launches = launches;
    }

    public Device Device { get; }

    public Node Node { get; }

    public BufferView<T> Input<T>(int index)
        where T : unmanaged => memory.View<T>(Node.Inputs[index]);

    /// <summary>An input that may be a weight stored in 16 bits.</summary>
    public WeightView Weight(int index) => memory.Weight(Node.Inputs[index]);

    public BufferView<T> Output<T>(int index)
        where T : unmanaged => memory.View<T>(Node.Outputs[index]);

    /// <summary>Scratch memory of <see cref="Operator.WorkspaceBytes"/>, valid while this node runs.</summary>
    public BufferView<float> Workspace() => memory.Workspace(Node);

    /// <summary>Whether output 0 took over the memory of the input.</summary>
    public bool InPlace(int input) => memory.SharesMemory(Node.Inputs[input], Node.Outputs[0]);

    public void Emit(Launch launch) => launches.Add(launch);

    public void Emit(Launch[] sequence) => launches.AddRange(sequence);
}
