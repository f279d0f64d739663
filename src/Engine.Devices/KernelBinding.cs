using Engine.Devices.Ilgpu;
using Engine.Devices.Kernels;

namespace Engine.Devices;

/// <summary>Holds a call against its kernel's definition and its device, before any driver sees it.</summary>
internal static class KernelBinding
{
    /// <summary>Refuses a call whose types, constants, arguments or shape do not fit.</summary>
    public static void Check(KernelCall call, Device device)
    {
        KernelDefinition kernel = call.Definition;
        string where = $"{kernel.Name} ({kernel.Location})";
        CheckCount(where, "storage types", kernel.TypeParameters.Length, call.Types.Length);
        CheckCount(where, "constants", kernel.Parameters.Count(p => p.Kind == KernelParameterKind.Specialized), call.Constants.Length);
        CheckCount(where, "arguments", kernel.Parameters.Count(p => p.Kind != KernelParameterKind.Specialized), call.Arguments.Length);
        CheckShape(where, call.Shape, device);
        if (kernel.UsesTiles)
        {
            CheckTiles(where, call, device);
        }

        int next = 0;
        foreach (KernelParameter parameter in kernel.Parameters)
        {
            if (parameter.Kind == KernelParameterKind.Specialized)
            {
                continue;
            }

            KernelArgument argument = call.Arguments[next++];
            if (parameter.Kind != argument.Kind)
            {
                throw new ArgumentException($"{where}: parameter {parameter.Name} is a {parameter.Kind} and got a {argument.Kind}.");
            }

            if (argument.Buffer is { } buffer)
            {
                buffer.ThrowIfDisposed();
                if (!ReferenceEquals(buffer.Device, device))
                {
                    throw new ArgumentException(
                        $"{where}: parameter {parameter.Name} is bound to a buffer of {buffer.Device}, and the kernel runs on {device}.");
                }
            }
        }
    }

    /// <summary>The element type of a parameter in this call.</summary>
    public static ElementType TypeOf(KernelCall call, KernelParameter parameter)
    {
        if (parameter.Type is { } type)
        {
            return type;
        }

        int index = parameter.TypeParameter is { } name ? call.Definition.TypeParameters.IndexOf(name) : -1;
        return index >= 0
            ? call.Types[index]
            : throw new ArgumentException(
                $"{call.Definition.Name} ({call.Definition.Location}): parameter {parameter.Name} has neither an element type nor one of "
                    + "the kernel's type parameters.");
    }

    /// <summary>Every view once.</summary>
    public static WorkCost Cost(KernelCall call) => new(
        call.Definition.Parameters.Where(parameter => parameter.Kind != KernelParameterKind.Specialized)
            .Zip(call.Arguments, (parameter, argument) => argument.Kind == KernelParameterKind.View && argument.Length > 0
                ? argument.Length * TypeOf(call, parameter).SizeInBytes()
                : 0).Sum(),
        Operations: 0);

    /// <summary>What a kernel is compiled with, in words; empty where there is no choice.</summary>
    public static string Text(KernelDefinition kernel, KernelVariant variant)
    {
        string types = variant.Types.IsEmpty ? "" : $"<{string.Join(", ", variant.Types)}>";
        IEnumerable<string> constants = kernel.Parameters.Where(parameter => parameter.Kind == KernelParameterKind.Specialized)
            .Zip(variant.Constants, (parameter, value) => $"{parameter.Name} {value}");
        return variant.Constants.IsEmpty ? types : $"{types}({string.Join(", ", constants)})";
    }

    /// <summary>The distinct buffers a call is bound to.</summary>
    public static DeviceBuffer[] Buffers(KernelCall call) =>
        [.. call.Arguments.Select(argument => argument.Buffer).OfType<DeviceBuffer>().Distinct()];

    /// <summary>Refuses to run a launch one of whose buffers is gone; called at every enqueue, allocates nothing.</summary>
    public static void CheckAlive(KernelDefinition kernel, DeviceBuffer[] buffers)
    {
        foreach (DeviceBuffer buffer in buffers)
        {
            if (buffer.IsDisposed)
            {
                throw new ObjectDisposedException(
                    nameof(DeviceBuffer),
                    $"{kernel.Name} ({kernel.Location}) is bound to a buffer of {buffer.Bytes:N0} bytes (owner {buffer.Owner}) "
                        + "that is disposed.");
            }
        }
    }

    private static void CheckCount(string where, string what, int expected, int given)
    {
        if (expected != given)
        {
            throw new ArgumentException($"{where} takes {expected} {what} and got {given}.");
        }
    }

    private static void CheckTiles(string where, KernelCall call, Device device)
    {
        if (device.Kind != DeviceKind.Cpu && !device.Features.Tiles)
        {
            throw new ArgumentException(
                $"{where}: the kernel multiplies tiles, and {device} runs none; choose a kernel without tiles there.");
        }

        if (device.Kind == DeviceKind.OpenCl && call.Shape.GroupSize > OpenClTiles.MostTeams * Tile.TeamItems)
        {
            throw new ArgumentException(
                $"{where}: {call.Shape.GroupSize} work-items multiply tiles; "
                    + $"on OpenCL a group has at most {OpenClTiles.MostTeams * Tile.TeamItems}.");
        }

        foreach (string name in call.Definition.TileTypes)
        {
            ElementType type = call.Types[call.Definition.TypeParameters.IndexOf(name)];
            if (type is not (ElementType.Float16 or ElementType.BFloat16))
            {
                throw new ArgumentException($"{where}: type parameter {name} is {type}, and tiles are made of it; bind Half or BFloat16.");
            }
        }

        if (call.Shape.GroupSize % Tile.TeamItems != 0)
        {
            throw new ArgumentException(
                $"{where}: a group of {call.Shape.GroupSize} work-items cannot hold tiles, where {Tile.TeamItems} items hold one "
                    + "together; give a multiple of them.");
        }
    }

    private static void CheckShape(string where, LaunchShape shape, Device device)
    {
        if (shape.GroupsX < 0 || shape.GroupsY < 0 || shape.GroupsZ < 0 || (long)shape.GroupsX * shape.GroupsY > int.MaxValue
            || (long)shape.GroupsX * shape.GroupsY * shape.GroupsZ > int.MaxValue)
        {
            throw new ArgumentException(
                $"{where}: {shape.GroupsX} x {shape.GroupsY} x {shape.GroupsZ} groups cannot be launched; "
                    + "give counts from 0 whose product is below 2^31.");
        }

        if (shape.GroupSize < 1 || shape.GroupSize > device.Features.MaxGroupSize)
        {
            throw new ArgumentException(
                $"{where}: a group of {shape.GroupSize} work-items cannot be launched on {device}; "
                    + $"its groups have 1 to {device.Features.MaxGroupSize}.");
        }
    }
}
