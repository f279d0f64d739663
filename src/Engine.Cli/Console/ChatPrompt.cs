using RadLine;
using Spectre.Console;

namespace Engine.Cli.Console;

/// <summary>Where a conversation's lines come from.</summary>
internal abstract class ChatPrompt : IDisposable
{
    /// <summary>The prompt of a terminal with a line editor, or of standard input as it is.</summary>
    public static ChatPrompt Of(CommandHost host) =>
        host.Interactive && !System.Console.IsInputRedirected && LineEditor.IsSupported(host.Console)
        ? new EditedPrompt(host.Console, new TerminalKeys())
        : new PlainPrompt(host.Console, host.OpenInput());

    /// <summary>Shows the prompt and waits for a line.</summary>
    /// <returns>The line, null where there are no more; and whether Ctrl-C came instead of one.</returns>
    public abstract (string? Line, bool Interrupted) Read();

    public virtual void Dispose()
    {
    }

    /// <summary>Lines as they come, for pipes and terminals that cannot move their cursor. Ctrl-C is a signal here.</summary>
    private sealed class PlainPrompt(IAnsiConsole console, TextReader input) : ChatPrompt
    {
        public override (string? Line, bool Interrupted) Read()
        {
            console.Markup("[bold]> [/]");
            return (input.ReadLine(), false);
        }

        public override void Dispose() => input.Dispose();
    }

    /// <summary>The keys of the terminal, Ctrl-C among them.</summary>
    private sealed class TerminalKeys : IInputSource
    {
        public bool ByPassProcessing => true;

        public bool IsKeyAvailable() => System.Console.KeyAvailable;

        public ConsoleKeyInfo ReadKey() => System.Console.ReadKey(intercept: true);
    }
}

/// <summary>
/// Lines that are edited with the cursor keys and recalled with up and down. Ctrl-C gives up what was typed, Ctrl-D on an empty line ends
/// the input.
/// </summary>
internal sealed class EditedPrompt : ChatPrompt
{
    private readonly LineEditor editor;
    private bool interrupted;

    /// <param name="keys">What is typed.</param>
    public EditedPrompt(IAnsiConsole console, IInputSource keys)
    {
        editor = new LineEditor(console, keys) { Prompt = new LineEditorPrompt("[bold]>[/]") };
        editor.KeyBindings.Add<PreviousHistoryCommand>(ConsoleKey.UpArrow);
        editor.KeyBindings.Add<NextHistoryCommand>(ConsoleKey.DownArrow);
        editor.KeyBindings.Add(ConsoleKey.C, ConsoleModifiers.Control, () => new Leave(_ => interrupted = true));
        editor.KeyBindings.Add(ConsoleKey.D, ConsoleModifiers.Control, () => new Leave(buffer => buffer.Length == 0));
    }

    public override (string? Line, bool Interrupted) Read()
    {
        interrupted = false;
        bool signals = !System.Console.IsInputRedirected;
        try
        {
            // While a line is edited Ctrl-C is a key; while an answer comes it is the signal that stops it.
            if (signals)
            {
                System.Console.TreatControlCAsInput = true;
            }

            string? line = editor.ReadLine(CancellationToken.None).GetAwaiter().GetResult();
            return (line, interrupted);
        }
        finally
        {
            if (signals)
            {
                System.Console.TreatControlCAsInput = false;
            }
        }
    }

    /// <summary>Ends the line without sending it.</summary>
    /// <param name="agree">Whether it does; given what was typed.</param>
    private sealed class Leave(Func<LineBuffer, bool> agree) : LineEditorCommand
    {
        public override void Execute(LineEditorContext context)
        {
            if (agree(context.Buffer))
            {
                context.Submit(SubmitAction.Cancel);
            }
        }
    }
}
