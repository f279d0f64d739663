namespace PackageConsumer;

/// <summary>A kernel of somebody outside the project, on every device of this machine, beside plain C#.</summary>
internal static class KernelConsumer
{
    public static bool Run()
    {
        const int Count = 1000;
        const float Factor = 2.5f;
        float[] x = [.. Enumerable.Range(0, Count).Select(i => i * 0.25f)];
        float[] expected = [.. x.Select(value => Factor * value)];
        foreach (string id in DeviceCatalog.List().SelectMany(listing => listing.Devices).Select(device => device.Id))
        {
            using Device device = DeviceCatalog.Open(id);
            using DeviceBuffer source = device.Allocate(Count * sizeof(float), "x"), target = device.Allocate(Count * sizeof(float), "y");
            source.View<float>().Write(x);
            using Launch launch = ScaleKernels.ScaleKernel.Bind(
                device, LaunchShape.Cover(Count, 64), source.View<float>(), target.View<float>(), Factor, Count);
            launch.Enqueue();
            device.Synchronize();
            if (!target.View<float>().ToArray().SequenceEqual(expected))
            {
                Console.Error.WriteLine($"{device}: the kernel's result is wrong.");
                return false;
            }

            Console.WriteLine($"{device}: right");
        }

        return true;
    }
}
