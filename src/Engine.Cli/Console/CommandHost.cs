using System.Text;
using Spectre.Console;

namespace Engine.Cli.Console;

/// <summary>What a command reads from and writes to: the process's own streams, or a test's.</summary>
public sealed class CommandHost
{
    // Text for a pipe or a file is never folded: whoever reads it there has a window of their own.
    private const int Unfolded = 100_000;

    private CommandHost(Stream input, Stream output, TextWriter outputText, TextWriter error, bool interactive, int width = Unfolded)
    {
        Input = input;
        Output = output;
        Error = error;
        Interactive = interactive;
        Console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(outputText),
            Ansi = interactive ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = interactive ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = interactive ? InteractionSupport.Detect : InteractionSupport.No,
        });
        if (!interactive)
        {
            Console.Profile.Width = width;
            Console.Pipeline.Attach(new TrailingBlanks());
        }
    }

    /// <summary>Standard input.</summary>
    public Stream Input { get; }

    /// <summary>Standard input as lines of text.</summary>
    public TextReader OpenInput() => Interactive && !System.Console.IsInputRedirected
        ? System.Console.In
        : new StreamReader(Input, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false), leaveOpen: true);

    /// <summary>Standard output as bytes, for results that a program reads. <see cref="Console"/> writes to the same place.</summary>
    public Stream Output { get; }

    /// <summary>Standard error: errors, and notes beside results that a program reads.</summary>
    public TextWriter Error { get; }

    /// <summary>Standard output for people.</summary>
    public IAnsiConsole Console { get; }

    /// <summary>
    /// Writes a line that is copied whole, such as a path or a command: a terminal folds it, but no line end comes into it.
    /// </summary>
    public void WriteLine(string line) => Console.Profile.Out.Writer.WriteLine(line);

    /// <summary>Whether standard output is a terminal, where lines may be drawn over.</summary>
    public bool Interactive { get; }

    /// <summary>The host of this process.</summary>
    public static CommandHost OfProcess()
    {
        System.Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        return new CommandHost(
            System.Console.OpenStandardInput(),
            System.Console.OpenStandardOutput(),
            System.Console.Out,
            System.Console.Error,
            interactive: !System.Console.IsOutputRedirected);
    }

    /// <summary>A host that reads and writes the given streams, as a pipe would.</summary>
    /// <param name="width">Columns that tables and paragraphs have.</param>
    public static CommandHost OfStreams(Stream input, Stream output, TextWriter error, int width = Unfolded) => new(
        input,
        output,
        new StreamWriter(output, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true },
        error,
        interactive: false,
        width);
}
