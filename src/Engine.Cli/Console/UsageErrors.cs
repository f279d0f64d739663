using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Engine.Common.Files;
using Engine.Common;
using Engine.Optim;

namespace Engine.Cli.Console;

/// <summary>What is wrong with a command line itself, as sentences.</summary>
internal static partial class UsageErrors
{
    /// <summary>How options and arguments that take paths name them in the help.</summary>
    private static readonly string[] Paths = ["FOLDER", "FOLDER...", "FILE", "MODEL", "FILE-OR-FOLDER", "RUN.yaml"];

    /// <summary>The sentences; none where all is well. What may only follow from another fault is not said beside it.</summary>
    /// <param name="parsed">The parser's reading.</param>
    /// <param name="arguments">What it read.</param>
    public static IReadOnlyList<string> Of(ParseResult parsed, string[] arguments)
    {
        Command command = parsed.CommandResult.Command;
        string[] unknown = [.. UnknownOptions(parsed, arguments)];
        if (unknown.Length > 0)
        {
            return unknown;
        }

        if (command is RootCommand root && parsed.UnmatchedTokens is [var name, ..])
        {
            return [NearestName.Find(name, root.Subcommands.Select(known => known.Name)) is { } nearest
                ? $"There is no command '{name}'. Did you mean '{nearest}'?"
                : $"There is no command '{name}'. There are {string.Join(", ", root.Subcommands.Select(known => known.Name))}."];
        }

        string[] missing = [.. Missing(parsed), .. parsed.UnmatchedTokens.Select(token => TooMuch(command, token)), .. NoPaths(parsed)];
        return missing.Length > 0 ? missing : [.. parsed.Errors.Select(error => Plain(error.Message)).Distinct()];
    }

    /// <summary>A command as it is typed.</summary>
    public static string Name(Command command) => command is RootCommand ? "engine" : $"engine {command.Name}";

    /// <summary>
    /// Mistyped options, which the parser takes for files. What stands after <c>--</c> may start as it likes, and so may an option's text
    /// of several words.
    /// </summary>
    private static IEnumerable<string> UnknownOptions(ParseResult parsed, string[] arguments)
    {
        IEnumerable<Option> options = parsed.CommandResult.Command.Options.Concat(parsed.RootCommandResult.Command.Options);
        IEnumerable<Token> given = parsed.CommandResult.Children.OfType<OptionResult>().SelectMany(option => option.Tokens);
        string[] known = [.. options.Select(option => option.Name)], values = [.. given.Select(token => token.Value)];
        return from argument in arguments.TakeWhile(argument => argument != "--")
               where argument.StartsWith("--", StringComparison.Ordinal)
               where !argument.Contains(' ', StringComparison.Ordinal) || !values.Contains(argument)
               let name = argument.Split('=', ':')[0]
               where !known.Contains(name)
               select $"There is no option '{name}'{(NearestName.Find(name, known) is { } nearest ? $"; did you mean '{nearest}'?" : ".")}";
    }

    /// <summary>Arguments, options and values of options that must be there and are not.</summary>
    private static IEnumerable<string> Missing(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        foreach (Argument argument in command.Arguments)
        {
            if ((parsed.GetResult(argument)?.Tokens.Count ?? 0) < argument.Arity.MinimumNumberOfValues)
            {
                yield return $"{argument.Name} is missing: {argument.Description}";
            }
        }

        foreach (Option option in command.Options)
        {
            OptionResult? given = parsed.GetResult(option) is { Implicit: false } result ? result : null;
            if (given is null && option.Required)
            {
                yield return $"{option.Name} {option.HelpName} is missing: {option.Description}";
            }
            else if (given is not null && given.Tokens.Count < option.Arity.MinimumNumberOfValues)
            {
                yield return $"{option.Name} has no value behind it; {option.HelpName} was expected: {option.Description}";
            }
        }
    }

    private static string TooMuch(Command command, string token) => command.Arguments.Count == 0
        ? $"'{token}' is too much: {Name(command)} takes no arguments without an option before them."
        : $"'{token}' is one argument too many: {Name(command)} takes "
            + $"{string.Join(" ", command.Arguments.Select(argument => argument.Name))}.";

    /// <summary>Values of options and arguments that take paths, and that are none of this machine's.</summary>
    private static IEnumerable<string> NoPaths(ParseResult parsed)
    {
        IEnumerable<(string Name, PathUse Use,
            IEnumerable<Token> Tokens)> given = parsed.CommandResult.Children.Select(child => child switch
        {
            OptionResult { Option.Name: CommonOptions.OutputName } output => (output.Option.Name, PathUse.Write, output.Tokens),
            OptionResult option when Paths.Contains(option.Option.HelpName) =>
                (option.Option.Name, UseOf(option.Option.HelpName), option.Tokens),
            ArgumentResult argument when Paths.Contains(argument.Argument.Name) =>
                (argument.Argument.Name, UseOf(argument.Argument.Name), argument.Tokens),
            _ => ("", PathUse.Read, Enumerable.Empty<Token>()),
        });
        return from entry in given
               from token in entry.Tokens
               let problem = LocalPath.Problem(token.Value, entry.Use)
               where problem is not null
               select $"{entry.Name} is '{token.Value}', {problem}";
    }

    private static PathUse UseOf(string? helpName) => helpName is "FILE" or "RUN.yaml" ? PathUse.ReadFile : PathUse.Read;

    /// <summary>A parser's message about a number, without the name of a .NET type in it; other messages are this program's own.</summary>
    private static string Plain(string message)
    {
        if (CannotParse().Match(message) is not { Success: true, Groups: var parts })
        {
            return message;
        }

        string from = parts["type"].Value.Contains("UInt", StringComparison.Ordinal) ? " from 0" : "";
        return $"{parts["name"].Value} is '{parts["value"].Value}'; a whole number{from} was expected.";
    }

    [GeneratedRegex(
        "^Cannot parse argument '(?<value>.*)' for (option|command) '(?<name>[^']*)' as expected type '(?<type>[^']*)'",
        RegexOptions.Singleline)]
    private static partial Regex CannotParse();
}
