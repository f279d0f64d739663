using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Engine.Devices.Ilgpu;

/// <summary>A buffer's memory as ILGPU knows memory of a card. Nothing is freed with it.</summary>
internal sealed class LentMemory : MemoryBuffer
{
    private LentMemory(Accelerator accelerator, nint memory, long bytes)
        : base(accelerator, bytes, sizeof(byte)) => NativePtr = memory;

    /// <param name="memory">An address, or a <c>cl_mem</c>.</param>
    public static MemoryBuffer Of(Accelerator accelerator, nint memory, long bytes) => accelerator is CPUAccelerator
        ? CPUMemoryBuffer.Create(accelerator, memory, bytes, sizeof(byte))
        : new LentMemory(accelerator, memory, bytes);

    protected override void MemSet(AcceleratorStream stream, byte value, in ArrayView<byte> targetView)
    {
        if (stream is CLStream queue)
        {
            CLMemoryBuffer.CLMemSet(queue, value, targetView);
        }
        else
        {
            CudaMemoryBuffer.CudaMemSet((CudaStream)stream, value, targetView);
        }
    }

    protected override void CopyFrom(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView) =>
        Copy(stream, sourceView, targetView);

    protected override void CopyTo(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView) =>
        Copy(stream, sourceView, targetView);

    protected override void DisposeAcceleratorObject(bool disposing)
    {
    }

    private static void Copy(AcceleratorStream stream, in ArrayView<byte> sourceView, in ArrayView<byte> targetView)
    {
        if (stream is CLStream queue)
        {
            CLMemoryBuffer.CLCopy(queue, sourceView, targetView);
        }
        else
        {
            CudaMemoryBuffer.CudaCopy((CudaStream)stream, sourceView, targetView);
        }
    }
}
