using System.CommandLine;
using Engine.Cli.Console;
using Engine.Devices;
using Engine.Devices.Ilgpu;
using Engine.Training.Reports;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine devices</c>: what is there, and why the rest is not.</summary>
internal sealed class DevicesCommand(CommandHost host) : EngineCommand(
    host,
    "devices",
    "Lists the devices of this machine with memory and features, and for each kind that is missing the reason.",
    "engine devices")
{
    protected override int Run(ParseResult arguments)
    {
        Grid grid = new Grid().AddColumn(new GridColumn().NoWrap().PadRight(3)).AddColumn();
        foreach (DeviceListing listing in DeviceCatalog.List())
        {
            foreach (DeviceInfo device in listing.Devices)
            {
                grid.AddRow(new Text(device.Id, new Style(decoration: Decoration.Bold)), new Text(device.Name));
                grid.AddRow("", $"{Amounts.Bytes(device.MemoryBytes)} of memory, buffers of up to "
                    + $"{Amounts.Bytes(device.LargestBufferBytes)}");
                grid.AddRow(new Text(""), new Text(Features(device.Features)));
                grid.AddRow(new Text(""), new Text(Kernels(device.Kind)));
                if (device.Kind == DeviceKind.Cuda)
                {
                    grid.AddRow(new Text(""), new Text($"products by {device.Products}"));
                }

                grid.AddRow(new Text(""), new Text(device.Driver, new Style(decoration: Decoration.Dim)));
            }

            if (listing.Problem is { } problem)
            {
                string kind = listing.Kind.ToString().ToLowerInvariant();
                grid.AddRow(new Text(kind, new Style(Color.Yellow)), new Text(listing.Devices.Count == 0 ? $"none: {problem}" : problem));
            }
        }

        Host.Console.Write(grid);
        return ExitCode.Success;
    }

    /// <summary>What compiles the kernels for a kind of device.</summary>
    private static string Kernels(DeviceKind kind) => kind switch
    {
        DeviceKind.Cpu => "kernels by .NET's compiler",
        DeviceKind.OpenCl => $"kernels by ILGPU {IlgpuCompiler.Version} as OpenCL C, which the driver compiles",
        _ => $"kernels by ILGPU {IlgpuCompiler.Version} as PTX, which the driver assembles",
    };

    private static string Features(DeviceFeatures features)
    {
        List<string> parts =
        [
            $"{features.ComputeUnits} compute units",
            $"groups of up to {features.MaxGroupSize}",
            $"{Amounts.Bytes(features.SharedMemoryBytes)} shared memory",
        ];
        if (features.HostVectors)
        {
            parts.Add("vectorised host kernels");
        }

        if (features.MatrixUnits)
        {
            parts.Add("matrix units for bfloat16 and float16");
        }

        return string.Join(", ", parts);
    }
}
