using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Engine.Devices.Kernels;
using ILGPU;

namespace Engine.Devices.Ilgpu;

/// <summary>
/// The entry point of one variant of a kernel: a method made at run time that takes what a launch passes and calls the kernel's printed method with the variant's constants and storage
/// types. So a <c>[Specialize]</c> parameter may take any value, and nothing is printed for each.
/// </summary>
internal static class KernelEntry
{
    /// <summary>Makes the method that ILGPU compiles: views, and scalars without bool and enum, in the order of the kernel's parameters.</summary>
    public static MethodInfo Create(KernelDefinition kernel, KernelVariant variant)
    {
        MethodInfo run = kernel.DeviceCode.GetMethod("Run", BindingFlags.Static | BindingFlags.NonPublic)!;
        if (run.IsGenericMethodDefinition)
        {
            run = run.MakeGenericMethod([.. variant.Types.SelectMany(type => new[] { DeviceType(type), Witness(type) })]);
        }

        var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("KernelEntries"), AssemblyBuilderAccess.Run);
        ConstructorInfo access = typeof(IgnoresAccessChecksToAttribute).GetConstructor([typeof(string)])!;
        assembly.SetCustomAttribute(new CustomAttributeBuilder(access, [run.Module.Assembly.GetName().Name!]));
        TypeBuilder type = assembly.DefineDynamicModule("Entries").DefineType("Entry", TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed);
        ParameterInfo[] parameters = run.GetParameters();
        Type[] passed = [.. kernel.Parameters.Select((parameter, i) => (parameter, i)).Where(p => p.parameter.Kind != KernelParameterKind.Specialized)
            .Select(p => PassedType(parameters[p.i].ParameterType))];
        MethodBuilder method = type.DefineMethod("Entry", MethodAttributes.Public | MethodAttributes.Static, typeof(void), passed);
        Emit(method.GetILGenerator(), kernel, parameters, variant.Constants, run);
        return type.CreateType().GetMethod("Entry")!;
    }

    private static void Emit(ILGenerator code, KernelDefinition kernel, ParameterInfo[] parameters, IReadOnlyList<long> constants, MethodInfo run)
    {
        int argument = 0;
        int constant = 0;
        for (int i = 0; i < parameters.Length; i++)
        {
            if (kernel.Parameters[i].Kind == KernelParameterKind.Specialized)
            {
                code.Emit(OpCodes.Ldc_I4, (int)constants[constant++]);
                continue;
            }

            code.Emit(OpCodes.Ldarg, argument++);
            if (parameters[i].ParameterType == typeof(bool))
            {
                code.Emit(OpCodes.Ldc_I4_0);
                code.Emit(OpCodes.Cgt_Un);
            }
        }

        code.Emit(OpCodes.Call, run);
        code.Emit(OpCodes.Ret);
    }

    /// <summary>What ILGPU passes for a parameter: bool as a byte, an enum as its integer.</summary>
    private static Type PassedType(Type type) => type == typeof(bool) ? typeof(byte) : type.IsEnum ? type.GetEnumUnderlyingType() : type;

    private static Type DeviceType(ElementType type) => type switch
    {
        ElementType.Float32 => typeof(float),
        ElementType.Float16 or ElementType.BFloat16 => typeof(ushort),
        ElementType.Int8 => typeof(sbyte),
        ElementType.UInt8 => typeof(byte),
        _ => throw NotStored(type),
    };

    private static Type Witness(ElementType type) => type switch
    {
        ElementType.Float32 => typeof(Float32Storage),
        ElementType.Float16 => typeof(Float16Storage),
        ElementType.BFloat16 => typeof(BFloat16Storage),
        ElementType.Int8 => typeof(Int8Storage),
        ElementType.UInt8 => typeof(UInt8Storage),
        _ => throw NotStored(type),
    };

    private static NotSupportedException NotStored(ElementType type) =>
        new($"{type} is not a float storage type; bind buffers of float, Half, BFloat16, sbyte or byte.");
}
