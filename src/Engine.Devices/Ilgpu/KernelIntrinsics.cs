using System.Reflection;
using Engine.Devices.Kernels;
using ILGPU;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Values;

namespace Engine.Devices.Ilgpu;

/// <summary>What <see cref="KernelMath"/>'s intrinsics are in PTX and in OpenCL C. ILGPU calls the generators by reflection.</summary>
internal static class KernelIntrinsics
{
    public static void Register(Context.Builder builder)
    {
        IntrinsicImplementationManager manager = builder.GetIntrinsicManager();
        MethodInfo fused = typeof(KernelMath).GetMethod(nameof(KernelMath.FusedMultiplyAdd))!;
        manager.RegisterMethod(fused, new PTXIntrinsic(Generator(nameof(PtxFusedMultiplyAdd)), IntrinsicImplementationMode.GenerateCode));
        manager.RegisterMethod(fused, new CLIntrinsic(Generator(nameof(OpenClFusedMultiplyAdd)), IntrinsicImplementationMode.GenerateCode));
        MethodInfo opaque = typeof(KernelMath).GetMethod(nameof(KernelMath.Opaque))!;
        manager.RegisterMethod(opaque, new PTXIntrinsic(Generator(nameof(PtxOpaque)), IntrinsicImplementationMode.GenerateCode));
        manager.RegisterMethod(opaque, new CLIntrinsic(Generator(nameof(OpenClOpaque)), IntrinsicImplementationMode.GenerateCode));
        MatrixIntrinsics.Register(manager);
    }

    private static MethodInfo Generator(string name) => typeof(KernelIntrinsics).GetMethod(name, BindingFlags.NonPublic | BindingFlags.Static)!;

    private static void PtxFusedMultiplyAdd(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        var a = generator.LoadPrimitive(call[0]);
        var b = generator.LoadPrimitive(call[1]);
        var c = generator.LoadPrimitive(call[2]);
        var target = generator.AllocateHardware(value);
        using var command = generator.BeginCommand("fma.rn.f32");
        command.AppendArgument(target);
        command.AppendArgument(a);
        command.AppendArgument(b);
        command.AppendArgument(c);
    }

    private static void OpenClFusedMultiplyAdd(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        var a = generator.Load(call[0]);
        var b = generator.Load(call[1]);
        var c = generator.Load(call[2]);
        using var statement = generator.BeginStatement(generator.Allocate(value));
        statement.AppendCommand("fma");
        statement.BeginArguments();
        statement.AppendArgument(a);
        statement.AppendArgument(b);
        statement.AppendArgument(c);
        statement.EndArguments();
    }

    private static void PtxOpaque(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var argument = generator.LoadPrimitive(((MethodCall)value)[0]);
        var target = generator.AllocateHardware(value);
        using var command = generator.BeginCommand("mov.b32");
        command.AppendArgument(target);
        command.AppendArgument(argument);
    }

    private static void OpenClOpaque(CLBackend backend, CLCodeGenerator generator, Value value)
    {
        var argument = generator.Load(((MethodCall)value)[0]);
        using var statement = generator.BeginStatement(generator.Allocate(value));
        statement.AppendArgument(argument);
    }
}
