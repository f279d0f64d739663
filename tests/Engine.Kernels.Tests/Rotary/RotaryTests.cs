using Engine.Devices;

namespace Engine.Kernels.Tests;

public class RotaryTests
{
    public static TheoryData<string, (int Tokens, int Heads, int Half)> Shapes() =>
        TestDevices.With((1, 1, 1), (3, 2, 5), (7, 3, 16), (20, 4, 32), (5, 2, 67));

    /// <summary>
    /// Angles are held in 2^-32 turns and their functions are good to some epsilons. In float32, position 131071 alone has lost 4e-3 of a
    /// radian; here it is as good as position 1.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Angles_are_as_exact_at_large_positions_as_at_small_ones(string name)
    {
        int[] positions = [0, 1, 2, 77, 4096, 32767, 131071, int.MaxValue];
        double[] frequencies = [1, 0.7498942, 0.1, 0.013, 1e-4, 3.1e-7, 0, 7.5];
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> angles = run.Output(2 * positions.Length * frequencies.Length);
        run.Run(Rotary.Angles(
            run.Device, positions.Length, frequencies.Length, run.Put(positions),
            run.Put(frequencies.Select(Rotary.Frequency).ToArray()), angles));

        // A frequency is a double: times 2^31 positions its own rounding is 2e-7 of a turn.
        double[] expected = [.. positions.SelectMany(position => frequencies.Select(frequency => Math.Cos(position * frequency))
            .Concat(frequencies.Select(frequency => Math.Sin(position * frequency))))];
        float[] actual = angles.ToArray();
        int last = (positions.Length - 1) * 2 * frequencies.Length;
        Numbers.Near(expected[..last], actual[..last], 0, 5e-7);
        Numbers.Near(expected[last..], actual[last..], 0, 5e-6);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Heads_turn_by_their_tokens_angles(string name, (int Tokens, int Heads, int Half) shape)
    {
        (int tokens, int heads, int half) = shape;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] x = Numbers.Values(1, 2 * tokens * heads * half), angles = Angles(tokens, half);
        BufferView<float> y = run.Output(x.Length), inPlace = run.Put(x), back = run.Output(x.Length);
        run.Run(
            Rotary.Apply(run.Device, tokens, heads, half, run.Put(x), run.Put(angles), backwards: false, y),
            Rotary.Apply(run.Device, tokens, heads, half, inPlace, run.Put(angles), backwards: false, inPlace),
            Rotary.Apply(run.Device, tokens, heads, half, y, run.Put(angles), backwards: true, back));
        var expected = new double[x.Length];
        for (int pair = 0; pair < tokens * heads * half; pair++)
        {
            int token = pair / half / heads, j = pair % half, first = (pair / half * 2 * half) + j;
            double cosine = angles[(token * 2 * half) + j], sine = angles[(token * 2 * half) + half + j];
            expected[first] = (x[first] * cosine) - (x[first + half] * sine);
            expected[first + half] = (x[first + half] * cosine) + (x[first] * sine);
        }

        // Two products of numbers below one and a sum: one epsilon (6e-8) each.
        Numbers.Near(expected, y.ToArray(), 0, 3e-7);
        Assert.Equal(y.ToArray(), inPlace.ToArray());
        Numbers.Near(x.Double(), back.ToArray(), 0, 6e-7);
    }

    private static float[] Angles(int tokens, int half) =>
        [.. Enumerable.Range(0, tokens).SelectMany(token => Enumerable.Range(0, 2 * half).Select(j =>
            (float)(j < half ? Math.Cos(Angle(token, j)) : Math.Sin(Angle(token, j - half)))))];

    private static double Angle(int token, int j) => 0.3 + (token * 1.7) + (j * 0.9);
}
