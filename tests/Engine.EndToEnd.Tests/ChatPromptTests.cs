using Engine.Cli.Console;
using RadLine;
using Spectre.Console;

namespace Engine.EndToEnd.Tests;

/// <summary>The prompt of <c>engine chat</c> on a terminal, its keys typed by a test.</summary>
public sealed class ChatPromptTests
{
    [Fact]
    public void Up_recalls_earlier_lines_and_down_comes_back()
    {
        using EditedPrompt prompt = Typing("first\r", "second\r", "↑↑\r", "↑↑↓!\r");
        Assert.Equal(["first", "second", "first", "first!"], Enumerable.Range(0, 4).Select(_ => prompt.Read().Line));
    }

    [Fact]
    public void Ctrl_C_gives_up_what_was_typed_and_a_new_line_can_follow()
    {
        using EditedPrompt prompt = Typing("half\u0003", "whole\r");
        Assert.Equal((null, true), prompt.Read());
        Assert.Equal(("whole", false), prompt.Read());
    }

    [Fact]
    public void Ctrl_D_ends_the_input_on_an_empty_line_only()
    {
        using EditedPrompt prompt = Typing("a\u0004b\r", "\u0004");
        Assert.Equal(("ab", false), prompt.Read());
        Assert.Equal((null, false), prompt.Read());
    }

    private static EditedPrompt Typing(params string[] keys)
    {
        IAnsiConsole console =
            AnsiConsole.Create(
                new AnsiConsoleSettings
                {
                    Ansi = AnsiSupport.Yes,
                    Interactive = InteractionSupport.Yes,
                    Out = new AnsiConsoleOutput(new StringWriter())
                });
        console.Profile.Width = 80;
        return new EditedPrompt(console, new Keys(string.Concat(keys)));
    }

    private sealed class Keys(string typed) : IInputSource
    {
        private int next;

        public bool ByPassProcessing => true;

        public bool IsKeyAvailable() => next < typed.Length;

        public ConsoleKeyInfo ReadKey() => typed[next++] switch
        {
            '\r' => new ConsoleKeyInfo('\r', ConsoleKey.Enter, shift: false, alt: false, control: false),
            '↑' => new ConsoleKeyInfo('\0', ConsoleKey.UpArrow, shift: false, alt: false, control: false),
            '↓' => new ConsoleKeyInfo('\0', ConsoleKey.DownArrow, shift: false, alt: false, control: false),
            '\u0003' => new ConsoleKeyInfo('\u0003', ConsoleKey.C, shift: false, alt: false, control: true),
            '\u0004' => new ConsoleKeyInfo('\u0004', ConsoleKey.D, shift: false, alt: false, control: true),
            char letter => new ConsoleKeyInfo(letter, ConsoleKey.None, shift: false, alt: false, control: false),
        };
    }
}
