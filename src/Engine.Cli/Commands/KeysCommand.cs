using System.CommandLine;
using Engine.Cli.Console;
using Engine.Cli.Tables;
using Engine.Training.Configuration;

namespace Engine.Cli.Commands;

/// <summary><c>engine keys</c>: what may stand in a run file.</summary>
internal sealed class KeysCommand : EngineCommand
{
    private readonly Argument<string?> pattern = new("PATTERN")
    {
        Description = "A section (adapter, data), a training method (flat-lora), a part of a key's name, or else a word of its "
            + "description; without it all keys.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    public KeysCommand(CommandHost host)
        : base(
            host,
            "keys",
            "Lists the keys of a run file, those of training methods among them: what each takes, what holds without it, what it does.",
            "engine keys",
            "engine keys adapter",
            "engine keys flat-lora",
            "engine keys batch_size")
    {
        Add(pattern);
    }

    protected override int Run(ParseResult arguments)
    {
        new KeysView(Host.Console).Show(
            arguments.GetValue(pattern) is { } wanted ? RunFileReference.Find(wanted) : RunFileReference.Sections);
        return ExitCode.Success;
    }
}
