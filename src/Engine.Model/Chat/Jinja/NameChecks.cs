namespace Engine.Model.Chat.Jinja;

/// <summary>
/// Filters and tests that a template names and nobody has. Jinja refuses the template, but where the name stands directly in an <c>if</c>
/// it fails only when it is reached, so that a template may ask <c>'x' is filter</c> first.
/// </summary>
internal sealed class NameChecks
{
    private readonly List<(string Message, int Line)> hard = [], open = [];

    public void Filter(string name, int line)
    {
        if (!Filters.Table.ContainsKey(name))
        {
            open.Add(($"No filter named '{name}'.", line));
        }
    }

    public void Test(string name, int line)
    {
        if (!Tests.Table.ContainsKey(name))
        {
            open.Add(($"No test named '{name}'.", line));
        }
    }

    public int Mark() => open.Count;

    /// <summary>What was named since the mark may wait until it is reached.</summary>
    public void Soften(int mark) => open.RemoveRange(mark, open.Count - mark);

    /// <summary>What was named since the mark may not wait, whatever stands around it.</summary>
    public void Harden(int mark)
    {
        hard.AddRange(open[mark..]);
        Soften(mark);
    }

    /// <exception cref="JinjaException">A name is unknown.</exception>
    public void Finish()
    {
        Harden(0);
        if (hard.Count > 0)
        {
            throw new JinjaException(JinjaErrorKind.Syntax, hard[0].Message, hard[0].Line);
        }
    }
}
