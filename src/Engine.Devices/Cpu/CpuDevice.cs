using System.Runtime.Intrinsics;
using Engine.Devices.Kernels;

namespace Engine.Devices.Cpu;

/// <summary>Settings of the cpu device.</summary>
public sealed record CpuOptions
{
    /// <summary>Threads that run work; the default is the machine's logical processors.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Use the vectorised host form of operators; off, every kernel runs in the managed executor, as tests want it.</summary>
    public bool HostVectors { get; init; } = true;

    /// <summary>
    /// The sanitizer: fresh buffers, shared and local memory are filled with a pattern, and a kernel that reads the pattern
    /// fails. For tests; kernels run slower.
    /// </summary>
    public bool CheckReads { get; init; }

    /// <summary>
    /// Kernels of <see cref="Tile"/> are chosen as on a device with matrix units; the executor runs them by loops, slowly. For tests of
    /// what such a device computes.
    /// </summary>
    public bool MatrixUnits { get; init; }

    /// <summary>Bytes that may be allocated; the default is the memory the process may use.</summary>
    public long MemoryBytes { get; init; } = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
}

/// <summary>The managed device that is always there. Work runs when it is enqueued, on the caller's thread and the device's own.</summary>
public sealed unsafe class CpuDevice : Device
{
    /// <summary>Bytes of scratch each worker keeps for packed panels and row buffers.</summary>
    public const int ScratchBytes = 4 << 20;

    /// <summary>Bytes of scratch that all workers of a launch share.</summary>
    public const int SharedScratchBytes = 5 << 20;

    private readonly CpuBuffer scratch;

    /// <param name="options">Threads, memory and checks; null: all processors, no checks.</param>
    public CpuDevice(CpuOptions? options = null)
        : base(Describe(options ??= new CpuOptions()))
    {
        CheckReads = options.CheckReads;
        scratch = (CpuBuffer)Allocate(((long)ScratchBytes * options.Threads) + SharedScratchBytes, "scratch");
        Threads = new HostThreads(options.Threads);
    }

    internal HostThreads Threads { get; }

    /// <summary>Whether kernels that read memory nothing wrote fail (<see cref="CpuOptions.CheckReads"/>).</summary>
    public bool CheckReads { get; }

    /// <summary>
    /// Scratch memory that all workers see, <see cref="SharedScratchBytes"/> bytes, 64-byte aligned; its content lives until the launch
    /// returns.
    /// </summary>
    public byte* SharedScratch => scratch.Address;

    /// <summary>The host address of a view's first element. Valid while the buffer lives.</summary>
    public static T* Pointer<T>(BufferView<T> view)
        where T : unmanaged
    {
        view.Buffer.ThrowIfDisposed();
        return (T*)(((CpuBuffer)view.Buffer).Address + view.ByteOffset);
    }

    /// <summary>The view a kernel sees of a buffer's window; empty for <c>default</c>. Valid while the buffer lives.</summary>
    public static CpuView<T> HostView<T>(BufferView<T> view)
        where T : unmanaged => view.Buffer is null ? default : new CpuView<T>(Pointer(view), view.Length);

    /// <summary>The scratch memory of one worker, <see cref="ScratchBytes"/> bytes, 64-byte aligned.</summary>
    public byte* Scratch(int worker) => scratch.Address + SharedScratchBytes + ((long)worker * ScratchBytes);

    /// <summary>What the device of these options is, without starting its threads.</summary>
    internal static DeviceInfo Describe(CpuOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Threads, 1, nameof(CpuOptions.Threads));
        int vectorBits = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;
        return new DeviceInfo
        {
            Kind = DeviceKind.Cpu,
            Id = "cpu",
            Name = $"managed, {options.Threads} threads, {vectorBits}-bit vectors",
            Driver = System.Runtime.InteropServices.RuntimeInformation.FrameworkDescription,
            MemoryBytes = options.MemoryBytes,
            LargestBufferBytes = options.MemoryBytes,
            Features = new DeviceFeatures
            {
                HostVectors = options.HostVectors,
                Tiles = options.MatrixUnits,
                MatrixUnits = options.MatrixUnits,
                MaxGroupSize = 1024,
                SharedMemoryBytes = 64 * 1024,
                ComputeUnits = options.Threads,
            },
        };
    }

    private protected override DeviceBuffer AllocateCore(long bytes, string owner)
    {
        var buffer = new CpuBuffer(this, bytes, owner);
        if (CheckReads)
        {
            KernelRuntime.Fill(buffer.Address, bytes);
        }

        return buffer;
    }

    private protected override Launch BindCore(KernelCall call) => new ManagedLaunch(this, call);

    private protected override void SynchronizeCore()
    {
    }

    private protected override void Release()
    {
        Threads.Dispose();
        scratch.Dispose();
    }
}
