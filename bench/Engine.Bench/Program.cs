using Engine.Bench;
using Engine.Devices.Cpu;

string[] known = ["matmul", "matmul-thin", "attention", "families"];
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
        default:
            AttentionBench.Run(device);
            break;
    }
}

return 0;
