using System.Globalization;
using CustomKernel;

// CustomKernel [device]: a kernel of the program's own, compiled with the program, runs on any of Engine's devices.
const int Rows = 100, Size = 8, Centers = 5, GroupSize = 64;
float[] points = [.. Enumerable.Range(0, Rows * Size).Select(i => ((i * 7919) % 1013 % 101) / 100f)];

using Device device = DeviceCatalog.Open(args is [var id, ..] ? id : "cpu");
using DeviceBuffer x = device.Allocate(Rows * Size * sizeof(float), "points"),
    centers = device.Allocate(Centers * Size * sizeof(float), "centers");
using DeviceBuffer nearest = device.Allocate(Rows * sizeof(int), "nearest"), distance = device.Allocate(Rows * sizeof(float), "distance");
x.View<float>().Write(points);
// Every twentieth point is a center.
centers.View<float>().Write([.. Enumerable.Range(0, Centers).SelectMany(center => points.AsSpan(center * 20 * Size, Size).ToArray())]);

// What the generator made of the kernel: its name and Kernel.
using Launch launch = ClusterKernels.NearestKernel.Bind(
    device, LaunchShape.Cover(Rows, GroupSize), x.View<float>(), centers.View<float>(), nearest.View<int>(), distance.View<float>(),
    Rows, Size, Centers);
launch.Enqueue();

int[] clusters = nearest.View<int>().ToArray();
float[] distances = distance.View<float>().ToArray();
Console.WriteLine(device);
for (int center = 0; center < Centers; center++)
{
    float[] own = [.. distances.Where((_, row) => clusters[row] == center)];
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"center {center}: {own.Length} points, {own.Average():F5} away"));
}
