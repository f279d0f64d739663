using System.Globalization;
using Engine.Bench;
using Engine.Bench.Study;
using Engine.Devices;
using Engine.Devices.Cpu;

// Benchmarks by name, by default all but qwen-step and decode, which take gigabytes; --device as `engine` takes it, or cpu-managed: the cpu
// device's compiled kernels, without host vectors; --dtype float32, bfloat16 or float16: how weights are stored, for matmul, decode and
// qwen-step, and the type of products on matrix units, for these and attention; --products own or vendor: what computes them on cuda, where
// `engine` would choose. For methods: --methods NAME,NAME (all without it), --rounds N turns of each side (6). --operators, for methods and
// decode-step: the time of each operator too.
// step-model --without-times: on a driver that runs nothing; --steps TEXT: the steps with that in their name (qwen).
// start [ENGINE.DLL] [--device DEVICE], kernel-code [FOLDER] and plans RUN.yaml ... stand alone.
if (args is ["export-batches", var runFile, var target])
{
    BatchExport.Run(runFile, target);
    return 0;
}

if (args is ["degrade", var whole, var degraded, .. var settings])
{
    DegradedData.Run(whole, degraded, settings);
    return 0;
}

if (args is ["replication", var comparisons])
{
    ReplicationReport.Merge(comparisons);
    return 0;
}

if (args is ["replication-tables", var merged])
{
    ReplicationReport.Tables(merged);
    return 0;
}

if (args is ["study", .. var asked])
{
    return StudyCommand.Run(asked);
}

if (args is ["study-tables", var studied])
{
    StudyTables.Write(StudyLine.Read(studied), Console.Out);
    return 0;
}

if (args is ["kernel-code", .. { Length: <= 1 } cubins])
{
    KernelCodeBench.Run(cubins.FirstOrDefault());
    return 0;
}

if (args is ["tokenize", var text, .. { Length: > 0 } folders])
{
    TokenizeBench.Run(text, folders);
    return 0;
}

string[] usual =
[
    "matmul", "matmul-thin", "attention", "attention-bounds", "families", "lora-step", "methods", "checkpointing", "lora-dropout",
    "vocabulary-loss", "memory",
];
if (args is ["plans", .. { Length: > 0 } runFiles])
{
    using Device planned = DeviceCatalog.Open("cpu");
    Array.ForEach(runFiles, file => PlanBench.Run(planned, file));
    return 0;
}

string[] known = [.. usual, "decode", "decode-step", "qwen-step", "step-model"];
List<string> names = [.. args];
string? id = Option("--device"), dtype = Option("--dtype"), library = Option("--products"), methodList = Option("--methods"),
    roundCount = Option("--rounds"), steps = Option("--steps");
bool operators = names.Remove("--operators"), uncounted = names.Remove("--without-times");
if (names is ["start", .. { Count: <= 1 } engines] && id != "")
{
    StartBench.Run(engines.FirstOrDefault(), id ?? "cpu");
    return 0;
}

string[] methods = methodList?.Split(',') ?? [.. MethodsBench.Names];
int rounds = roundCount is null ? 6 : int.TryParse(roundCount, NumberStyles.None, CultureInfo.InvariantCulture, out int given) ? given : 0;
ElementType? type = dtype switch
{
    null or "float32" => ElementType.Float32,
    "bfloat16" => ElementType.BFloat16,
    "float16" => ElementType.Float16,
    _ => null,
};
string? problem = id == "" ? "--device needs a device: cpu, cpu-managed, opencl or cuda."
    : type is null ? "--dtype is float32, bfloat16 or float16."
    : library is not (null or "own" or "vendor") ? "--products is own or vendor."
    : rounds < 1 ? "--rounds is a number of at least 1."
    : methods.FirstOrDefault(method => !MethodsBench.Names.Contains(method)) is { } stranger
        ? $"There is no method '{stranger}'; the methods are: {string.Join(", ", MethodsBench.Names)}."
        : names.Find(name => !known.Contains(name)) is { } unknown
            ? $"There is no benchmark '{unknown}'; the benchmarks are: {string.Join(", ", known)}."
            : null;
if (problem is not null)
{
    Console.Error.WriteLine(problem);
    return 1;
}

using Device device = id == "cpu-managed"
    ? new CpuDevice(new CpuOptions { HostVectors = false })
    : DeviceCatalog.Open(
        id ?? "cpu",
        new DeviceOptions { Products = library is null ? null : library == "own" ? ProductLibrary.Own : ProductLibrary.Vendor });
names = names.Count == 0 ? [.. usual] : names;
foreach (string name in names)
{
    switch (name)
    {
        case "matmul" when type == ElementType.Float32:
            MatMulBench.Large(device);
            break;
        case "matmul":
            MatMulBench.Stored(device, type!.Value);
            break;
        case "matmul-thin":
            MatMulBench.Thin(device);
            break;
        case "decode":
            DecodeBench.Run(device, type!.Value);
            break;
        case "decode-step":
            DecodeStepBench.Run(device, type!.Value, operators);
            break;
        case "qwen-step":
            QwenStepBench.Run(device, type!.Value);
            break;
        case "step-model":
            StepModelBench.Run(device, measured: !uncounted, steps);
            break;
        case "attention-bounds":
            AttentionBoundBench.Run(device);
            break;
        case "families":
            FamilyBench.Run(device);
            break;
        case "lora-step":
            TrainingBench.Run(device);
            break;
        case "methods":
            MethodsBench.Run(device, methods, rounds, operators);
            break;
        case "checkpointing":
            CheckpointingBench.Run(device);
            break;
        case "lora-dropout":
            DropoutBench.Run(device);
            break;
        case "vocabulary-loss":
            VocabularyBench.Run(device);
            break;
        case "memory":
            MemoryBench.Run(device);
            break;
        default:
            AttentionBench.Run(device, type!.Value);
            break;
    }
}

return 0;

// The option's value, taken out of the names; null where it is absent, empty where it has no value.
string? Option(string option)
{
    int at = names.IndexOf(option);
    if (at < 0)
    {
        return null;
    }

    string value = at + 1 < names.Count ? names[at + 1] : "";
    names.RemoveRange(at, Math.Min(2, names.Count - at));
    return value;
}
