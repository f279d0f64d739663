using System.CommandLine;
using Engine.Cli.Console;
using Engine.Cli.Progress;
using Engine.Cli.Tables;
using Engine.Common;
using Engine.Devices;
using Engine.Common.Files;
using Engine.Optim;
using Engine.Optim.Sharpness;
using Engine.Training.Configuration;
using Engine.Training.Data;
using Engine.Training.Running;
using Engine.Training.Sharpness;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine sharpness</c>: how flat the loss is around trained adapters.</summary>
internal sealed class SharpnessCommand : EngineCommand
{
    private static readonly SharpnessOptions Defaults = new();
    private static readonly SharpnessSetup DefaultSetup = new();

    private readonly Option<string?> model = new("--model")
    {
        Description = "Hugging Face folder of the base model; without it the run's, else the one the adapter names.",
        HelpName = "FOLDER",
    };

    private readonly Option<string[]> adapters = new("--adapter")
    {
        Description = "PEFT adapter folders, or folders of runs that wrote one; several are compared on the same directions.",
        HelpName = "FOLDER...",
        Required = true,
        Arity = ArgumentArity.OneOrMore,
        AllowMultipleArgumentsPerToken = true,
    };

    private readonly LabelledDataOptions data;
    private readonly Option<int> rows = Number("--rows", DefaultSetup.Rows, "Evaluation rows: the first of the file.");
    private readonly Option<int> batch = Number("--batch-size", DefaultSetup.BatchSize, "Texts of a forward pass.");
    private readonly Option<string> instruments = new("--instruments")
    {
        Description = $"What to measure, with commas between: {string.Join(", ", SharpnessNames.Instruments)}.",
        HelpName = "LIST",
        DefaultValueFactory = _ => string.Join(',', SharpnessNames.Instruments),
    };

    private readonly Option<string> spaces = new("--spaces")
    {
        Description = "Whose function the loss is: adapter (A and B), weights (the whole merged weights of the adapted layers), or both.",
        HelpName = "LIST",
        DefaultValueFactory = _ => string.Join(',', SharpnessNames.Spaces),
    };

    private readonly Option<double> sigma =
        CommonOptions.Number(Number("--sigma", Defaults.Sigma, "expected, noise: size of the noise, relative to the weights' rows."));
    private readonly Option<double> rho = CommonOptions.Number(Number("--rho", Defaults.Rho, "worst-case: radius."));
    private readonly Option<int> ascentSteps = Number("--ascent-steps", Defaults.AscentSteps, "worst-case: steps of the ascent.");
    private readonly Option<int> samples = Number("--samples", Defaults.Samples, "expected, trace, noise: random samples.");
    private readonly Option<int> iterations = Number("--iterations", Defaults.Iterations, "eigenvalue: iterations at most.");
    private readonly Option<int> lanczosSteps =
        Number("--lanczos-steps", Defaults.LanczosSteps, "spectrum: steps; each keeps a vector in memory.");

    private readonly Option<int> points = Number("--points", Defaults.Points, "line: points.");
    private readonly Option<int> grid = Number("--grid", Defaults.Grid, "plane: points along each axis.");
    private readonly Option<double> range = CommonOptions.Number(
        Number("--range", Defaults.Range, "line, plane: how far they reach on either side, in lengths of the weights."));
    private readonly Option<ulong> seed = Number("--seed", Defaults.Seed, "Seed of every random direction.");
    private readonly Option<string> output =
        CommonOptions.Output("Folder of sharpness.json and sharpness.html.", "FOLDER", absent: "sharpness");

    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly DeviceChoice device;

    public SharpnessCommand(CommandHost host)
        : base(
            host,
            "sharpness",
            "Measures how flat the loss is around trained adapters, and writes the figures and a page of plots that compares them. Ctrl-C "
                + "keeps what was measured.",
            "engine sharpness --adapter runs/lora runs/flat-lora",
            "engine sharpness --model roberta-base --adapter my-adapter --data dev.tsv --text sentence --label label "
                + "--instruments expected,worst-case,eigenvalue",
            "engine sharpness --adapter runs/chat --rows 64 --spaces adapter --device cuda --output runs/chat/sharpness")
    {
        Add(model);
        Add(adapters);
        data = new LabelledDataOptions(this);
        foreach (Option option in (ReadOnlySpan<Option>)
        [
            rows, batch, instruments, spaces, sigma, rho, ascentSteps, samples, iterations, lanczosSteps, points, grid, range, seed, output,
            dtype,
        ])
        {
            Add(option);
        }

        device = new DeviceChoice(this);
    }

    protected override int Run(ParseResult arguments)
    {
        SharpnessOptions options = ReadOptions(arguments);
        var comparison = new SharpnessComparison(arguments.GetRequiredValue(adapters), ReadSetup(arguments), options);
        CommonOptions.Note(comparison.Notes, Host.Error);
        using Device target = device.Open(arguments, Host);
        CommonOptions.Announce(target, Host.Console.Profile.Out.Writer);
        var view = new SharpnessView(Host);
        SharpnessOutcome outcome;
        using (Interrupt interrupt = new(() => view.Notice("Stopping; what was measured is kept. Ctrl-C again aborts.")))
        {
            outcome = comparison.Measure(target, arguments.GetRequiredValue(output), view, interrupt.Token);
            view.End();
        }

        foreach (SharpnessSpace space in options.Spaces)
        {
            Host.Console.Write(SharpnessTables.Of(space, outcome.Results.Adapters));
        }

        Host.WriteLine($"written: {outcome.JsonPath} and {outcome.PagePath}");
        return outcome.Interrupted ? ExitCode.Interrupted : ExitCode.Success;
    }

    private SharpnessSetup ReadSetup(ParseResult arguments) => new()
    {
        Model = arguments.GetValue(model),
        Data = data.Read(arguments),
        Rows = arguments.GetValue(rows),
        BatchSize = arguments.GetValue(batch),
        MaxLength = data.MaxLength(arguments),
        Dtype = CommonOptions.WeightTypeOf(arguments.GetValue(dtype)),
    };

    private SharpnessOptions ReadOptions(ParseResult arguments) => new()
    {
        Instruments = [.. Names(arguments.GetRequiredValue(instruments)).Select(SharpnessNames.Instrument).Distinct().Order()],
        Spaces = [.. Names(arguments.GetRequiredValue(spaces)).Select(SharpnessNames.Space).Distinct().Order()],
        Sigma = arguments.GetValue(sigma),
        Rho = arguments.GetValue(rho),
        AscentSteps = arguments.GetValue(ascentSteps),
        Samples = arguments.GetValue(samples),
        Iterations = arguments.GetValue(iterations),
        LanczosSteps = arguments.GetValue(lanczosSteps),
        Points = arguments.GetValue(points),
        Grid = arguments.GetValue(grid),
        Range = arguments.GetValue(range),
        Seed = arguments.GetValue(seed),
    };

    private static string[] Names(string list) => list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static Option<T> Number<T>(string name, T absent, string description) =>
        new(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => absent };
}
