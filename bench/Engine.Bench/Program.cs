using Engine.Bench;
using Engine.Devices;
using Engine.Devices.Cpu;

// Benchmarks by name, all by default; --device as `engine` takes it, or cpu-managed: the cpu device's compiled kernels, without host vectors.
if (args is ["export-batches", var runFile, var target])
{
    BatchExport.Run(runFile, target);
    return 0;
}

if (args is ["tokenize", var text, .. { Length: > 0 } folders])
{
    TokenizeBench.Run(text, folders);
    return 0;
}

string[] known = ["matmul", "matmul-thin", "attention", "families", "lora-step", "methods", "checkpointing", "vocabulary-loss", "memory"];
int option = Array.IndexOf(args, "--device");
if (option >= 0 && option + 1 == args.Length)
{
    Console.Error.WriteLine("--device needs a device: cpu, cpu-managed, opencl or cuda.");
    return 1;
}

string id = option < 0 ? "cpu" : args[option + 1];
string[] chosen = [.. args.Where((_, i) => option < 0 || (i != option && i != option + 1))];
chosen = chosen.Length == 0 ? known : chosen;
foreach (string name in chosen)
{
    if (!known.Contains(name))
    {
        Console.Error.WriteLine($"There is no benchmark '{name}'; the benchmarks are: {string.Join(", ", known)}.");
        return 1;
    }
}

using Device device = id == "cpu-managed" ? new CpuDevice(new CpuOptions { HostVectors = false }) : DeviceCatalog.Open(id);
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
        case "lora-step":
            TrainingBench.Run(device);
            break;
        case "methods":
            MethodsBench.Run(device);
            break;
        case "checkpointing":
            CheckpointingBench.Run(device);
            break;
        case "vocabulary-loss":
            VocabularyBench.Run(device);
            break;
        case "memory":
            MemoryBench.Run(device);
            break;
        default:
            AttentionBench.Run(device);
            break;
    }
}

return 0;
