using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private static IEnumerable<OperatorCase> LossCases()
    {
        foreach ((string name, int classes, int[] labels) in ((string, int, int[])[])
            [("two classes", 2, [1]), ("ignored rows", 5, [0, -100, 4, 2, -100, 4]), ("no row that counts", 3, [-100, -100]), ("many classes", 131, [130, 0, 7])])
        {
            yield return new OperatorCase(
                $"CrossEntropy, {name}",
                [Activation(1, labels.Length, classes), Integers(labels), Scalars((StepScalars.LossScale, 0.5f))],
                (graph, t) => LossAndRows(graph.CrossEntropy(t[0], t[1], t[2], withGradient: true)),
                x => MeanAndRows([.. labels.Select((label, row) => label < 0 ? (double?)null : LogSumExp(x[0], row, classes) - x[0][(row * classes) + label])]))
            {
                LossScale = 0.5,
            };
        }

        foreach ((string name, float[] targets) in ((string, float[])[])[("one text", [0.5f]), ("a target that is not known", [1f, float.NaN, -2f, 0.25f])])
        {
            yield return new OperatorCase(
                $"MeanSquaredError, {name}",
                [Activation(1, targets.Length, 1), Floats(targets), Scalars((StepScalars.LossScale, 0.25f))],
                (graph, t) => LossAndRows(graph.MeanSquaredError(t[0], t[1], t[2], withGradient: true)),
                x => MeanAndRows([.. targets.Select((target, row) => float.IsNaN(target) ? (double?)null : Math.Pow(x[0][row] - target, 2))]))
            {
                LossScale = 0.25,
            };
        }
    }

    private static Tensor[] LossAndRows(Tensor loss) => [loss, loss.Producer!.Outputs[1]];

    private static double[][] MeanAndRows(double?[] rows) => [[rows.Average() ?? 0], [.. rows.Select(row => row ?? 0)]];

    private static double LogSumExp(double[] logits, int row, int classes) =>
        Math.Log(logits[(row * classes)..((row + 1) * classes)].Sum(Math.Exp));
}
