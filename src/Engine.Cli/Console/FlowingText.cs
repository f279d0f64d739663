using System.Globalization;
using System.Text;

namespace Engine.Cli.Console;

/// <summary>
/// Writes text that arrives in pieces to a terminal, broken between words where a line is full. Control characters, with which text could
/// drive the terminal, are left out.
/// </summary>
/// <param name="width">Columns of the terminal; null: lines are not broken, as for a file.</param>
internal sealed class FlowingText(TextWriter output, int? width)
{
    private readonly StringBuilder word = new();
    private int wordColumns;
    private int spaces;
    private int column;

    /// <summary>Takes the next piece; the last word is held back until it is complete.</summary>
    public void Add(string piece)
    {
        foreach (Rune rune in piece.EnumerateRunes())
        {
            if (width is null)
            {
                output.Write(rune.ToString());
            }
            else if (rune.Value == '\n')
            {
                WriteWord();
                NewLine();
            }
            else if (rune.Value is ' ' or '\t')
            {
                WriteWord();
                spaces++;
            }
            else if (!Rune.IsControl(rune))
            {
                word.Append(rune.ToString());
                wordColumns += Columns(rune);

                // A word longer than a line, and scripts without spaces, are broken where the line ends.
                if (wordColumns >= width - 1 || Columns(rune) == 2)
                {
                    WriteWord();
                }
            }
        }

        output.Flush();
    }

    /// <summary>Writes what was held back and ends the line.</summary>
    public void End()
    {
        WriteWord();
        if (width is null || column > 0)
        {
            NewLine();
        }

        output.Flush();
    }

    private void WriteWord()
    {
        if (word.Length == 0)
        {
            return;
        }

        if (column > 0 && column + spaces + wordColumns >= width)
        {
            NewLine();
        }

        output.Write(new string(' ', spaces));
        output.Write(word.ToString());
        column += spaces + wordColumns;
        word.Clear();
        (spaces, wordColumns) = (0, 0);
    }

    private void NewLine()
    {
        output.Write('\n');
        (column, spaces) = (0, 0);
    }

    /// <summary>
    /// Columns a character takes: two for the scripts and symbols of East Asia and for pictographs, none for marks that join the one
    /// before.
    /// </summary>
    private static int Columns(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format => 0,
        _ => rune.Value is (>= 0x1100 and <= 0x115F) or (>= 0x2E80 and <= 0xA4CF) or (>= 0xAC00 and <= 0xD7A3) or (>= 0xF900 and <= 0xFAFF)
            or (>= 0xFE30 and <= 0xFE6F) or (>= 0xFF00 and <= 0xFF60) or (>= 0xFFE0 and <= 0xFFE6)
            or (>= 0x1F300 and <= 0x1FAFF) or (>= 0x20000 and <= 0x3FFFD)
            ? 2
            : 1,
    };
}
