using Engine.Compiler.Tests.Kernels;
using Engine.Devices;
using Engine.Devices.Cpu;

namespace Engine.Compiler.Tests;

/// <summary>
/// Products of tiles agree with plain C# on every device. Operands are small whole numbers, so every form gives the same float32 sums
/// whatever its order.
/// </summary>
public sealed class TileTests(DeviceFixture devices) : IClassFixture<DeviceFixture>
{
    private const int Count = 3;

    public static TheoryData<string, TileOrder, TileOrder> DevicesAndOrders
    {
        get
        {
            var rows = new TheoryData<string, TileOrder, TileOrder>();
            foreach (object[] device in (IEnumerable<object[]>)DeviceFixture.All)
            {
                foreach (TileOrder a in Enum.GetValues<TileOrder>())
                {
                    foreach (TileOrder b in Enum.GetValues<TileOrder>())
                    {
                        rows.Add((string)device[0], a, b);
                    }
                }
            }

            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(DevicesAndOrders))]
    public void Tiles_in_any_order_multiply_as_matrices(string device, TileOrder orderA, TileOrder orderB)
    {
        Check(devices[device], orderA, orderB, v => (Half)v);
        Check(devices[device], orderA, orderB, v => (BFloat16)v);
    }

    [Fact]
    public void A_launch_whose_groups_are_no_whole_teams_is_refused()
    {
        Device device = devices["cpu"];
        using var buffers = new Buffers(device);
        string message = Assert.Throws<ArgumentException>(() => SmallKernels.TileProductKernel.Bind(
            device, new LaunchShape(1, 48), buffers.New<float>(256), buffers.New<Half>(256), buffers.New<float>(256), 16)).Message;
        Assert.Contains("a group of 48 work-items cannot hold tiles", message);
        Assert.Contains("32 items hold one together", message);
    }

    [Fact]
    public void A_tile_that_starts_between_multiples_of_eight_elements_is_refused()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var buffers = new Buffers(device);
        Launch launch = SmallKernels.TileProductKernel.Bind(
            device, new LaunchShape(1, 32), buffers.Of(new float[400]), buffers.Of(new Half[400]), buffers.New<float>(256), 20);
        Assert.Contains(
            "A tile at element 0 with a stride of 20 elements is loaded; give multiples of 8",
            Assert.Throws<DeviceException>(launch.Enqueue).Message);
    }

    [Fact]
    public void Tiles_of_another_storage_type_are_refused()
    {
        Device device = devices["cpu"];
        using var buffers = new Buffers(device);
        string message = Assert.Throws<ArgumentException>(() => SmallKernels.TileProductKernel.Bind(
            device, new LaunchShape(1, 32), buffers.New<float>(256), buffers.New<float>(256), buffers.New<float>(256), 16)).Message;
        Assert.Contains("type parameter T is Float32, and tiles are made of it; bind Half or BFloat16", message);
    }

    [Fact]
    public void A_multiplication_that_some_items_miss_is_an_error()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1, CheckReads = true });
        using var buffers = new Buffers(device);
        Launch launch = TileKernels.DivergentKernel.Bind(
            device, new LaunchShape(1, 32), buffers.Of(new Half[256]), buffers.New<float>(256));
        Assert.Contains(
            "work-item 16 of the group evaluates it differently from item 0", Assert.Throws<DeviceException>(launch.Enqueue).Message);
    }

    [Fact]
    public void A_tile_of_memory_that_nothing_wrote_is_an_error()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1, CheckReads = true });
        using var buffers = new Buffers(device);
        Launch launch = SmallKernels.TileProductKernel.Bind(
            device, new LaunchShape(1, 32), buffers.Of(new float[256]), buffers.New<Half>(256), buffers.New<float>(256), 16);
        Assert.Contains(
            "of a view of 256 elements of Half is read, but nothing has written it",
            Assert.Throws<DeviceException>(launch.Enqueue).Message);
    }

    [Theory]
    [MemberData(nameof(DeviceFixture.All), MemberType = typeof(DeviceFixture))]
    public void Batches_of_copies_arrive_where_they_are_waited_for(string device)
    {
        CheckCopies(devices[device], value => (Half)value);
        CheckCopies(devices[device], value => (BFloat16)value);
    }

    [Fact]
    public void A_checked_run_makes_copies_where_they_are_waited_for()
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1, CheckReads = true });
        CheckCopies(device, value => (Half)value);
        using var buffers = new Buffers(device);
        const int Count = 2 * TileKernels.CopiedElements;
        BufferView<Half> x = buffers.Of(new Half[Count]), y = buffers.Of(new Half[Count]);
        Launch hasty = TileKernels.HastyKernel.Bind(device, new LaunchShape(1, Tile.TeamItems), x, y);
        Assert.Contains("is read, but nothing has written it", Assert.Throws<DeviceException>(hasty.Enqueue).Message);
    }

    [Theory]
    [InlineData(4, 0, 0)]
    [InlineData(0, 4, 0)]
    [InlineData(0, 0, 4)]
    public void A_copy_between_multiples_of_sixteen_bytes_is_refused(int from, int to, int viewStart)
    {
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var buffers = new Buffers(device);
        const int Count = 2 * TileKernels.CopiedElements;
        BufferView<Half> x = buffers.Of(new Half[Count + Tile.Alignment]).Slice(viewStart, Count + 4);
        Launch launch = TileKernels.CopiesKernel.Bind(device, new LaunchShape(1, Tile.TeamItems), x, buffers.New<Half>(Count), from, to);
        string message = Assert.Throws<DeviceException>(launch.Enqueue).Message;
        Assert.Contains($"8 elements are copied from element {from} to element {to}; give multiples of 8 elements", message);
    }

    private static void CheckCopies<T>(Device device, Func<float, T> stored)
        where T : unmanaged
    {
        const int Copied = TileKernels.CopiedElements, From = 3 * Tile.Alignment;
        T[] x = [.. Enumerable.Range(1, From + (2 * Copied)).Select(value => stored(value % 251))];
        using var buffers = new Buffers(device);
        BufferView<T> y = buffers.New<T>(2 * Copied);
        buffers.Run(TileKernels.CopiesKernel.Bind(device, new LaunchShape(1, Tile.TeamItems), buffers.Of(x), y, From, Tile.Alignment));
        T[] expected = [.. Enumerable.Range(0, 2 * Copied).Select(i =>
        {
            int element = Copied - 1 - (i % Copied);
            return element / Tile.Alignment % 3 == 2 ? stored(0) : x[From + (i / Copied * Copied) + element];
        })];
        Assert.Equal(expected, y.ToArray());
    }

    private static void Check<T>(Device device, TileOrder orderA, TileOrder orderB, Func<float, T> stored)
        where T : unmanaged
    {
        const int Teams = TileKernels.Teams, Columns = Tile.Size * Count, Depth = TileKernels.Depth, Stride = TileKernels.Stride;
        var a = new float[Teams * Depth * Stride];
        var b = new float[(Teams * Depth * Stride) + (Columns * Stride)];
        var factors = new float[Teams * Tile.Size];
        Fill(a, 1);
        Fill(b, 2);
        Fill(factors, 3);
        using var buffers = new Buffers(device);
        BufferView<float> c = buffers.New<float>(Teams * Tile.Size * Columns);
        buffers.Run(TileKernels.ProductsKernel.Bind(
            device, new LaunchShape(1, Teams * Tile.TeamItems),
            buffers.Of(Array.ConvertAll(a, v => stored(v))), buffers.Of(Array.ConvertAll(b, v => stored(v))), buffers.Of(factors),
            c, orderA, orderB, Count));
        var expected = new float[c.Length];
        for (int team = 0; team < Teams; team++)
        {
            for (int i = 0; i < Tile.Size; i++)
            {
                for (int j = 0; j < Columns; j++)
                {
                    float sum = 0f;
                    for (int k = 0; k < Depth; k++)
                    {
                        int start = team * Depth * Stride;
                        sum += a[start + (orderA == TileOrder.RowMajor ? (i * Stride) + k : (k * Stride) + i)]
                            * b[start + (orderB == TileOrder.RowMajor ? (k * Stride) + j : (j * Stride) + k)];
                    }

                    expected[(((team * Tile.Size) + i) * Columns) + j] = factors[(team * Tile.Size) + i] * sum;
                }
            }
        }

        Assert.Equal(expected, c.ToArray());
    }

    /// <summary>Whole numbers from -7 to 7: 32 products of two are below 2^11, and three factors below 2^14, exact in float32.</summary>
    private static void Fill(float[] values, int seed)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (int)(((uint)((i * 2) + seed) * 2654435761u) >> 16) % 15 - 7;
        }
    }
}
