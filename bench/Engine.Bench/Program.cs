using Engine.Bench;
using Engine.Devices;
using Engine.Devices.Cpu;

string[] known = ["matmul", "matmul-thin", "attention", "families"];
int option = Array.IndexOf(args, "--device");
if (option >= 0 && option + 1 == args.Length)
{
    Console.Error.WriteLine("--device needs a device, such as cpu or opencl.");
    return 1;
}

string id = option < 0 ? "cpu" : args[option + 1];
string[] chosen = [.. args.Where((_, i) => option < 0 || (i != option && i != option + 1))];
chosen = chosen.Length > 0 ? chosen : known;
foreach (string name in chosen)
{
    if (!known.Contains(name))
    {
        Console.Error.WriteLine($"There is no benchmark '{name}'; the benchmarks are: {string.Join(", ", known)}.");
        return 1;
    }
}

using Device device = DeviceCatalog.Open(id);
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
        default:
            AttentionBench.Run(device);
            break;
    }
}

return 0;
