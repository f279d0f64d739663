namespace Engine.Model.Tokenizers;

/// <summary>
/// Decodes tokens one by one into text that can be shown at once. What is given out joins to what <see cref="Tokenizer.Decode"/> makes of all
/// tokens, as long as their bytes are valid UTF-8; what was given out is never taken back, so broken bytes may show as fewer U+FFFD than there.
/// </summary>
public sealed class StreamingDecoder
{
    /// <summary>Tokens from here on are decoded again with each new one, for decoders that look at what stands before.</summary>
    private const int Context = 8;

    /// <summary>No character has more bytes; what is still incomplete after so many tokens never will be complete.</summary>
    private const int LongestWait = 8;

    private readonly Tokenizer tokenizer;
    private readonly bool skipSpecialTokens;
    private readonly List<int> window = [];
    private string given = "";

    /// <summary>How many tokens of the window had been given out before those that were given out last: a place between two characters.</summary>
    private int boundary;

    /// <summary>How many tokens of the window have been given out.</summary>
    private int done;

    internal StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        this.tokenizer = tokenizer;
        this.skipSpecialTokens = skipSpecialTokens;
    }

    /// <summary>Takes the next token and gives the text that is now certain, which may be empty.</summary>
    public string Add(int id)
    {
        window.Add(id);
        string text = Decode(window);
        return text.EndsWith('\uFFFD') && window.Count - done < LongestWait ? "" : Give(text);
    }

    /// <summary>Gives what was held back because it was incomplete.</summary>
    public string Flush() => Give(Decode(window));

    private string Give(string text)
    {
        string added = text.Length > given.Length ? text[given.Length..] : "";
        (given, boundary, done) = (text, done, window.Count);
        if (boundary >= Context)
        {
            Forget();
        }

        return added;
    }

    /// <summary>Drops what stands before the boundary, if what remains has text: decoders treat the first text of a sequence apart.</summary>
    private void Forget()
    {
        string remaining = Decode(window.Skip(boundary));
        if (remaining.Length > 0)
        {
            window.RemoveRange(0, boundary);
            (given, boundary, done) = (remaining, 0, window.Count);
        }
    }

    private string Decode(IEnumerable<int> ids) => tokenizer.Decode(ids, skipSpecialTokens);
}
