using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Graph.Tests.Operators;

internal static partial class OperatorTable
{
    private static IEnumerable<OperatorCase> RotaryCases()
    {
        foreach ((int heads, double[] frequencies) in ((int, double[])[])[(1, [1]), (3, [1, 0.03, 2.5e-4]),
            (2, [.. Enumerable.Range(0, 17).Select(j => Math.Pow(1e4, -j / 17.0))])])
        {
            int[] positions = [0, 5, 1, 90_001, 2];
            yield return new OperatorCase(
                $"Rotary, {heads} heads of {2 * frequencies.Length}",
                [
                    Activation(1, positions.Length, heads * 2 * frequencies.Length),
                    Integers(positions),
                    new CaseInput(new Shape(frequencies.Length), frequencies.Select(Rotary.Frequency).ToArray(), InputRole.Constant),
                ],
                (graph, t) => [graph.Rotary(t[0], graph.RotaryAngles(t[1], t[2]))],
                x => [Turned(x[0], positions, heads, frequencies)]);
            yield return new OperatorCase(
                $"Rotary, scaled, the first {2 * frequencies.Length} of a head's elements, {heads} heads",
                [
                    Activation(1, positions.Length, heads * ((2 * frequencies.Length) + 3)),
                    Integers(positions),
                    new CaseInput(new Shape(frequencies.Length), frequencies.Select(Rotary.Frequency).ToArray(), InputRole.Constant),
                ],
                (graph, t) => [graph.Rotary(t[0], graph.RotaryAngles(t[1], t[2], 1.5f), (2 * frequencies.Length) + 3)],
                x => [Turned(x[0], positions, heads, frequencies, rest: 3, scale: 1.5)]);
        }
    }

    private static double[] Turned(double[] x, int[] positions, int heads, double[] frequencies, int rest = 0, double scale = 1)
    {
        int half = frequencies.Length;
        var y = (double[])x.Clone();
        for (int i = 0; i < positions.Length * heads * half; i++)
        {
            int j = i % half, first = (i / half * ((2 * half) + rest)) + j;
            (double sine, double cosine) = Math.SinCos(positions[i / half / heads] * frequencies[j]);
            (sine, cosine) = (scale * sine, scale * cosine);
            y[first] = (x[first] * cosine) - (x[first + half] * sine);
            y[first + half] = (x[first + half] * cosine) + (x[first] * sine);
        }

        return y;
    }
}
