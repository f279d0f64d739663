using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Model.Adapters;

/// <summary>A second pair of factors beside an adapter's own, with the same scale, in the training passes alone.</summary>
/// <param name="A">[rank, in].</param>
/// <param name="B">[out, rank].</param>
public sealed record AuxiliaryFactors(Variable A, Variable B);

/// <summary>
/// The adapters of linear layers that read one input, which with LoRA dropout is one layer's alone: x A^T of all of them, auxiliary factors
/// included, is one product, and so is each layer's product with its B's.
/// </summary>
internal sealed class AdapterBranch
{
    private readonly GraphBuilder graph;
    private readonly Tensor input;
    private readonly Tensor droppedInput;
    private readonly Tensor projected;
    private readonly Dictionary<LoraLinear, (Tensor B, ColumnWindow Window)> pairs = [];

    /// <param name="input">x [tokens, in].</param>
    /// <param name="droppedInput">What the adapters see of it: with LoRA dropout, or x itself.</param>
    /// <param name="auxiliary">An adapter's auxiliary factors, or null.</param>
    public AdapterBranch(
        GraphBuilder graph, Tensor input, Tensor droppedInput, LoraLinear[] adapters, Func<LoraLinear, AuxiliaryFactors?>? auxiliary)
    {
        this.graph = graph;
        this.input = input;
        this.droppedInput = droppedInput;
        var factors = new List<Tensor>();
        int offset = 0;
        bool joined = false;
        foreach (LoraLinear adapter in adapters)
        {
            AuxiliaryFactors? added = auxiliary?.Invoke(adapter);
            Tensor b = graph.Read(adapter.B);
            factors.Add(graph.Read(adapter.A));
            if (added is not null)
            {
                joined = true;
                factors.Add(graph.Read(added.A));
                b = graph.JoinColumns(b, graph.Read(added.B));
            }

            pairs.Add(adapter, (b, new ColumnWindow(offset, b.Shape.Columns)));
            offset += b.Shape.Columns;
        }

        Tensor stacked = joined ? graph.JoinRows([.. factors]) : adapters.Length == 1 ? factors[0] : graph.Read(adapters[0].GroupA);
        projected = graph.Linear(droppedInput, stacked);
    }

    /// <summary>The layer's output.</summary>
    /// <param name="weight">The frozen weight as this pass uses it.</param>
    public Tensor Apply(LoraLinear adapter, Tensor weight, Tensor? bias)
    {
        if (adapter.Magnitude is null)
        {
            return Product(adapter, graph.Linear(input, weight, bias));
        }

        Tensor scale = graph.DoraScale(
            graph.Read(adapter.Weight), graph.Read(adapter.BaseNorm!), graph.Read(adapter.A), graph.Read(adapter.B),
            graph.Read(adapter.Magnitude), adapter.Scale);
        if (droppedInput == input)
        {
            return graph.ScaleColumns(Product(adapter, graph.Linear(input, weight)), scale, bias);
        }

        // As PEFT: what DoRA changes of the base output is computed on the dropped input, too.
        Tensor change = graph.Add(
            graph.ScaleColumns(graph.Linear(droppedInput, weight), scale, offset: 1f), graph.ScaleColumns(Product(adapter, null), scale));
        return graph.Add(graph.Linear(input, weight, bias), change);
    }

    /// <summary>scale (x A^T) B^T, added to a tensor where there is one.</summary>
    private Tensor Product(LoraLinear adapter, Tensor? addTo)
    {
        (Tensor b, ColumnWindow window) = pairs[adapter];
        return graph.MatMul(
            projected, b, MatMulLayout.NT, adapter.Scale, addTo: addTo, windowA: window.Count == projected.Shape.Columns ? null : window);
    }
}
