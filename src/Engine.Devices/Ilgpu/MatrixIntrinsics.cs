using System.Reflection;
using Engine.Devices.Kernels;
using ILGPU.Backends;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Types;
using ILGPU.IR.Values;

namespace Engine.Devices.Ilgpu;

/// <summary>
/// What <see cref="MatrixInstructions"/> and <see cref="CopyInstructions"/> are in PTX; in OpenCL C they are those of <see
/// cref="OpenClTiles"/>. ILGPU calls the generators by reflection.
/// </summary>
internal static class MatrixIntrinsics
{
    public static void Register(IntrinsicImplementationManager manager)
    {
        Register(
            typeof(MatrixInstructions), nameof(MatrixInstructions.IsShared), nameof(MatrixInstructions.Load),
            nameof(MatrixInstructions.LoadTransposed), nameof(MatrixInstructions.MultiplyAddBFloat16),
            nameof(MatrixInstructions.MultiplyAddFloat16));
        Register(typeof(CopyInstructions), nameof(CopyInstructions.Start), nameof(CopyInstructions.Commit), nameof(CopyInstructions.Wait));

        void Register(Type instructions, params string[] names)
        {
            foreach (string name in names)
            {
                MethodInfo instruction = instructions.GetMethod(name)!;
                MethodInfo ptx = Generator(typeof(MatrixIntrinsics)), openCl = Generator(typeof(OpenClTiles));
                manager.RegisterMethod(instruction, new PTXIntrinsic(ptx, IntrinsicImplementationMode.GenerateCode));
                manager.RegisterMethod(instruction, new CLIntrinsic(openCl, IntrinsicImplementationMode.GenerateCode));

                MethodInfo Generator(Type generators) => generators.GetMethod(name, BindingFlags.NonPublic | BindingFlags.Static)!;
            }
        }
    }

    /// <summary>
    /// A constant, of which ptxas keeps one branch. The address itself would not tell: that of shared memory is counted from the
    /// group's first byte, not as <c>isspacep</c> wants it.
    /// </summary>
    private static void IsShared(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var target = generator.AllocateHardware(value);
        using var command = generator.BeginCommand("mov.pred");
        command.AppendArgument(target);
        command.AppendConstant(Space(value) switch
        {
            MemoryAddressSpace.Shared => -1,
            MemoryAddressSpace.Global => 0,
            _ =>
                throw new NotSupportedException(
                    "a tile is loaded from a view that may lie in global or in shared memory; load it in two places."),
        });
    }

    private static void Load(PTXBackend backend, PTXCodeGenerator generator, Value value) => EmitLoad(generator, value, "");

    private static void LoadTransposed(PTXBackend backend, PTXCodeGenerator generator, Value value) => EmitLoad(generator, value, ".trans");

    private static void EmitLoad(PTXCodeGenerator generator, Value value, string transposed)
    {
        var address = generator.LoadHardware(((MethodCall)value)[0]);
        var target = (PTXRegisterAllocator.CompoundRegister)generator.Allocate(value);
        string space = Space(value) == MemoryAddressSpace.Shared ? ".shared" : ""; // Behind a constant of IsShared nothing else is reached.
        using var command = generator.BeginCommand($"ldmatrix.sync.aligned.m8n8.x4{transposed}{space}.b16");
        command.AppendVectorArgument(target.SliceAs<PTXRegisterAllocator.PrimitiveRegister>(0, 4));
        command.AppendArgumentValue(address);
    }

    private static void Start(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        var call = (MethodCall)value;
        if (Space(value) != MemoryAddressSpace.Shared || Space(value, 1) != MemoryAddressSpace.Global)
        {
            throw new NotSupportedException(
                "a copy of tiles goes from global to shared memory; give it views of these, and no view that may lie in either.");
        }

        var target = generator.LoadHardware(call[0]);
        var source = generator.LoadHardware(call[1]);
        var bytes = generator.LoadPrimitive(call[2]);
        using var command = generator.BeginCommand("cp.async.cg.shared.global");
        command.AppendArgumentValue(target);
        command.AppendArgumentValue(source);
        command.AppendConstant(PendingCopies.Bytes);
        command.AppendArgument(bytes);
    }

    private static void Commit(PTXBackend backend, PTXCodeGenerator generator, Value value) => generator.Command("cp.async.commit_group");

    private static void Wait(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        using var command = generator.BeginCommand("cp.async.wait_group");
        command.AppendConstant(((MethodCall)value)[0].ResolveAs<PrimitiveValue>() is { } batches
            ? batches.Int32Value
            : throw new NotSupportedException("how many batches of copies may be under way is a constant; give a number."));
    }

    /// <summary>The memory that an address points into that a call passes.</summary>
    private static MemoryAddressSpace Space(Value value, int argument = 0) =>
        ((AddressSpaceType)((MethodCall)value)[argument].Type).AddressSpace;

    private static void MultiplyAddBFloat16(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        EmitMultiplyAdd(generator, value, "bf16");

    private static void MultiplyAddFloat16(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        EmitMultiplyAdd(generator, value, "f16");

    private static void EmitMultiplyAdd(PTXCodeGenerator generator, Value value, string type)
    {
        var call = (MethodCall)value;
        var a = Registers(generator, call[0]);
        var b = Registers(generator, call[1]);
        var sums = Registers(generator, call[2]);
        var target = (PTXRegisterAllocator.CompoundRegister)generator.Allocate(value);
        for (int half = 0; half < 2; half++)
        {
            using var command = generator.BeginCommand($"mma.sync.aligned.m16n8k16.row.col.f32.{type}.{type}.f32");
            command.AppendVectorArgument(target.SliceAs<PTXRegisterAllocator.PrimitiveRegister>(4 * half, 4));
            command.AppendVectorArgument(a);
            command.AppendVectorArgument(b[(2 * half)..(2 * half + 2)]);
            command.AppendVectorArgument(sums[(4 * half)..(4 * half + 4)]);
        }
    }

    /// <summary>The registers of a structure, none of them a constant.</summary>
    private static PTXRegisterAllocator.PrimitiveRegister[] Registers(PTXCodeGenerator generator, Value value) =>
        [.. ((PTXRegisterAllocator.CompoundRegister)generator.Load(value)).Children.Select(
            child => generator.EnsureHardwareRegister((PTXRegisterAllocator.PrimitiveRegister)child))];
}
