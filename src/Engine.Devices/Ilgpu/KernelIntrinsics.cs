using System.Reflection;
using Engine.Devices.Kernels;
using ILGPU;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Values;
using ILGPU.Runtime.Cuda;

namespace Engine.Devices.Ilgpu;

/// <summary>What <see cref="KernelMath"/>'s intrinsics are in PTX and in OpenCL C. ILGPU calls the generators by reflection.</summary>
internal static class KernelIntrinsics
{
    public static void Register(Context.Builder builder)
    {
        IntrinsicImplementationManager manager = builder.GetIntrinsicManager();
        Generate(typeof(KernelMath), nameof(KernelMath.FusedMultiplyAdd), nameof(PtxFusedMultiplyAdd), nameof(OpenClFusedMultiplyAdd));
        Generate(typeof(KernelMath), nameof(KernelMath.Opaque), nameof(PtxOpaque), nameof(OpenClOpaque));
        Convert(typeof(Float16Storage), nameof(Float16Storage.Load), nameof(PtxFromFloat16), nameof(StorageBits.FromFloat16));
        Convert(typeof(Float16Storage), nameof(Float16Storage.Store), nameof(PtxToFloat16), nameof(StorageBits.ToFloat16));
        Convert(typeof(BFloat16Storage), nameof(BFloat16Storage.Store), nameof(PtxToBFloat16), nameof(StorageBits.ToBFloat16),
            CudaArchitecture.SM_80);
        MatrixIntrinsics.Register(manager);

        void Generate(Type type, string method, string ptx, string openCl)
        {
            manager.RegisterMethod(type.GetMethod(method)!, new PTXIntrinsic(Generator(ptx), IntrinsicImplementationMode.GenerateCode));
            manager.RegisterMethod(type.GetMethod(method)!, new CLIntrinsic(Generator(openCl), IntrinsicImplementationMode.GenerateCode));
        }

        // From an architecture on by an instruction, before it and in OpenCL C by integer arithmetic.
        void Convert(Type type, string method, string ptx, string integers, CudaArchitecture? from = null)
        {
            MethodInfo conversion = type.GetMethod(method)!, arithmetic = typeof(StorageBits).GetMethod(integers)!;
            manager.RegisterMethod(conversion, new PTXIntrinsic(Generator(ptx), IntrinsicImplementationMode.GenerateCode, from, null));
            manager.RegisterMethod(conversion, new CLIntrinsic(arithmetic, IntrinsicImplementationMode.Redirect));
            if (from is { } first)
            {
                manager.RegisterMethod(conversion, new PTXIntrinsic(arithmetic, IntrinsicImplementationMode.Redirect, null, first));
            }
        }
    }

    private static MethodInfo Generator(string name) =>
        typeof(KernelIntrinsics).GetMethod(name, BindingFlags.NonPublic | BindingFlags.Static)!;

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

    private static void PtxFromFloat16(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        EmitConversion(generator, value, "cvt.f32.f16");

    private static void PtxToFloat16(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        EmitConversion(generator, value, "cvt.rn.f16.f32");

    private static void PtxToBFloat16(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        EmitConversion(generator, value, "cvt.rn.bf16.f32");

    private static void EmitConversion(PTXCodeGenerator generator, Value value, string instruction)
    {
        var argument = generator.LoadHardware(((MethodCall)value)[0]);
        var target = generator.AllocateHardware(value);
        using var command = generator.BeginCommand(instruction);
        command.AppendArgument(target);
        command.AppendArgument(argument);
    }
}
