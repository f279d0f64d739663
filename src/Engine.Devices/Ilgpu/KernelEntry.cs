using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using Engine.Devices.Kernels;
using ILGPU;

namespace Engine.Devices.Ilgpu;

/// <summary>
/// The entry point of one variant of a kernel: a method made at run time that takes what a launch passes and calls the kernel's printed
/// method with the variant's constants and storage types. So a <c>[Specialize]</c> parameter may take any value, and nothing is printed for
/// each.
/// </summary>
internal static class KernelEntry
{
    /// <summary>
    /// Makes the method that ILGPU compiles: views, and scalars without bool and enum, in the order of the kernel's parameters.
    /// </summary>
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
        TypeBuilder type = assembly.DefineDynamicModule("Entries")
            .DefineType("Entry", TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed);
        ParameterInfo[] parameters = run.GetParameters();
        Type[] passed = [.. parameters.SelectMany(Values).Zip(kernel.Parameters)
            .Where(p => p.Second.Kind != KernelParameterKind.Specialized).Select(p => PassedType(p.First))];
        MethodBuilder method = type.DefineMethod("Entry", MethodAttributes.Public | MethodAttributes.Static, typeof(void), passed);
        Emit(method.GetILGenerator(), kernel, parameters, variant.Constants, run);
        return type.CreateType().GetMethod("Entry")!;
    }

    private static void Emit(
        ILGenerator code, KernelDefinition kernel, ParameterInfo[] parameters, IReadOnlyList<long> constants, MethodInfo run)
    {
        int value = 0;
        int argument = 0;
        int constant = 0;
        foreach (Type type in parameters.Select(parameter => parameter.ParameterType))
        {
            if (!IsOperands(type))
            {
                Load(type);
                continue;
            }

            LocalBuilder operands = code.DeclareLocal(type);
            code.Emit(OpCodes.Ldloca, operands);
            code.Emit(OpCodes.Initobj, type);
            foreach (FieldInfo field in Fields(type))
            {
                code.Emit(OpCodes.Ldloca, operands);
                Load(field.FieldType);
                code.Emit(OpCodes.Stfld, field);
            }

            code.Emit(OpCodes.Ldloc, operands);
        }

        code.Emit(OpCodes.Call, run);
        code.Emit(OpCodes.Ret);

        // The next value that the kernel takes: a constant of the variant, or what a launch passes.
        void Load(Type type)
        {
            if (kernel.Parameters[value++].Kind == KernelParameterKind.Specialized)
            {
                code.Emit(OpCodes.Ldc_I4, (int)constants[constant++]);
                return;
            }

            code.Emit(OpCodes.Ldarg, argument++);
            if (type == typeof(bool))
            {
                code.Emit(OpCodes.Ldc_I4_0);
                code.Emit(OpCodes.Cgt_Un);
            }
        }
    }

    /// <summary>The types of what a parameter consists of: itself, or the fields of operands.</summary>
    private static IEnumerable<Type> Values(ParameterInfo parameter) =>
        IsOperands(parameter.ParameterType) ? Fields(parameter.ParameterType).Select(field => field.FieldType) : [parameter.ParameterType];

    private static bool IsOperands(Type type) => type.IsDefined(typeof(OperandsAttribute), inherit: false);

    /// <summary>The fields in the order of their declaration, which is the definition's.</summary>
    private static FieldInfo[] Fields(Type operands) =>
        [.. operands.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).OrderBy(field => field.MetadataToken)];

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
