using Engine.Devices;

namespace Engine.Graph;

/// <summary>A value in a graph: a variable, or what a node computes.</summary>
public sealed class Tensor
{
    internal Tensor(string name, Shape shape, ElementType type, Variable? variable)
    {
        Name = name;
        Shape = shape;
        Type = type;
        Variable = variable;
    }

    /// <summary>The variable's name, or the operator's with the number of its node: what errors and profiles show.</summary>
    public string Name { get; }

    /// <summary>Its dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>The type of its elements.</summary>
    public ElementType Type { get; }

    /// <summary>The variable this tensor reads; null for a computed tensor.</summary>
    public Variable? Variable { get; }

    /// <summary>The node that computes this tensor; null for a variable.</summary>
    internal Node? Producer { get; set; }

    /// <summary>Its size in bytes.</summary>
    public long Bytes => Shape.Count * Type.SizeInBytes();

    /// <inheritdoc/>
    public override string ToString() => $"{Name} {Shape}";
}

/// <summary>An operator applied to tensors.</summary>
internal sealed class Node
{
    internal Node(Operator @operator, Tensor[] inputs, Tensor[] outputs)
    {
        Operator = @operator;
        Inputs = inputs;
        Outputs = outputs;
        foreach (Tensor output in outputs)
        {
            output.Producer = this;
        }
    }

    public Operator Operator { get; }

    public IReadOnlyList<Tensor> Inputs { get; }

    public IReadOnlyList<Tensor> Outputs { get; }

    public override string ToString() => $"{Operator.Name}({string.Join(", ", Inputs)}) -> {string.Join(", ", Outputs)}";
}
