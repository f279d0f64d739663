using System;
using System.Collections.Generic;
using System.Linq;

namespace Engine.Compiler.Managed;

/// <summary>
/// The work-group function in the making: code that runs once for the group, and phases that run for each item in turn. What
/// a variable's text is shows only when all phases are known, so lines are kept as functions and printed at the end.
/// </summary>
internal sealed class PhaseList(ManagedText text)
{
    private readonly List<Part> parts = new();
    private Phase? open;
    private int phases;

    /// <summary>Whether an item may have left the open phase by a return statement.</summary>
    public bool OpenPhaseReturns => open is { Returns: true };

    /// <summary>The phase that the next item's line belongs to.</summary>
    public Phase Open()
    {
        if (open is null)
        {
            open = new Phase(phases++);
            parts.Add(open);
        }

        return open;
    }

    /// <summary>Ends the open phase: what follows starts when every item has come here.</summary>
    public void Cut() => open = null;

    /// <summary>A line for the group, after everything before it.</summary>
    public void Group(Func<string> line)
    {
        Cut();
        parts.Add(new GroupLine(line));
    }

    /// <summary>A line for the group that reads nothing an item writes: it runs before the open phase, which is not cut.</summary>
    public void Uniform(Func<string> line) => parts.Insert(open is null ? parts.Count : parts.Count - 1, new GroupLine(line));

    public void Print(IndentedText target)
    {
        foreach (Part part in parts)
        {
            part.Print(target, text);
        }
    }

    internal abstract class Part
    {
        public abstract void Print(IndentedText target, ManagedText text);
    }

    /// <summary>Statements that run for each item of the group.</summary>
    internal sealed class Phase(int id) : Part
    {
        public int Id { get; } = id;

        public List<Func<string>> Lines { get; } = new();

        /// <summary>Local memory and recomputed variables that the phase's items use, in the order of their declarations.</summary>
        public List<Variable> Prelude { get; } = new();

        /// <summary>Set where the phase computes a branch's condition, which all items must agree on: the group's variable.</summary>
        public string? Condition { get; set; }

        /// <summary>C# file and line of the condition.</summary>
        public string Location { get; set; } = string.Empty;

        public bool Returns { get; set; }

        public override void Print(IndentedText target, ManagedText text)
        {
            text.EndLabel = $"__end{Id}";
            text.EndLabelUsed = false;
            if (Condition is not null)
            {
                target.Line($"{Condition} = false;");
            }

            target.Open("for (int __i = 0; __i < __size; __i++)");
            foreach (Variable variable in Prelude)
            {
                target.Line(variable.Declaration!());
            }

            foreach (Func<string> line in Lines)
            {
                target.Line(line());
            }

            if (Condition is not null)
            {
                target.Line($"if (__i == 0) {Condition} = __condition;");
                target.Line(
                    $"else if (__condition != {Condition}) global::Engine.Devices.Kernels.KernelRuntime.Diverged({Location}, __i);");
            }

            if (text.EndLabelUsed)
            {
                target.Line($"{text.EndLabel}: ;");
            }

            target.Close();
        }
    }

    /// <summary>The element type of a variable of type <c>ArrayView</c>.</summary>
    internal static string ElementOf(Variable view) =>
        view.Type.Substring(view.Type.IndexOf('<') + 1, view.Type.LastIndexOf('>') - view.Type.IndexOf('<') - 1);

    private sealed class GroupLine(Func<string> line) : Part
    {
        public override void Print(IndentedText target, ManagedText text) => target.Line(line());
    }
}
