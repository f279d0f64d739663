using Engine.Devices.Cpu;
using Engine.Devices.Cuda;
using Engine.Devices.OpenCl;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using CudaDevice = Engine.Devices.Cuda.CudaDevice;

namespace Engine.Devices.Ilgpu;

/// <summary>
/// Engine beside other ILGPU code in one program: devices on the program's accelerators, and memory that kernels of both use. What is given
/// to the accelerator's default stream and what is given to the device run in the order in which they were given; other streams are
/// synchronised before Engine's work, and Engine's device before theirs.
/// </summary>
public static class IlgpuInterop
{
    /// <summary>
    /// Opens a device on an accelerator: in its CUDA context, or on its OpenCL context and queue; for ILGPU's CPU accelerator, the cpu
    /// device. The accelerator stays its maker's. Disposing it closes the device, whose later calls end with an
    /// <see cref="ObjectDisposedException"/>.
    /// </summary>
    /// <param name="accelerator">An accelerator for CUDA, OpenCL or the CPU.</param>
    /// <param name="options">How; null: <see cref="DeviceOptions"/> as it is.</param>
    /// <exception cref="DeviceException">The device is one that Engine does not use, or it has no library for products, and that was asked
    /// for.</exception>
    /// <exception cref="NotSupportedException">The accelerator is of another kind.</exception>
    /// <exception cref="ObjectDisposedException">The accelerator is disposed.</exception>
    public static Device Open(Accelerator accelerator, DeviceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(accelerator);
        ObjectDisposedException.ThrowIf(accelerator.IsDisposed, accelerator);
        if (accelerator is not CudaAccelerator)
        {
            options?.RequireNoLibrary(accelerator.Name);
        }

        accelerator.Bind();
        Device device = accelerator switch
        {
            CPUAccelerator => new CpuDevice(),
            CudaAccelerator cuda => CudaDevice.OpenOn(cuda.NativePtr, options),
            CLAccelerator openCl => OpenClDevice.OpenOn(openCl.DeviceId, openCl.NativePtr, ((CLStream)openCl.DefaultStream).CommandQueue),
            _ =>
                throw new NotSupportedException(
                    $"{accelerator.Name} is a {accelerator.GetType().Name}; a device is opened on a CudaAccelerator, "
                        + "a CLAccelerator or a CPUAccelerator."),
        };
        device.LiveOn(accelerator);
        return device;
    }

    /// <summary>
    /// A buffer over the same memory. Disposing it frees nothing; the memory stays ILGPU's, and the device's ledger does not count it. It
    /// must live while launches that are bound to it may run.
    /// </summary>
    /// <param name="device">A device opened on the memory's accelerator.</param>
    /// <param name="memory">What <c>Allocate1D</c> and its like give.</param>
    /// <param name="owner">What the bytes are for, as errors name it.</param>
    /// <exception cref="ArgumentException">The memory is of another accelerator.</exception>
    /// <exception cref="InvalidOperationException">The device was not opened on an accelerator.</exception>
    /// <exception cref="ObjectDisposedException">The memory or the device is disposed.</exception>
    public static DeviceBuffer Wrap(this Device device, MemoryBuffer memory, string owner)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentException.ThrowIfNullOrEmpty(owner);
        Accelerator accelerator = AcceleratorOf(device);
        using Lock.Scope call = device.Call();
        device.ThrowIfDisposed();
        ObjectDisposedException.ThrowIf(memory.IsDisposed, memory);
        if (!ReferenceEquals(memory.Accelerator, accelerator))
        {
            throw new ArgumentException(
                $"The memory of {owner} is of the accelerator {memory.Accelerator.Name}, and {device} was opened "
                    + $"on another one ({accelerator.Name}); wrap it on a device of its own accelerator.", nameof(memory));
        }

        DeviceBuffer buffer = Over(device, memory.NativePtr, memory.LengthInBytes, owner, memory);
        device.Wrapped.Add(buffer);
        return buffer;
    }

    /// <summary>The window of a wrapped buffer that a view of ILGPU shows.</summary>
    /// <exception cref="ArgumentException">The view is not one of the memory that the buffer wraps.</exception>
    public static BufferView<T> View<T>(this DeviceBuffer buffer, ArrayView<T> view)
        where T : unmanaged
    {
        IContiguousArrayView window = view;
        return buffer.Lender is { } lender && window.Buffer is { } memory && memory.Accelerator == lender.Accelerator
            && memory.NativePtr == lender.NativePtr
            ? buffer.View<T>(window.IndexInBytes, view.Length)
            : throw new ArgumentException($"The view shows other memory than what the buffer (owner {buffer.Owner}) wraps.", nameof(view));
    }

    /// <summary>The same elements for kernels of ILGPU. Valid while the buffer lives.</summary>
    /// <exception cref="InvalidOperationException">The buffer's device was not opened on an accelerator.</exception>
    /// <exception cref="ObjectDisposedException">The buffer or its device is disposed.</exception>
    public static unsafe ArrayView<T> AsArrayView<T>(this BufferView<T> view)
        where T : unmanaged
    {
        if (view.Buffer is not { } buffer)
        {
            return default;
        }

        Accelerator accelerator = AcceleratorOf(buffer.Device);
        using Lock.Scope call = buffer.Device.Call();
        buffer.ThrowIfDisposed();
        MemoryBuffer memory = buffer.Lender ?? (buffer.Lent ??= LentMemory.Of(accelerator, Memory(buffer), buffer.Bytes));
        return new ArrayView<T>(memory, view.ByteOffset / sizeof(T), view.Length);
    }

    /// <summary>A buffer over memory that is not the device's own.</summary>
    internal static DeviceBuffer Over(Device device, nint memory, long bytes, string owner, MemoryBuffer lender) => device switch
    {
        CpuDevice cpu => new CpuBuffer(cpu, memory, bytes, owner, lender),
        CudaDevice cuda => new CudaBuffer(cuda, memory, bytes, owner, lender),
        _ => new OpenClBuffer((OpenClDevice)device, memory, bytes, owner, lender),
    };

    /// <summary>What <see cref="MemoryBuffer.NativePtr"/> is for a buffer: an address, or a <c>cl_mem</c>.</summary>
    internal static unsafe nint Memory(DeviceBuffer buffer) => buffer switch
    {
        CpuBuffer cpu => (nint)cpu.Address,
        CudaBuffer cuda => (nint)cuda.Address,
        _ => ((OpenClBuffer)buffer).Handle,
    };

    private static Accelerator AcceleratorOf(Device device) => device.Accelerator
        ?? throw new InvalidOperationException(
            $"{device} was opened by its name; to share memory with ILGPU, "
                + $"open it on an accelerator by {nameof(IlgpuInterop)}.{nameof(Open)}.");
}
