using Engine.Compiler.Tests.Kernels;
using Engine.Devices;
using Engine.Devices.Ilgpu;

namespace Engine.Compiler.Tests;

/// <summary>Statements, helpers, structs, barriers, shuffles and atomics agree with plain C# on every device.</summary>
public sealed class ConstructTests(DeviceFixture devices) : IClassFixture<DeviceFixture>
{
    public static TheoryData<string> Devices => DeviceFixture.All;

    public static TheoryData<string> WithoutOpenCl { get; } = [.. ((IEnumerable<object[]>)DeviceFixture.All).Select(row => (string)row[0])
        .Where(id => !id.StartsWith("opencl", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Devices))]
    public void Statements_run_as_in_CSharp(string device)
    {
        int[] x = [.. Enumerable.Range(0, 64)];
        using var buffers = new Buffers(devices[device]);
        BufferView<int> y = buffers.New<int>(x.Length);
        buffers.Run(ControlFlowKernels.StatementsKernel.Bind(devices[device], new LaunchShape(1, x.Length), buffers.Of(x), y));
        Assert.Equal(Array.ConvertAll(x, ControlFlowKernels.StatementsOf), y.ToArray());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Loops_over_local_memory_make_every_pass_in_turn(string device)
    {
        int[] items = [.. Enumerable.Range(0, 16)];
        using var buffers = new Buffers(devices[device]);
        BufferView<int> y = buffers.New<int>(2 * items.Length);
        buffers.Run(ControlFlowKernels.PassesKernel.Bind(devices[device], new LaunchShape(1, items.Length), y));
        Assert.Equal(items.Select(ControlFlowKernels.PassesOf).SelectMany(sums => (int[])[sums.First, sums.Second]), y.ToArray());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Helpers_take_structs_references_and_views_of_any_memory(string device)
    {
        float[] x = [1f, 2f, 3f, 4.5f];
        foreach (bool squares in new[] { true, false })
        {
            using var buffers = new Buffers(devices[device]);
            BufferView<float> y = buffers.New<float>(7);
            buffers.Run(ControlFlowKernels.HelpersKernel.Bind(devices[device], new LaunchShape(1, 4), buffers.Of(x), y, x.Length, squares));
            float square = squares ? x.Sum(v => v * v) / 4f : -1f;
            Assert.Equal([square, x.Sum() / 4f, 8f, 1f, 81f, 2f, 6.5f], y.ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Operands_travel_as_one_parameter(string device)
    {
        Half[] x = [.. Enumerable.Range(0, 8).Select(i => (Half)(i + 1))];
        using var buffers = new Buffers(devices[device]);
        foreach ((bool biased, bool negative) in new[] { (false, false), (true, false), (false, true), (true, true) })
        {
            BufferView<float> y = buffers.Of(Enumerable.Repeat(-1f, x.Length).ToArray());
            var operands = new SmallKernels.RowOperands<Half>.Buffers
            {
                X = buffers.Of(x),
                Y = y,
                Bias = biased ? buffers.Of(10f, 20f, 30f) : default,
                Stride = 4,
                Day = DayOfWeek.Friday,
                Negative = negative,
            };
            buffers.Run(SmallKernels.RowScaleKernel.Bind(devices[device], new LaunchShape(2, 4), operands, 2f, 3));
            Assert.Equal(
                Enumerable.Range(0, x.Length)
                    .Select(i => i % 4 == 3 ? -1f : Signed(2f * (float)x[(i / 4 * 4) + 2 - (i % 4)]) + (biased ? 10f * ((i % 4) + 1) : 0f)),
                        y.ToArray());

            float Signed(float value) => negative ? 5f - value : value;
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Items_know_their_place_in_a_grid_of_three_dimensions(string device)
    {
        using var buffers = new Buffers(devices[device]);
        BufferView<int> y = buffers.New<int>(2 * 3 * 4 * 8);
        var shape = new LaunchShape(2, 3, 4, 8);
        foreach (bool negate in new[] { false, true })
        {
            buffers.Run(
                ControlFlowKernels.PlacesKernel.Bind(
                    devices[device], shape, y, negate, 200, 7L << 32, 0x90000000u, 5.5f, -3, DayOfWeek.Tuesday));
            int value = 234 + 200 + 7 + 9 + 5 - 3 + ((200 + 250) % 256) + 1000;
            Assert.Equal([.. Enumerable.Range(0, 192).Select(i => negate ? -value : value + (i % 8))], y.ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Barriers_in_a_loop_whose_bound_is_data(string device)
    {
        const int size = 64;
        int[] x = [.. Enumerable.Range(0, 2 * size).Select(i => (i * 37 % 11) - 3)];
        using var buffers = new Buffers(devices[device]);
        BufferView<int> y = buffers.New<int>(x.Length);
        buffers.Run(
            GroupKernels.PrefixSumKernel.Bind(devices[device], new LaunchShape(2, size), buffers.Of(x), buffers.Of(size, size), y, size));
        Assert.Equal([.. Enumerable.Range(0, x.Length).Select(i => x[(i / size * size)..(i + 1)].Sum())], y.ToArray());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Barriers_under_uniform_branches_and_jumps(string device)
    {
        const int size = 16;
        int[] limits = [3, -1, 1, 9, 2];
        using var buffers = new Buffers(devices[device]);
        BufferView<int> y = buffers.Of(Enumerable.Repeat(-7, limits.Length * size).ToArray());
        buffers.Run(
            GroupKernels.UniformBranchesKernel.Bind(devices[device], new LaunchShape(limits.Length, size), buffers.Of(limits), y, 4, size));
        Assert.Equal([.. limits.SelectMany((limit, group) => UniformBranches(limit, group < 4, size))], y.ToArray());
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Helpers_with_barriers(string device)
    {
        const int size = 32;
        float[] x = [.. Enumerable.Range(0, 2 * size).Select(i => (i * 13 % 17) / 8f)];
        using var buffers = new Buffers(devices[device]);
        BufferView<float> y = buffers.New<float>(x.Length);
        buffers.Run(GroupKernels.BlockReduceKernel.Bind(devices[device], new LaunchShape(2, size), buffers.Of(x), y, size));
        float[] actual = y.ToArray();
        for (int i = 0; i < x.Length; i++)
        {
            float[] row = x[(i / size * size)..((i / size * size) + size)];
            float mean = row.Sum() / size;
            float variance = row.Sum(v => (v - mean) * (v - mean)) / size;
            float expected = ((x[i] - mean) / MathF.Sqrt(variance + 1e-5f)) + (3 * x[i]) + (6 * row.Sum());

            // Sums of 32 float32 terms near 1 to 200 in another order.
            Assert.Equal(expected, actual[i], 1e-3f);
        }
    }

    [Fact]
    public void A_kernel_with_shuffles_is_refused_for_OpenCL_with_what_to_do() => Assert.Contains(
        "uses shuffles of a warp, which ILGPU 1.5.3 compiles for CUDA alone; write a form without them",
        Assert.Throws<DeviceException>(
            () => IlgpuCompiler.OpenCl(GroupKernels.ShufflesKernel.Definition, new KernelVariant([], []))).Message);

    [Theory]
    [MemberData(nameof(WithoutOpenCl))]
    public void Shuffles_exchange_values_within_a_warp(string device)
    {
        float[] x = [.. Enumerable.Range(0, 128).Select(i => (float)(i * 29 % 101))];
        using var buffers = new Buffers(devices[device]);
        BufferView<int> y = buffers.New<int>(x.Length);
        BufferView<float> z = buffers.New<float>(x.Length);
        buffers.Run(GroupKernels.ShufflesKernel.Bind(devices[device], new LaunchShape(2, 64), buffers.Of(x), y, z));
        for (int i = 0; i < x.Length; i++)
        {
            int warp = i & ~31;
            int lane = i & 31;
            int partner = warp | (lane ^ 2);
            float down = lane + 5 < 32 ? x[i + 5] : x[i];
            Assert.Equal((int)(3 * x[warp]) + (int)(3 * x[warp | ((lane + 1) & 31)]), y.ToArray()[i]);
            Assert.Equal(down + (2 * (x[partner ^ 1] + x[partner])) + (3 * x[warp..(warp + 32)].Max()), z.ToArray()[i]);
        }
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Atomics_on_shared_and_global_integers(string device)
    {
        const int count = 200;
        int[] x = [.. Enumerable.Range(0, 256).Select(i => (i * 7919 % 1000) - 400)];
        using var buffers = new Buffers(devices[device]);
        BufferView<int> histogram = buffers.Of(new int[8]);
        BufferView<int> extremes = buffers.Of(int.MinValue, int.MaxValue);
        BufferView<uint> words = buffers.Of(0u, 0u, 0u, 0u);
        buffers.Run(
            GroupKernels.AtomicsKernel.Bind(devices[device], new LaunchShape(4, 64), buffers.Of(x), histogram, extremes, words, count));
        Assert.Equal([.. Enumerable.Range(0, 8).Select(bin => x[..count].Count(v => (v & 7) == bin))], histogram.ToArray());
        Assert.Equal([x[..count].Max(), x[..count].Min()], extremes.ToArray());
        Assert.Equal([400u, 398u, 7u, 9u], words.ToArray());
    }

    /// <summary>The kernel's values item by item, in the order the barriers impose; -7 where it returns before it writes.</summary>
    private static int[] UniformBranches(int limit, bool runs, int size)
    {
        if (!runs || limit < 0)
        {
            return [.. Enumerable.Repeat(-7, size)];
        }

        var total = new int[size];
        for (int round = 0; round < 6 && round != limit; round++)
        {
            for (int item = 0; item < size && round != 1; item++)
            {
                total[item] += (round * 10) + size - 1 - item;
            }
        }

        int turns = 0;
        do
        {
            turns++;
            int[] tile = [.. total.Select(t => t + turns)];
            for (int item = 0; item < size; item++)
            {
                total[item] += limit > 2 ? tile[(item + 1) % size] : -tile[0];
            }
        }
        while (turns < limit);

        total[size - 1] = -7;
        return total;
    }
}
