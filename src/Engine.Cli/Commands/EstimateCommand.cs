using System.CommandLine;
using System.Globalization;
using Engine.Cli.Console;
using Engine.Cli.Progress;
using Engine.Cli.Tables;
using Engine.Devices;
using Engine.Model;
using Engine.Training.Configuration;
using Engine.Training.Reports;
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
            "Reads a run's data, plans every batch shape, and prints the exact device memory by owner and the number of steps; nothing is "
                + "allocated or written.",
            "engine estimate run.yaml",
            "engine estimate run.yaml --set per_device_train_batch_size=64 --device cuda")
    {
        runFile = new RunFileOptions(this);
    }

    protected override int Run(ParseResult arguments)
    {
        RunConfiguration run = runFile.Load(arguments);
        using Device device = runFile.OpenDevice(arguments, run, Host);
        RunEstimate estimate = RunEstimate.Of(run, device);
        CommonOptions.Announce(device, Host.Console.Profile.Out.Writer);
        CommonOptions.Note(estimate.Notes, Host.Error);
        Host.Console.Write(ReportTables.Memory(estimate.BytesByOwner, estimate.Bytes));
        if (estimate.Classes.Count > 0)
        {
            Host.Console.WriteLine(TrainingView.Classes(estimate.Classes));
        }

        string are = estimate.TrainableParameters == 1 ? "is" : "are";
        string trained = $"{Amounts.Of(estimate.TrainableParameters, "parameter")} {are} trained";
        string parts = run.Tasks is { } tasks
            ? $"one task after another, {tasks.Count} in all"
            : string.Create(CultureInfo.InvariantCulture, $"{estimate.Length.StepsPerEpoch:N0} an epoch");
        Host.Console.WriteLine($"{trained} in {Amounts.Of(estimate.Length.TotalSteps, "step")}, {parts}");
        if (run.Adapter is not null)
        {
            Host.Console.WriteLine($"frozen matrices are stored as {WeightTypes.Name(estimate.WeightType)}");
        }

        bool checkpointing = run.GradientCheckpointing;
        (long kept, long repeated) = (estimate.ArenaBytes, estimate.CheckpointedArenaBytes);
        Host.Console.WriteLine(
            $"gradient_checkpointing is {(checkpointing ? "on" : "off")}: the arena takes "
                + $"{Amounts.Bytes(checkpointing ? repeated : kept)}; "
            + $"{(checkpointing ? "off" : "on")}, it would take {Amounts.Bytes(checkpointing ? kept : repeated)}");
        Host.Console.WriteLine($"{device} has {Amounts.Bytes(device.MemoryBytes)}: the run {(estimate.Fits ? "fits" : "does not fit")}");
        return ExitCode.Success;
    }
}
