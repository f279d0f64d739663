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

    private readonly Tokenizer _tokenizer;
    private readonly bool _skipSpecialTokens;
    private readonly List<int> _window = [];
    private string _given = "";

    /// <summary>How many tokens of the window had been given out before those that were given out last: a place between two characters.</summary>
    private int _boundary;

    /// <summary>How many tokens of the window have been given out.</summary>
    private int _done;

    internal StreamingDecoder(Tokenizer tokenizer, bool skipSpecialTokens)
    {
        _tokenizer = tokenizer;
        _skipSpecialTokens = skipSpecialTokens;
    }

    /// <summary>Takes the next token and gives the text that is now certain, which may be empty.</summary>
    public string Add(int id)
    {
        _window.Add(id);
        string text = Decode(_window);
        return text.EndsWith('\uFFFD') && _window.Count - _done < LongestWait ? "" : Give(text);
    }

    /// <summary>Gives what was held back because it was incomplete.</summary>
    public string Flush() => Give(Decode(_window));

    private string Give(string text)
    {
        string added = text.Length > _given.Length ? text[_given.Length..] : "";
        (_given, _boundary, _done) = (text, _done, _window.Count);
        if (_boundary >= Context)
        {
            Forget();
        }

        return added;
    }

    /// <summary>Drops what stands before the boundary, if what remains has text: decoders treat the first text of a sequence apart.</summary>
    private void Forget()
    {
        string remaining = Decode(_window.Skip(_boundary));
        if (remaining.Length > 0)
        {
            _window.RemoveRange(0, _boundary);
            (_given, _boundary, _done) = (remaining, 0, _window.Count);
        }
    }

    private string Decode(IEnumerable<int> ids) => _tokenizer.Decode(ids, _skipSpecialTokens);
}
