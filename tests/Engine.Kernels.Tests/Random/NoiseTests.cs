using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Json;
using Engine.Devices;
using Engine.Tests;

namespace Engine.Kernels.Tests;

public class NoiseTests
{
    /// <summary>A few units in the last place of normals up to 6.</summary>
    private const double Relative = 4e-7, Absolute = 4e-7;

    public static TheoryData<string, int> Goldens() => TestDevices.With(0, 1, 2, 3);

    [Fact]
    public void The_reference_gives_the_published_words()
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(SharedFiles.Path("goldens/small/philox.json")));
        foreach (JsonElement answer in golden.RootElement.GetProperty("words").EnumerateArray())
        {
            uint[] Words(string key) => [.. answer.GetProperty(key).EnumerateArray().Select(word => word.GetUInt32())];
            Assert.Equal(Words("output"), PhiloxReference.Block(Words("counter"), Words("key")));
        }
    }

    [Theory]
    [MemberData(nameof(Goldens))]
    public void Normals_agree_with_the_goldens(string name, int index)
    {
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllText(SharedFiles.Path("goldens/small/philox.json")));
        JsonElement entry = golden.RootElement.GetProperty("normals")[index];
        int rows = entry.GetProperty("rows").GetInt32(), columns = entry.GetProperty("columns").GetInt32();
        ulong seed = ulong.Parse(entry.GetProperty("seed").GetString()!, System.Globalization.CultureInfo.InvariantCulture);
        uint stream = entry.GetProperty("stream").GetUInt32(), step = entry.GetProperty("step").GetUInt32();
        double[] expected = Tensor(entry.GetProperty("name").GetString()!);
        Assert.Equal(rows * columns, expected.Length);

        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> y = run.Output(rows * columns), perturbed = run.Output(rows * columns);
        BufferView<uint> random = run.RandomState(seed, step);
        float[] w = Numbers.Values(1, rows * columns), deviation = Numbers.Values(2, rows, 0.5, 1);
        run.Run(
            Noise.Normals(run.Device, rows * columns, stream, random, y),
            Noise.Perturb(run.Device, rows, columns, stream, run.Put(w), run.Put(deviation), random, perturbed));
        Numbers.Near(expected, y.ToArray(), Relative, Absolute);
        Numbers.Near([.. expected.Select((z, i) => w[i] + (deviation[i / columns] * z))], perturbed.ToArray(), 6e-7, 6e-7);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Normals_agree_with_float64_over_many_blocks(string name)
    {
        const int Count = 100_003;
        const ulong Seed = 0x0123456789ABCDEF;
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> y = run.Output(Count);
        run.Run(Noise.Normals(run.Device, Count, 5, run.RandomState(Seed, 9), y));
        Numbers.Near([.. Enumerable.Range(0, Count).Select(e => PhiloxReference.Normal(e, Seed, 5, 9))], y.ToArray(), Relative, Absolute);
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Signs_are_the_top_bits_of_the_words(string name)
    {
        const ulong Seed = 0xFEDCBA9876543210;
        foreach (int count in new[] { 1, 6, 64, 40_003 })
        {
            using var run = new KernelRun(TestDevices.Open(name));
            BufferView<float> y = run.Output(count);
            run.Run(Noise.Signs(run.Device, count, 5, run.RandomState(Seed, 9), y));
            float[] expected = [.. Enumerable.Range(0, count).Select(e =>
                PhiloxReference.Block([(uint)(e / 4), 0, 5, 9], [0x76543210, 0xFEDCBA98])[e % 4] < 0x80000000u ? 1f : -1f)];
            Assert.Equal(expected, y.ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void A_weight_in_16_bits_is_perturbed_as_its_value_in_float32(string name)
    {
        const int Rows = 7, Columns = 333;
        foreach (ElementType type in new[] { ElementType.Float16, ElementType.BFloat16 })
        {
            using var run = new KernelRun(TestDevices.Open(name));
            float[] w = StoredWeights.Values(type, 1, Rows * Columns);
            BufferView<float> deviation = run.Put(Numbers.Values(2, Rows, 0.5, 1)), expected = run.Output(w.Length),
                actual = run.Output(w.Length);
            BufferView<uint> random = run.RandomState(3, 4);
            run.Run(
                Noise.Perturb(run.Device, Rows, Columns, 5, run.Put(w), deviation, random, expected),
                Noise.Perturb(run.Device, Rows, Columns, 5, run.PutStored(type, w), deviation, random, actual));
            Assert.Equal(expected.ToArray(), actual.ToArray());
        }
    }

    [Fact]
    public unsafe void Box_Muller_is_exact_where_a_float_of_u_would_not_be()
    {
        // u next to 0 and 1, next to the splits of the logarithm, and next to every eighth of a turn.
        uint[] words =
        [
            0, 1, 2, 100, 1u << 20, (1u << 24) + 1, 0x3FFFFFFF, 0x40000000, 0x5A827999, 0x5A82799A, 0x7FFFFFFF, 0x80000000, 0x80000001,
            0xB504F333, 0xB504F334, 0xBFFFFFFF, 0xC0000000, 0xC0000001, 0xDFFFFFFF, 0xE0000000, 0xFFFFF000, 0xFFFFFFFE, 0xFFFFFFFF,
            0x1FFFFFFF, 0x20000000, 0x60000000, 0x9FFFFFFF, 0xA0000000,
        ];
        foreach (uint first in words)
        {
            foreach (uint second in words)
            {
                Vector512<uint> cosine = Vector512.Create(first), sine = Vector512.Create(second);
                BoxMuller.Normals(&cosine, &sine);
                double radius = Math.Sqrt(
                    -2 * (first < 0x80000000u ? Math.Log((first + 0.5) / 4294967296.0) : LogOnePlus(-(~first + 0.5) / 4294967296.0)));
                (double s, double c) = Math.SinCos(2 * Math.PI * (second + 0.5) / 4294967296.0);
                Numbers.Near([radius * c, radius * s], [cosine.AsSingle()[3], sine.AsSingle()[3]], 3e-7, 2e-7 * radius);
            }
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Deviation_is_that_of_the_whole_weights_rows(string name)
    {
        foreach ((int rows, int columns, int rank) in new[] { (1, 1, 1), (7, 33, 8), (40, 30, 17) })
        {
            using var run = new KernelRun(TestDevices.Open(name));
            float[] w = Numbers.Values(1, rows * columns), a = Numbers.Values(2, rank * columns), b = Numbers.Values(3, rows * rank);
            const float LoraScale = 2f, Rho = 0.05f, Factor = 0.3f;
            float Product(Func<int, float> left, Func<int, float> right, int length) =>
                (float)Enumerable.Range(0, length).Sum(i => (double)left(i) * right(i));
            float[] baseNorm = [.. Enumerable.Range(0, rows)
                .Select(i => Product(j => w[(i * columns) + j], j => w[(i * columns) + j], columns))];
            float[] aw = [.. Enumerable.Range(0, rank * rows)
                .Select(e => Product(j => w[(e % rows * columns) + j], j => a[(e / rows * columns) + j], columns))];
            float[] gram = [.. Enumerable.Range(0, rank * rank)
                .Select(e => Product(j => a[(e / rank * columns) + j], j => a[(e % rank * columns) + j], columns))];
            BufferView<float> deviation = run.Put(baseNorm);
            run.Run(Noise.FlatDeviation(
                run.Device, StepScalars.OfMethods, rows, columns, rank, Rho, LoraScale,
                run.Put(aw), run.Put(b), run.Put(gram), run.Scalars((StepScalars.OfMethods, Factor)), deviation));

            double[] expected = [.. Enumerable.Range(0, rows)
                .Select(i => Factor * Rho / Math.Sqrt(columns) * Math.Sqrt(Enumerable.Range(0, columns).Sum(j =>
                {
                    double value = w[(i * columns) + j] + (LoraScale
                        * Enumerable.Range(0, rank).Sum(k => (double)b[(i * rank) + k] * a[(k * columns) + j]));
                    return value * value;
                })))];
            Numbers.Near(expected, deviation.ToArray(), 2e-6, 0);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void A_negative_square_of_rounding_counts_as_zero(string name)
    {
        using var run = new KernelRun(TestDevices.Open(name));
        BufferView<float> deviation = run.Put(0.9999f);
        run.Run(Noise.FlatDeviation(
            run.Device, StepScalars.OfMethods, 1, 4, 1, 0.1f, 1f, run.Put(-1f), run.Put(1f), run.Put(1f),
            run.Scalars((StepScalars.OfMethods, 1)), deviation));
        Assert.Equal([0f], deviation.ToArray());
    }

    /// <summary>
    /// E ||e||^2 = sigma^2 ||W||^2 over 200 x 500 draws, whose squares' mean deviates by sqrt(2 / 100000) = 0.45 % where rows weigh alike;
    /// a zero row gets none.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void The_noise_is_a_share_sigma_of_the_weight_and_none_where_a_row_is_zero(string name)
    {
        const int Rows = 200, Columns = 500;
        const float Sigma = 0.3f;
        using var run = new KernelRun(TestDevices.Open(name));
        float[] w = [.. Numbers.Values(1, Rows * Columns).Select((value, i) => i / Columns == 7 ? 0 : value)];
        float[] squares = [.. w.Chunk(Columns).Select(row => (float)row.Sum(value => (double)value * value))];
        BufferView<float> deviation = run.Put(squares), perturbed = run.Output(w.Length);
        run.Run(Noise.FlatDeviation(
            run.Device, StepScalars.OfMethods, Rows, Columns, 1, Sigma, 1f, run.Put(new float[Rows]), run.Put(new float[Rows]), run.Put(0f),
            run.Scalars((StepScalars.OfMethods, 1)), deviation));
        run.Run(Noise.Perturb(run.Device, Rows, Columns, 5, run.Put(w), deviation, run.RandomState(3, 4), perturbed));
        double[] noise = [.. perturbed.ToArray().Select((value, i) => (double)value - w[i])];
        Assert.All(noise[(7 * Columns)..(8 * Columns)], value => Assert.Equal(0, value));
        Assert.InRange(
            noise.Sum(value => value * value) / (Sigma * Sigma * squares.Sum(value => (double)value)), 1 - (5 * 0.0047), 1 + (5 * 0.0047));
    }

    /// <summary>
    /// Of independent inputs of mean 0 the noise raises each output's variance by the factor 1 + sigma^2, however many inputs there are
    /// (arXiv 2409.14396, proposition 3.2). The mean of 20000 squares of rows with an input of their own each deviates by sqrt(2 / 20000) =
    /// 1 % of itself; five of these.
    /// </summary>
    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void The_noise_raises_the_variance_of_outputs_by_a_factor_that_the_number_of_inputs_does_not_change(string name)
    {
        const int Rows = 20000;
        const float Sigma = 0.8f;
        foreach (int columns in (int[])[4, 48])
        {
            using var run = new KernelRun(TestDevices.Open(name));
            float[] w = Numbers.Values(1, (long)Rows * columns), x = Numbers.Values(2, (long)Rows * columns);
            float[] squares = [.. w.Chunk(columns).Select(row => (float)row.Sum(value => (double)value * value))];
            BufferView<float> deviation = run.Put(squares), perturbed = run.Output(w.Length);
            run.Run(Noise.FlatDeviation(
                run.Device, StepScalars.OfMethods, Rows, columns, 1, Sigma, 1f, run.Put(new float[Rows]), run.Put(new float[Rows]),
                run.Put(0f),
                run.Scalars((StepScalars.OfMethods, 1)), deviation));
            run.Run(Noise.Perturb(run.Device, Rows, columns, 5, run.Put(w), deviation, run.RandomState(3, 4), perturbed));
            double Variance(float[] weight) =>
                weight.Chunk(columns)
                    .Zip(x.Chunk(columns), (row, input) => Math.Pow(row.Zip(input, (a, b) => (double)a * b).Sum(), 2)).Average();

            // Uniform inputs in [-1, 1) have the variance 1/3.
            double clean = squares.Average() / 3.0;
            Assert.InRange(Variance(w) / clean, 0.95, 1.05);
            Assert.InRange(Variance(perturbed.ToArray()) / clean / (1 + (Sigma * Sigma)), 0.95, 1.05);
        }
    }

    /// <summary>ln(1 + x) without the loss of 1 + x.</summary>
    private static double LogOnePlus(double x)
    {
        double sum = 1 + x;
        return sum == 1 ? x : Math.Log(sum) * x / (sum - 1);
    }

    /// <summary>A float64 tensor of the golden file.</summary>
    private static double[] Tensor(string name)
    {
        byte[] file = File.ReadAllBytes(SharedFiles.Path("goldens/small/philox.safetensors"));
        var header = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        using JsonDocument document = JsonDocument.Parse(file.AsMemory(8, header));
        JsonElement entry = document.RootElement.GetProperty(name);
        Assert.Equal("F64", entry.GetProperty("dtype").GetString());
        int[] range = [.. entry.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32())];
        return MemoryMarshal.Cast<byte, double>(file.AsSpan(8 + header + range[0], range[1] - range[0])).ToArray();
    }
}
