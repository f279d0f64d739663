using System.Globalization;
using Engine.Devices;
using Engine.Devices.Ilgpu;
using Engine.Kernels;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;
using Measurements;
using Device = Engine.Devices.Device;

// IlgpuInterop [--device cpu|opencl|cuda]: the program's kernels and Engine's take turns on the same memory. Without an option, on the best
// accelerator that ILGPU finds.
const int Rows = 6, Inputs = 16, Classes = 5;

using Context context = Context.Create(builder => builder.Optimize(OptimizationLevel.O2).CPU().OpenCL().Cuda());
string? kind = args is ["--device", var wanted] ? wanted : args is [] ? null : "?";
ILGPU.Runtime.Device? chosen = kind switch
{
    null => context.GetPreferredDevice(preferCPU: false),
    "cpu" => context.GetCPUDevice(0),
    "opencl" => context.GetCLDevices() is { Count: > 0 } devices ? devices[0] : null,
    "cuda" => context.GetCudaDevices() is { Count: > 0 } devices ? devices[0] : null,
    _ => null,
};
if (chosen is null)
{
    Console.Error.WriteLine(
        kind is "opencl" or "cuda" ? $"ILGPU finds no {kind} device that it takes." : "IlgpuInterop [--device cpu|opencl|cuda]");
    return 2;
}

using Accelerator accelerator = chosen.CreateAccelerator(context);

// The program's: measurements in memory of ILGPU.
using MemoryBuffer1D<float, Stride1D.Dense> measured = accelerator.Allocate1D<float>(Rows * Inputs);
accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, int>(ProgramKernels.Measure)(Rows * Inputs, measured.View, Inputs);

// Engine's: scores = GELU(LayerNorm(x) W^T + bias), from that memory into its own.
using Device device = IlgpuInterop.Open(accelerator);
using DeviceBuffer x = device.Wrap(measured, "measurements");
using DeviceBuffer normalized = device.Allocate(Rows * Inputs * sizeof(float), "normalized"),
    statistics = device.Allocate(2 * Rows * sizeof(float), "statistics");
using DeviceBuffer weights = Filled(Classes * Inputs, i => (((i * 5) % 13) - 6) / 8f), bias = Filled(Classes, i => i / 10f);
using DeviceBuffer ones = Filled(Inputs, _ => 1f), zeros = Filled(Inputs, _ => 0f);
using DeviceBuffer scores = device.Allocate(Rows * Classes * sizeof(float), "scores");
using Launch normalize = LayerNorm.Forward(
    device, Rows, Inputs, 1e-5f, x.View<float>(), ones.View<float>(), zeros.View<float>(), normalized.View<float>(),
    statistics.View<float>(0, Rows), statistics.View<float>(Rows * sizeof(float), Rows));
using Launch score = MatMul.Bind(
    device, new MatMulShape(Rows, Classes, Inputs, MatMulLayout.NT) { Activation = ActivationKind.GeluErf }, normalized.View<float>(),
    weights.View<float>(), scores.View<float>(), bias.View<float>());
normalize.Enqueue();
score.Enqueue();

// The program's again: it reads what Engine wrote. Nobody waited until here.
using MemoryBuffer1D<int, Stride1D.Dense> best = accelerator.Allocate1D<int>(Rows);
accelerator.LoadAutoGroupedStreamKernel<Index1D, ArrayView<float>, int, ArrayView<int>>(ProgramKernels.Best)(
    Rows, scores.View<float>().AsArrayView(), Classes, best.View);
int[] classes = best.GetAsArray1D();

float[] values = scores.View<float>().ToArray();
Console.WriteLine($"{accelerator.Name} as {device}");
for (int row = 0; row < Rows; row++)
{
    IEnumerable<string> own = values[(row * Classes)..((row + 1) * Classes)]
        .Select(value => value.ToString("F5", CultureInfo.InvariantCulture));
    Console.WriteLine($"row {row}: class {classes[row]}, scores {string.Join(' ', own)}");
}

return 0;

DeviceBuffer Filled(int count, Func<int, float> value)
{
    DeviceBuffer buffer = device.Allocate(count * sizeof(float), "weights");
    buffer.View<float>().Write([.. Enumerable.Range(0, count).Select(value)]);
    return buffer;
}
