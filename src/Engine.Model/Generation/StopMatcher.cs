using System.Text;
using Engine.Common;
using Engine.Devices.Sharing;

namespace Engine.Model.Generation;

/// <summary>
/// Watches a text that arrives in pieces for strings that end it. Text that may be the beginning of one is held back until it is known not
/// to be. One text's, and for one thread at a time: a call that comes while another thread's runs is refused.
/// </summary>
internal sealed class StopMatcher(IReadOnlyList<string> stops)
{
    private readonly StringBuilder held = new();
    private readonly SoleUse use = new("A stop matcher");

    /// <summary>Whether a stop string has come.</summary>
    public bool Stopped { get; private set; }

    /// <summary>Takes the next piece and gives the text that no stop string can begin in; after a stop string, nothing.</summary>
    public string Add(string piece)
    {
        using Lock.Scope call = use.Enter();
        if (Stopped || stops.Count == 0)
        {
            return Stopped ? "" : piece;
        }

        string text = held.Append(piece).ToString();
        held.Clear();
        int first = text.Length;
        foreach (string stop in stops)
        {
            int at = text.IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0 && at < first)
            {
                first = at;
                Stopped = true;
            }
        }

        if (!Stopped)
        {
            first = text.Length - Beginning(text);
            held.Append(text, first, text.Length - first);
        }

        return text[..first];
    }

    /// <summary>What was held back, when no more text comes.</summary>
    public string Flush()
    {
        using Lock.Scope call = use.Enter();
        string text = held.ToString();
        held.Clear();
        return text;
    }

    /// <summary>Characters at the end that are the beginning of a stop string, as many as there are.</summary>
    private int Beginning(string text)
    {
        int longest = 0;
        foreach (string stop in stops)
        {
            for (int length = Math.Min(stop.Length - 1, text.Length); length > longest; length--)
            {
                if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
                {
                    longest = length;
                }
            }
        }

        return longest;
    }
}
