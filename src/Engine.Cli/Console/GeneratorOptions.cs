using System.CommandLine;
using Engine.Common;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Generation;
using Engine.Optim;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Cli.Console;

/// <summary>The model of generate and chat with its adapters.</summary>
internal sealed class GeneratorOptions
{
    private readonly ModelArgument model;
    private readonly Option<string[]> adapters = new("--adapter")
    {
        Description = $"{GivenAdapter.Description} Several may be loaded, each under its folder's name or as NAME=FOLDER; the first is in "
            + "use.",
        HelpName = "FOLDER",
    };

    private readonly Option<bool> allowMissing = CommonOptions.AllowMissing();
    private readonly Option<int?> context = new("--context")
    {
        Description = "The most tokens of a prompt with its answer; without it the model's positions.",
        HelpName = "N",
    };

    private readonly Option<string?> dtype = CommonOptions.Dtype("the run's dtype, else auto");
    private readonly DeviceChoice device;

    public GeneratorOptions(Command command)
    {
        model = new ModelArgument(command);
        command.Add(adapters);
        command.Add(allowMissing);
        command.Add(context);
        command.Add(dtype);
        device = new DeviceChoice(command);
    }

    /// <summary>The model; adapters of the command line take the place of a run's own.</summary>
    public TrainedModel Resolve(ParseResult arguments)
    {
        string? first = Adapters(arguments).Select(adapter => adapter.Folder).FirstOrDefault();
        TrainedModel trained = TrainedModel.Resolve(model.Path(arguments), first);
        return trained.Run is { } run && !run.Task.IsLanguageModel()
            ? throw new ConfigurationException($"{model.Path(arguments)} is the run of a classifier or regressor, which goes on with no "
                + "texts; 'engine predict' labels them.")
            : trained;
    }

    /// <summary>Opens the device.</summary>
    public Device Device(ParseResult arguments, CommandHost host) => device.Open(arguments, host);

    /// <summary>Loads the model and the adapters.</summary>
    public Generator Open(ParseResult arguments, TrainedModel trained, Device target, CommandHost host)
    {
        Generator generator = trained.OpenGenerator(
            target, out IReadOnlyList<string> notes, Adapters(arguments), arguments.GetValue(context),
            CommonOptions.WeightTypeOf(arguments.GetValue(dtype)), arguments.GetValue(allowMissing));
        CommonOptions.Announce(target, host.Error);
        CommonOptions.Note(notes, host.Error);
        return generator;
    }

    private NamedAdapter[] Adapters(ParseResult arguments) => [.. (arguments.GetValue(adapters) ?? []).Select(NamedFolder)];

    private static NamedAdapter NamedFolder(string text)
    {
        int equals = text.IndexOf('=');
        return equals < 0 || Directory.Exists(text)
            ? new NamedAdapter(GivenAdapter.FolderName(text), GivenAdapter.Find(text).Folder)
            : new NamedAdapter(text[..equals], GivenAdapter.Find(text[(equals + 1)..]).Folder);
    }
}
