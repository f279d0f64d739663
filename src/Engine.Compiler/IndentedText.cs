using System;
using System.Text;

namespace Engine.Compiler;

/// <summary>Lines of generated text, four spaces a level.</summary>
internal sealed class IndentedText
{
    private readonly StringBuilder text = new();
    private int level;

    public void Line(string line = "")
    {
        if (line.Length > 0)
        {
            text.Append(' ', 4 * level).Append(line);
        }

        text.Append('\n');
    }

    public void Open(string? header = null)
    {
        if (header is not null)
        {
            Line(header);
        }

        Line("{");
        level++;
    }

    public void Close(string suffix = "")
    {
        level--;
        Line("}" + suffix);
    }

    /// <summary>Lines written by <paramref name="body"/>, one level deeper.</summary>
    public void Indented(Action body)
    {
        level++;
        body();
        level--;
    }

    /// <summary>Appends finished lines as they are.</summary>
    public void Append(IndentedText lines) => text.Append(lines.text);

    public override string ToString() => text.ToString();
}
