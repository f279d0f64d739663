using Engine.Devices;

namespace Engine.Kernels.Tests.Functions;

/// <summary>
/// Element by element operators give the bits of the cpu's host forms on every device: activations, gates, noise, masks, angles.
/// </summary>
public sealed class DeviceBitsTests
{
    private const int Count = 20_003;
    private const uint Stream = 5;

    public static TheoryData<string> Others => [.. TestDevices.Whole.Where(name => name != "cpu")];

    public static TheoryData<string, ActivationKind> Activations =>
        TestDevices.WholeWithKernels(ActivationKind.GeluErf, ActivationKind.GeluTanh, ActivationKind.Tanh, ActivationKind.Relu);

    [Theory]
    [MemberData(nameof(Activations))]
    public void Activations_have_the_bits_of_the_cpu(string name, ActivationKind kind) => Same(name, run =>
    {
        BufferView<float> x = run.Put(Inputs()), y = run.Output(Count), dx = run.Output(Count);
        run.Run(Kernels.Activations.Forward(run.Device, kind, Count, x, y),
            Kernels.Activations.Backward(run.Device, kind, Count, x, run.Put(Numbers.Values(2, Count)), dx));
        return [y, dx];
    });

    [Theory]
    [MemberData(nameof(Activations))]
    public void The_activation_behind_a_product_has_the_bits_of_the_one_by_itself(string name, ActivationKind kind)
    {
        // With k = 1 the product is exact.
        const int Rows = 37, Columns = 101;
        foreach (string device in new[] { "cpu", name })
        {
            using var run = new KernelRun(TestDevices.Open(device));
            float[] column = Numbers.Values(1, Rows, 6);
            BufferView<float> a = run.Put(column), b = run.Put(Enumerable.Repeat(1f, Columns).ToArray()), c = run.Output(Rows * Columns),
                expected = run.Output(Rows);
            run.Run(
                MatMul.Bind(run.Device, new MatMulShape(Rows, Columns, 1, MatMulLayout.NT) { Activation = kind }, a, b, c),
                Kernels.Activations.Forward(run.Device, kind, Rows, a, expected));
            float[] activated = expected.ToArray();
            Assert.Equal(Enumerable.Range(0, Rows * Columns).Select(i => activated[i / Columns]), c.ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(Others))]
    public void Gated_units_have_the_bits_of_the_cpu(string name) => Same(name, run =>
    {
        BufferView<float> gate = run.Put(Inputs()), up = run.Put(Numbers.Values(2, Count)), y = run.Output(Count),
            dGate = run.Output(Count), dUp = run.Output(Count);
        run.Run(SwiGlu.Forward(run.Device, Count, gate, up, y),
            SwiGlu.Backward(run.Device, Count, gate, up, run.Put(Numbers.Values(3, Count)), dGate, dUp));
        return [y, dGate, dUp];
    });

    [Theory]
    [MemberData(nameof(Others))]
    public void Noise_has_the_bits_of_the_cpu(string name) => Same(name, run =>
    {
        const int Rows = 83, Columns = 241;
        BufferView<uint> random = run.RandomState(0x0123456789ABCDEF, 9);
        BufferView<float> normals = run.Output(Count), signs = run.Output(Count), perturbed = run.Output(Rows * Columns);
        run.Run(
            Noise.Normals(run.Device, Count, Stream, random, normals),
            Noise.Signs(run.Device, Count, Stream, random, signs),
            Noise.Perturb(
                run.Device, Rows, Columns, Stream, run.Put(Numbers.Values(1, Rows * Columns)), run.Put(Numbers.Values(2, Rows, 0.5, 1)),
                random, perturbed));
        return [normals, signs, perturbed];
    });

    [Theory]
    [MemberData(nameof(Others))]
    public void Masks_have_the_bits_of_the_cpu(string name) => Same(name, run =>
    {
        BufferView<float> y = run.Output(Count), added = run.Output(Count), x = run.Put(Inputs());
        BufferView<uint> random = run.RandomState(0xFEDCBA9876543210, 3);
        run.Run(
            Dropouts.Apply(run.Device, Count, 0.3f, Stream, x, null, random, y),
            Dropouts.Apply(run.Device, Count, 0.1f, Stream, x, run.Put(Numbers.Values(4, Count)), random, added));
        return [y, added];
    });

    [Theory]
    [MemberData(nameof(Others))]
    public void Angles_of_positions_have_the_bits_of_the_cpu(string name) => Same(name, run =>
    {
        const int Half = 32;
        int[] positions = [.. Enumerable.Range(0, 200), 4096, 131071, 1_000_000, int.MaxValue];
        ulong[] frequencies = [.. Enumerable.Range(0, Half).Select(j => Rotary.Frequency(Math.Pow(1e6, -j / (double)Half)))];
        BufferView<float> angles = run.Output(positions.Length * 2L * Half);
        run.Run(Rotary.Angles(run.Device, positions.Length, Half, run.Put(positions), run.Put(frequencies), angles));
        return [angles];
    });

    /// <summary>Values of order one, and some far out.</summary>
    private static float[] Inputs() => [.. Numbers.Values(1, Count - 6, 9), 90f, -90f, 1e19f, -1e19f, 1e-30f, -0f];

    private static void Same(string name, Func<KernelRun, BufferView<float>[]> outputs)
    {
        using var cpu = new KernelRun(TestDevices.Open("cpu"));
        using var other = new KernelRun(TestDevices.Open(name));
        foreach ((BufferView<float> expected, BufferView<float> actual) in outputs(cpu).Zip(outputs(other)))
        {
            Assert.Equal(
                expected.ToArray().Select(BitConverter.SingleToInt32Bits), actual.ToArray().Select(BitConverter.SingleToInt32Bits));
        }
    }
}
