using Engine.Kernels;

namespace Engine.Graph.Operators;

/// <summary>variable[index[i]] = x[i], rounded to what the variable stores; inputs x, index, the variable.</summary>
internal sealed class WriteRowsOperator : Operator
{
    public override string Name => "WriteRows";

    public override bool HasEffects => true;

    public override long MovedBytes(Node node) => 2 * node.Inputs[0].Bytes;

    public override void Lower(Lowering lowering)
    {
        Shape x = lowering.Node.Inputs[0].Shape;
        lowering.Emit(RowSelection.Write(
            lowering.Device, x.Rows, lowering.Node.Inputs[2].Shape.Rows, x.Columns, lowering.Input<float>(0), lowering.Input<int>(1),
            lowering.Weight(2)));
    }
}

internal static class WriteRowsExtensions
{
    /// <summary>
    /// Row i of x becomes row index[i] of a variable, whose other rows stay; index -1 stands for a row that goes nowhere. Nodes added later
    /// read the new rows.
    /// </summary>
    /// <param name="x">[rows, columns].</param>
    /// <param name="index">int32 [rows]; those other than -1 are distinct.</param>
    /// <param name="variable">[_, columns], float32, float16 or bfloat16.</param>
    public static void WriteRows(this GraphBuilder graph, Tensor x, Tensor index, Variable variable)
    {
        if (x.Shape.Columns != variable.Shape.Columns || index.Shape.Count != x.Shape.Rows)
        {
            throw new ArgumentException(
                $"{x} with {index} cannot be written to rows of {variable}: columns must agree, and each row needs its index.");
        }

        graph.Add(new WriteRowsOperator(), [x, index, graph.Read(variable)]);
    }
}
