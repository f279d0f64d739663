using Engine.Bench;
using Engine.Devices;
using Engine.Devices.Cpu;

string[] known = ["matmul", "matmul-thin", "attention", "families", "families-managed", "families-opencl"];
string[] chosen = args.Length == 0 ? known : args;
foreach (string name in chosen)
{
    if (!known.Contains(name))
    {
        Console.Error.WriteLine($"There is no benchmark '{name}'; the benchmarks are: {string.Join(", ", known)}.");
        return 1;
    }
}

using var device = new CpuDevice();
foreach (string name in chosen)
{
    switch (name)
    {
        case "matmul":
            MatMulBench.Large(device);
            break;
        case "matmul-thin":
            MatMulBench.Thin(device);
            break;
        case "families":
            FamilyBench.Run(device);
            break;
        case "families-managed":
            using (var managed = new CpuDevice(new CpuOptions { HostVectors = false }))
            {
                FamilyBench.Run(managed);
            }

            break;
        case "families-opencl":
            using (Device openCl = DeviceCatalog.Open("opencl"))
            {
                FamilyBench.Run(openCl);
            }

            break;
        default:
            AttentionBench.Run(device);
            break;
    }
}

return 0;
