using System.CommandLine;
using Engine.Devices;
using Engine.Training.Configuration;

namespace Engine.Cli.Console;

/// <summary>The run file and what the command line puts over it.</summary>
internal sealed class RunFileOptions
{
    private readonly Argument<string> file = new("RUN.yaml") { Description = "The run file, a YAML file; 'engine keys' lists its keys." };
    private readonly Option<string[]> settings = new("--set")
    {
        Description = "Replace a setting of the run file, for instance --set learning_rate=1e-4 or --set adapter.r=16. May be given "
            + "several times.",
        HelpName = "KEY=VALUE",
    };

    private readonly Option<string?> dtype = CommonOptions.Dtype("the run file's dtype");
    private readonly Option<string?> device = CommonOptions.Device("the run file's device, else cpu");

    public RunFileOptions(Command command)
    {
        command.Add(file);
        command.Add(settings);
        command.Add(dtype);
        command.Add(device);
    }

    /// <summary>The run file's path, as it was given.</summary>
    public string Path(ParseResult arguments) => arguments.GetRequiredValue(file);

    /// <summary>The run.</summary>
    public RunConfiguration Load(ParseResult arguments) => RunConfiguration.Load(Path(arguments), Settings(arguments));

    /// <summary>Opens the run's device.</summary>
    public Device OpenDevice(ParseResult arguments, RunConfiguration run, CommandHost host) =>
        CommonOptions.Open(
            arguments.GetValue(device) ?? run.Device ?? DeviceCatalog.Default, run.DeviceOptions, host, host.Console.Profile.Out.Writer);

    /// <summary>What to type after the command to have the same run again.</summary>
    public string Repeat(ParseResult arguments)
    {
        IEnumerable<string> words = [Path(arguments), .. Settings(arguments).Select(setting => $"--set {ShellWord.Quoted(setting)}")];
        return string.Join(' ', arguments.GetValue(device) is { } id ? words.Append($"--device {id}") : words);
    }

    /// <summary>What replaces settings of the run file; <c>--dtype</c> is one of them.</summary>
    public IEnumerable<string> Settings(ParseResult arguments)
    {
        string[] given = arguments.GetValue(settings) ?? [];
        return arguments.GetValue(dtype) is { } type ? given.Append($"dtype={type}") : given;
    }
}
