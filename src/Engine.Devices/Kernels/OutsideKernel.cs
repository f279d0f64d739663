namespace Engine.Devices.Kernels;

internal static class OutsideKernel
{
    public static InvalidOperationException Error(string name) =>
        new($"{name} has a meaning only inside a kernel; launch the kernel through the Bind method of its generated class.");
}
