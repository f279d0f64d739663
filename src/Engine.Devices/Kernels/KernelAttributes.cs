namespace Engine.Devices.Kernels;

/// <summary>Marks a static void method of a static partial class as a kernel: code that runs once for each work-item of a launch.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class KernelAttribute : Attribute;

/// <summary>
/// Marks a partial struct as operands of kernels: its fields are views and numbers, and a kernel takes them as one parameter. The build
/// adds its form <c>Buffers</c>, whose views are
/// <see cref="BufferView{T}"/>: what a launch is bound to.
/// </summary>
[AttributeUsage(AttributeTargets.Struct)]
public sealed class OperandsAttribute : Attribute;

/// <summary>
/// Makes an int, bool or enum parameter a compile-time constant of the compiled variant: loop bounds that unroll, extents of
/// shared and local memory. On a helper's parameter, the helper is printed once for each constant it is called with.
/// </summary>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class SpecializeAttribute : Attribute
{
    /// <summary>
    /// The largest value that an int parameter can have; needed where a loop over local memory runs so often: the build prints so many
    /// passes of it.
    /// </summary>
    public int Most { get; init; }
}
