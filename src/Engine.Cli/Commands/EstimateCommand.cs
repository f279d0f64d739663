using System.CommandLine;
using System.Globalization;
using Engine.Cli.Console;
using Engine.Cli.Progress;
using Engine.Devices;
using Engine.Model;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine estimate</c>: what a run will need, before it takes anything.</summary>
internal sealed class EstimateCommand : EngineCommand
{
    private readonly RunFileOptions runFile;

    public EstimateCommand(CommandHost host)
        : base(
            host,
            "estimate",
            "Reads a run's data, plans every batch shape, and prints the exact device memory by owner and the number of steps; nothing is allocated or written.",
            "engine estimate models/demo/run.yaml",
            "engine estimate models/demo/run.yaml --set per_device_train_batch_size=64 --device cuda")
    {
        runFile = new RunFileOptions(this);
    }

    protected override int Run(ParseResult arguments)
    {
        RunConfiguration run = runFile.Load(arguments);
        using Device device = runFile.OpenDevice(arguments, run, Host);
        using PreparedRun prepared = PreparedRun.Create(run, device, loads: false);
        if (!run.FromScratch && !prepared.Data.Folder.HasWeights)
        {
            CommonOptions.Note(
                [$"{prepared.Data.Folder.FolderPath} holds no weights, which 'engine train' will need; the forecast goes by config.json."], Host.Error);
        }

        CommonOptions.Note(prepared.Data.Notes, Host.Error);
        IEnumerable<KeyValuePair<string, long>> byOwner = prepared.Forecast.Concat(device.Memory.ByOwner());
        Host.Console.Write(ReportTables.Memory(byOwner, prepared.ForecastBytes));
        if (prepared.Data.Classes.Count > 0)
        {
            Host.Console.WriteLine(TrainingView.Classes(prepared.Data.Classes));
        }

        Host.Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{Amounts.Of(prepared.Model.Trainables!.Count, "parameter")} {(prepared.Model.Trainables.Count == 1 ? "is" : "are")} trained in {Amounts.Of(prepared.Length.TotalSteps, "step")}, {prepared.Length.StepsPerEpoch:N0} an epoch"));
        if (run.Adapter is not null)
        {
            Host.Console.WriteLine($"frozen matrices are stored as {WeightTypes.Name(prepared.Model.WeightType)}");
        }

        bool checkpointing = run.GradientCheckpointing;
        long kept = prepared.ArenaBytes(gradientCheckpointing: false), repeated = prepared.ArenaBytes(gradientCheckpointing: true);
        Host.Console.WriteLine(
            $"gradient_checkpointing is {(checkpointing ? "on" : "off")}: the arena takes {Amounts.Bytes(checkpointing ? repeated : kept)}; "
            + $"{(checkpointing ? "off" : "on")}, it would take {Amounts.Bytes(checkpointing ? kept : repeated)}");
        bool fits = prepared.ForecastBytes <= device.MemoryBytes;
        Host.Console.WriteLine($"{device} has {Amounts.Bytes(device.MemoryBytes)}: the run {(fits ? "fits" : "does not fit")}");
        return ExitCode.Success;
    }
}
