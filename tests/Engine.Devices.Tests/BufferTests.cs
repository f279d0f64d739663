using System.Diagnostics;

namespace Engine.Devices.Tests;

[Collection(DeviceCollection.Name)]
public sealed class BufferTests(TestDevices devices)
{
    public static TheoryData<string> All => TestDevices.All;

    [Theory]
    [MemberData(nameof(All))]
    public void What_is_written_is_read_at_odd_sizes_and_offsets(string id)
    {
        foreach ((int size, int offset,
            int count) in new[] { (1, 0, 1), (7, 3, 4), (257, 1, 255), (4099, 17, 4001), (1 << 20, 65_535, 300_001) })
        {
            using DeviceBuffer buffer = devices[id].Allocate(size, "bytes");
            byte[] expected = Pattern(size, 1);
            buffer.Write<byte>(expected);
            byte[] window = Pattern(count, 7);
            buffer.Write<byte>(window, offset);
            window.CopyTo(expected, offset);

            Assert.Equal(expected, buffer.View<byte>().ToArray());
            var read = new byte[count];
            buffer.Read<byte>(read, offset);
            Assert.Equal(window, read);
        }
    }

    [OpenClTheory]
    [MemberData(nameof(TestDevices.OpenCl), MemberType = typeof(TestDevices))]
    public void A_write_does_not_wait_for_kernels_before_it_and_runs_after_them(string id)
    {
        using DeviceBuffer x = devices[id].Allocate(4 << 20, "x"), y = devices[id].Allocate(sizeof(uint), "y");
        uint[] first = new uint[x.Bytes / sizeof(uint)], second = new uint[first.Length];
        (first[0], second[0], second[^1]) = (7, 8, 9);
        x.Write<uint>(first);
        devices[id].Synchronize();

        // Doubled until the kernel runs long enough for the clock to tell.
        for (int rounds = 100_000_000; ; rounds *= 2)
        {
            using Launch launch = Tests.LateCopyKernel.Bind(devices[id], new LaunchShape(1, 1), x.View<uint>(), y.View<uint>(), rounds);
            long start = Stopwatch.GetTimestamp();
            launch.Enqueue();
            x.Write<uint>(second.AsSpan(0, 1000));
            TimeSpan written = Stopwatch.GetElapsedTime(start);
            devices[id].Synchronize();
            TimeSpan whole = Stopwatch.GetElapsedTime(start);
            Assert.Equal([8u], y.View<uint>().ToArray());
            Assert.Equal(second[..1000], x.View<uint>(0, 1000).ToArray());
            if (whole > TimeSpan.FromSeconds(0.5) || rounds > 1 << 29)
            {
                Assert.True(
                    written < whole / 2, $"The write returned after {written.TotalMilliseconds:0} ms of {whole.TotalMilliseconds:0}.");
                break;
            }

            x.Write<uint>(first.AsSpan(0, 1000));
        }

        // More than all of the staging memory at once.
        x.Write<uint>(second);
        x.Write<uint>(second.AsSpan(0, 3));
        Assert.Equal(second, x.View<uint>().ToArray());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_fill_sets_its_range_and_nothing_beside_it(string id)
    {
        // Lengths and starts that no, some and the longest fill pattern divides.
        foreach ((int offset, int count) in new[] { (0, 4096), (1, 1), (3, 1021), (8, 24), (16, 4080), (4095, 1), (4, 36), (2, 6) })
        {
            using DeviceBuffer buffer = devices[id].Allocate(4096, "bytes");
            byte[] expected = Pattern(4096, 3);
            buffer.Write<byte>(expected);
            buffer.Fill(0xA5, offset, count);
            expected.AsSpan(offset, count).Fill(0xA5);
            Assert.Equal(expected, buffer.View<byte>().ToArray());
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Clear_zeroes_the_whole_buffer(string id)
    {
        using DeviceBuffer buffer = devices[id].Allocate(1003, "bytes");
        buffer.Write<byte>(Pattern(1003, 5));
        buffer.Clear();
        Assert.All(buffer.View<byte>().ToArray(), value => Assert.Equal(0, value));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_copy_moves_its_range_between_buffers_and_inside_one(string id)
    {
        using DeviceBuffer source = devices[id].Allocate(1000, "source");
        using DeviceBuffer target = devices[id].Allocate(777, "target");
        byte[] from = Pattern(1000, 1);
        byte[] expected = Pattern(777, 2);
        source.Write<byte>(from);
        target.Write<byte>(expected);

        target.CopyFrom(source, 13, 101, 555);
        from.AsSpan(13, 555).CopyTo(expected.AsSpan(101));
        Assert.Equal(expected, target.View<byte>().ToArray());

        target.CopyFrom(target, 0, 100, 100);
        expected.AsSpan(0, 100).CopyTo(expected.AsSpan(100));
        Assert.Equal(expected, target.View<byte>().ToArray());
        Assert.Equal(from, source.View<byte>().ToArray());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Fills_and_copies_keep_the_order_in_which_they_were_enqueued(string id)
    {
        using DeviceBuffer a = devices[id].Allocate(1 << 20, "a");
        using DeviceBuffer b = devices[id].Allocate(1 << 20, "b");
        for (int round = 0; round < 50; round++)
        {
            a.Fill((byte)round, 0, a.Bytes);
            b.CopyFrom(a, 0, 0, a.Bytes);
            a.Fill(255, 0, a.Bytes);
        }

        Assert.Equal(49, b.View<byte>().ToArray().Distinct().Single());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Ranges_outside_the_buffer_are_refused(string id)
    {
        using DeviceBuffer buffer = devices[id].Allocate(100, "hundred");
        using DeviceBuffer other = devices[id].Allocate(50, "fifty");
        var host = new byte[60];

        Refused(() => buffer.Write<byte>(host, 41));
        Refused(() => buffer.Write<byte>(host, -1));
        Refused(() => buffer.Read<byte>(host, 41));
        Refused(() => buffer.Read<byte>(host, long.MaxValue));
        Refused(() => buffer.Fill(0, 100, 1));
        Refused(() => buffer.Fill(0, 0, -1));
        Refused(() => buffer.Fill(0, 1, long.MaxValue));
        Refused(() => buffer.CopyFrom(other, 0, 60, 50));
        Refused(() => buffer.CopyFrom(other, 1, 0, 50));
        Refused(() => buffer.View<float>(0, 26));
        Refused(() => buffer.View<float>(96, 2));
        Refused(() => buffer.View<float>(-4, 1));
        Refused(() => buffer.View<float>(104));
        Refused(() => buffer.View<float>(0, long.MaxValue / 2));
        Refused(() => buffer.View<float>().Slice(20, 6));
        Refused(() => buffer.View<float>().Slice(-1, 2));
        Refused(() => buffer.View<byte>(0, 59).Write(host));
        Refused(() => buffer.View<byte>(0, 59).Read(host));

        static void Refused(Action act) => Assert.Throws<ArgumentOutOfRangeException>(act);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_view_that_starts_between_elements_is_refused(string id)
    {
        using DeviceBuffer buffer = devices[id].Allocate(64, "odd");
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => buffer.View<double>(4, 1));
        Assert.Contains("no multiple of 8", error.Message);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_copy_onto_itself_is_refused(string id)
    {
        using DeviceBuffer buffer = devices[id].Allocate(64, "self");
        Assert.Contains("overlap", Assert.Throws<ArgumentException>(() => buffer.CopyFrom(buffer, 0, 8, 9)).Message);
        buffer.CopyFrom(buffer, 0, 8, 8);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void An_empty_buffer_is_allowed(string id)
    {
        using DeviceBuffer empty = devices[id].Allocate(0, "empty");
        empty.Clear();
        empty.Write<float>([]);
        empty.CopyFrom(empty, 0, 0, 0);
        Assert.Empty(empty.View<float>().ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => empty.Fill(0, 0, 1));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void A_disposed_buffer_is_refused_and_may_be_disposed_again(string id)
    {
        DeviceBuffer buffer = devices[id].Allocate(64, "short-lived");
        BufferView<float> view = buffer.View<float>();
        buffer.Dispose();
        buffer.Dispose();

        Assert.Contains("short-lived", Assert.Throws<ObjectDisposedException>(buffer.Clear).Message);
        Assert.Throws<ObjectDisposedException>(() => view.ToArray());
        Assert.Throws<ObjectDisposedException>(() => devices[id].Bind(TestKernels.CallScaledAdd(view, view, 1f)));
    }

    private static byte[] Pattern(int size, int seed) => [.. Enumerable.Range(0, size).Select(i => (byte)((i * 31) + (i >> 8) + seed))];
}
