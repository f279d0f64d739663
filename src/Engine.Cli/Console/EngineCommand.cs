using System.CommandLine;

namespace Engine.Cli.Console;

/// <summary>One command of <c>engine</c>: its options, its help and what it does.</summary>
internal abstract class EngineCommand : Command
{
    /// <param name="name">What is typed.</param>
    /// <param name="description">What it does, in a sentence or two.</param>
    /// <param name="examples">Whole command lines that work.</param>
    protected EngineCommand(CommandHost host, string name, string description, params IReadOnlyList<string> examples)
        : base(name, description)
    {
        Host = host;
        Examples = examples;
        SetAction(Run);
    }

    /// <summary>Command lines for the help.</summary>
    public IReadOnlyList<string> Examples { get; }

    /// <summary>A small file of the kind that the command reads, for the help: heading and lines; null for none.</summary>
    public virtual (string Heading, IReadOnlyList<string> Lines)? SampleFile => null;

    protected CommandHost Host { get; }

    /// <summary>Does the command's work.</summary>
    /// <returns>The exit code.</returns>
    protected abstract int Run(ParseResult arguments);
}
