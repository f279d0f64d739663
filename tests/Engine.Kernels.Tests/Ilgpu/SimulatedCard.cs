using System.Reflection;
using Engine.Devices;
using Engine.Devices.Ilgpu;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using Device = Engine.Devices.Device;

namespace Engine.Kernels.Tests;

/// <summary>
/// A card with matrix units as ILGPU's CPU accelerator plays it: it runs what cards are compiled from, the C# that the generator prints, in
/// warps of 32, each work-item on a thread of its own. Instructions that only cards have are computed as their documentation says. For tiny
/// sizes: every barrier and shuffle makes all threads of a group or warp meet.
/// </summary>
internal sealed class SimulatedCard : Device
{
    private const int WarpSize = 32;

    /// <summary>Warps of the largest group.</summary>
    private const int Warps = 8;

    private readonly Context context = Context.Create(builder => builder.Optimize(OptimizationLevel.O2).DefaultCPU());
    private readonly CPUAccelerator accelerator;

    public SimulatedCard()
        : base(new DeviceInfo
        {
            Kind = DeviceKind.Cuda,
            Id = "simulated",
            Name = "ILGPU's CPU accelerator",
            Driver = IlgpuCompiler.Version,
            MemoryBytes = 1 << 30,
            LargestBufferBytes = 1 << 30,
            Features = new DeviceFeatures
            {
                Tiles = true,
                MatrixUnits = true,
                MaxGroupSize = Warps * WarpSize,
                SharedMemoryBytes = 48 * 1024
            },
        }) => accelerator = new CPUDevice(WarpSize, Warps, 1).CreateCPUAccelerator(context, CPUAcceleratorMode.Parallel);

    /// <summary>Every call that has run, in order.</summary>
    public List<KernelCall> Ran { get; } = [];

    private protected override DeviceBuffer AllocateCore(long bytes, string owner) => new HostBuffer(this, bytes, owner);

    private protected override Launch BindCore(KernelCall call) => new SimulatedLaunch(this, call);

    private protected override void SynchronizeCore() => accelerator.Synchronize();

    private protected override void Release()
    {
        accelerator.Dispose();
        context.Dispose();
    }

    private sealed unsafe class HostBuffer(SimulatedCard device, long bytes, string owner) : DeviceBuffer(device, bytes, owner)
    {
        public MemoryBuffer1D<byte, Stride1D.Dense> Memory { get; } = device.accelerator.Allocate1D<byte>(Math.Max(bytes, 1));

        private Span<byte> Window(long offset, long count) => new((byte*)Memory.NativePtr + offset, checked((int)count));

        private protected override void FillBytes(byte value, long byteOffset, long count) => Window(byteOffset, count).Fill(value);

        private protected override void CopyBytes(DeviceBuffer source, long sourceOffset, long targetOffset, long count) =>
            ((HostBuffer)source).Window(sourceOffset, count).CopyTo(Window(targetOffset, count));

        private protected override void WriteBytes(ReadOnlySpan<byte> source, long byteOffset) =>
            source.CopyTo(Window(byteOffset, source.Length));

        private protected override void ReadBytes(Span<byte> target, long byteOffset) => Window(byteOffset, target.Length).CopyTo(target);

        private protected override void Release() => Memory.Dispose();
    }

    private sealed class SimulatedLaunch : Launch
    {
        private readonly SimulatedCard device;
        private readonly KernelCall call;
        private readonly Kernel kernel;
        private readonly object[] arguments;

        public SimulatedLaunch(SimulatedCard device, KernelCall call)
            : base(device)
        {
            this.device = device;
            this.call = call;
            MethodInfo entry = KernelEntry.Create(call.Definition, call.Variant);
            kernel = device.accelerator.LoadKernel(entry);
            arguments = [.. entry.GetParameters().Zip(call.Arguments, (parameter, argument) => argument.Kind == KernelParameterKind.View
                ? View(parameter.ParameterType, argument)
                : Scalar(parameter.ParameterType, argument.Bits))];
        }

        public override string Name => call.Definition.Name;

        protected override void Release() => kernel.Dispose();

        private protected override void EnqueueCore()
        {
            LaunchShape shape = call.Shape;
            if ((long)shape.GroupsX * shape.GroupsY * shape.GroupsZ > 0)
            {
                var groups = new KernelConfig(new Index3D(shape.GroupsX, shape.GroupsY, shape.GroupsZ), new Index3D(shape.GroupSize, 1, 1));
                kernel.Launcher!.Invoke(null, [kernel, device.accelerator.DefaultStream, groups, .. arguments]);
                device.accelerator.Synchronize();
                device.Ran.Add(call);
            }
        }

        private static object View(Type type, KernelArgument argument) => argument.Buffer is not HostBuffer buffer
            ? Activator.CreateInstance(type)!
            : typeof(SimulatedLaunch).GetMethod(nameof(ViewOf), BindingFlags.NonPublic | BindingFlags.Static)!.MakeGenericMethod(
                type.GetGenericArguments())
                .Invoke(null, [buffer, argument.ByteOffset, argument.Length])!;

        private static ArrayView<T> ViewOf<T>(HostBuffer buffer, long byteOffset, long length)
            where T : unmanaged => ((ArrayView<byte>)buffer.Memory.View).SubView(byteOffset, length * Interop.SizeOf<T>()).Cast<T>();

        private static object Scalar(Type type, ulong bits) => Type.GetTypeCode(type) switch
        {
            TypeCode.Single => (object)BitConverter.UInt32BitsToSingle((uint)bits),
            TypeCode.Int32 => (int)bits,
            TypeCode.UInt32 => (uint)bits,
            TypeCode.Int64 => (long)bits,
            TypeCode.UInt64 => bits,
            TypeCode.Byte => (byte)bits,
            _ =>
                throw new NotSupportedException(
                    $"A kernel's scalar of type {type} is not passed to ILGPU's CPU accelerator yet; add it here."),
        };
    }
}
