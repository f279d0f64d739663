using Engine.Common;

namespace Engine.Tokenizers;

/// <summary>
/// Decodes tokens one by one into text that can be shown at once: everything but the last character where its bytes are not all there yet.
/// What is given out joins to what <see cref="Tokenizer.Decode"/> makes of all tokens. One case is apart: a run of byte tokens
/// (<c>&lt;0xE4&gt;</c>) that turns out broken after whole characters of it were given out. They are never taken back, although decoding at
/// once makes the whole run U+FFFD. One text's, and for one thread at a time: a call that comes while another thread's runs is refused.
/// </summary>
public sealed class StreamingDecoder
{
    private const char Replacement = '\uFFFD';

    /// <summary>A character of UTF-8 that lacks bytes has at most three, each of which decodes to U+FFFD.</summary>
    private const int MostIncomplete = 3;

    /// <summary>Tokens from here on are decoded again with each new one, for decoders that look at what stands before.</summary>
    private const int Context = 8;

    /// <summary>Tokens that are kept waiting for a place between two characters; broken bytes may never bring one.</summary>
    private const int LongestWindow = 64;

    private readonly SoleUse use = new("A streaming decoder");
    private readonly Tokenizer tokenizer;
    private readonly bool skipSpecialTokens;
    private readonly List<int> window = [];

    /// <summary>Characters of the window's text that have been given out.</summary>
    private int given;

    /// <summary>
    /// The last two places in the window, in tokens, at which all text had been given out: each lies between two characters.
    /// </summary>
    private (int Earlier, int Last) boundaries;

    internal StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        this.tokenizer = tokenizer;
        this.skipSpecialTokens = skipSpecialTokens;
    }

    /// <summary>Takes the next token and gives the text that is now certain, which may be empty.</summary>
    public string Add(int id)
    {
        using Lock.Scope call = use.Enter();
        window.Add(id);
        string text = Decode(0);
        int certain = text.AsSpan().TrimEnd(Replacement).Length;
        string added = Give(text, certain);
        if (certain == text.Length)
        {
            boundaries = (boundaries.Last, window.Count);
            if (boundaries.Earlier >= Context)
            {
                Forget(boundaries.Earlier, text);
            }
        }
        else if (window.Count >= LongestWindow)
        {
            // Nothing but broken bytes for long: they stay broken, but for those that may start a character. Of what is kept the end
            // decodes alike wherever it starts.
            added += Give(text, text.Length - MostIncomplete);
            Forget(window.Count - Context, text);
        }

        return added;
    }

    /// <summary>Gives what was held back because it was incomplete.</summary>
    public string Flush()
    {
        using Lock.Scope call = use.Enter();
        string text = Decode(0);
        string added = Give(text, text.Length);
        boundaries = (boundaries.Last, window.Count);
        return added;
    }

    private string Give(string text, int count)
    {
        string added = count > given ? text[given..count] : "";
        given = Math.Max(given, count);
        return added;
    }

    /// <summary>Drops the first tokens, if what remains has text: decoders treat the first text of a sequence apart.</summary>
    private void Forget(int count, string text)
    {
        string remaining = Decode(count);
        if (remaining.Length > 0)
        {
            int held = text.Length - given;
            window.RemoveRange(0, count);
            given = Math.Max(0, remaining.Length - held);
            boundaries = (Math.Max(0, boundaries.Earlier - count), Math.Max(0, boundaries.Last - count));
        }
    }

    private string Decode(int first) => tokenizer.Decode(window.Skip(first), skipSpecialTokens);
}
