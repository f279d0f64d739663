using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Engine.Devices.Cpu;

/// <summary>Settings of the cpu device.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads that run work; the default is the machine's logical processors.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Use the vectorised host form of operators; off, every kernel runs in the managed executor, as tests want it.</summary>
    public bool HostVectors { get; init; } = true;

    /// <summary>Bytes that may be allocated; the default is the memory the process may use.</summary>
    public long MemoryBytes { get; init; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
}

/// <summary>The managed device that is always there. Work runs when it is enqueued.</summary>
public sealed unsafe class CpuDevice : Device
{
    /// <summary>Bytes of scratch each worker keeps for packed panels and row buffers.</summary>
    public const int ScratchBytes = 4 << 20;

    /// <summary>Bytes of scratch that all workers of a launch share.</summary>
    public const int SharedScratchBytes = 5 << 20;

    private readonly CpuBuffer scratch;

    public CpuDevice(CpuOptions? options = null)
    {
        options ??= new CpuOptions();
        MemoryBytes = options.MemoryBytes;
        Threads = new HostThreads(options.Threads);
        Features = new DeviceFeatures
        {
            HostVectors = options.HostVectors,
            CpuLanes = true,
            MaxGroupSize = 1024,
            SharedMemoryBytes = 64 * 1024,
            ComputeUnits = options.Threads,
        };
        scratch = (CpuBuffer)Allocate(((long)ScratchBytes * options.Threads) + SharedScratchBytes, "scratch");
    }

    public override DeviceKind Kind => DeviceKind.Cpu;

    public override string Id => "cpu";

    public override string Name =>
        $"managed, {Threads.Count} threads, {(Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128)}-bit vectors";

    public override long MemoryBytes { get; }

    public override DeviceFeatures Features { get; }

    public HostThreads Threads { get; }

    /// <summary>The host address of a view's first element. Valid while the buffer lives.</summary>
    public static T* Pointer<T>(BufferView<T> view)
        where T : unmanaged => (T*)(((CpuBuffer)view.Buffer).Address + view.ByteOffset);

    /// <summary>The scratch memory of one worker, <see cref="ScratchBytes"/> bytes, 64-byte aligned.</summary>
    public byte* Scratch(int worker) => scratch.Address + SharedScratchBytes + ((long)worker * ScratchBytes);

    /// <summary>Scratch memory that all workers see, <see cref="SharedScratchBytes"/> bytes, 64-byte aligned; its content lives until the launch returns.</summary>
    public byte* SharedScratch => scratch.Address;

    public override DeviceBuffer Allocate(long bytes, string owner)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        if (Memory.Current + bytes > MemoryBytes)
        {
            throw new DeviceOutOfMemoryException(ToString(), owner, bytes, Memory.Current, MemoryBytes);
        }

        return new CpuBuffer(this, bytes, owner);
    }

    public override Launch Bind(KernelCall call) => new ManagedLaunch(this, call);

    public override void Synchronize()
    {
    }

    public override void Dispose()
    {
        Threads.Dispose();
        scratch.Dispose();
    }
}

/// <summary>Host memory that stays where it is.</summary>
internal sealed unsafe class CpuBuffer : DeviceBuffer
{
    public CpuBuffer(CpuDevice device, long bytes, string owner)
        : base(device, bytes, owner)
    {
        try
        {
            Address = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), Engine.Devices.Device.Alignment);
        }
        catch (OutOfMemoryException)
        {
            device.Memory.Remove(owner, bytes);
            throw new DeviceOutOfMemoryException(device.ToString(), owner, bytes, device.Memory.Current, device.MemoryBytes);
        }
    }

    public byte* Address { get; private set; }

    public override void Fill(byte value, long byteOffset, long count)
    {
        CheckRange(byteOffset, count);
        NativeMemory.Fill(Address + byteOffset, (nuint)count, value);
    }

    public override void CopyFrom(DeviceBuffer source, long sourceOffset, long targetOffset, long count)
    {
        CheckRange(targetOffset, count);
        NativeMemory.Copy(((CpuBuffer)source).Address + sourceOffset, Address + targetOffset, (nuint)count);
    }

    protected override void WriteBytes(ReadOnlySpan<byte> source, long byteOffset)
    {
        fixed (byte* from = source)
        {
            NativeMemory.Copy(from, Address + byteOffset, (nuint)source.Length);
        }
    }

    protected override void ReadBytes(Span<byte> target, long byteOffset)
    {
        fixed (byte* to = target)
        {
            NativeMemory.Copy(Address + byteOffset, to, (nuint)target.Length);
        }
    }

    protected override void Release()
    {
        NativeMemory.AlignedFree(Address);
        Address = null;
    }
}
