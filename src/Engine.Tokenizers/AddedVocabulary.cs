namespace Engine.Tokenizers;

/// <summary>The added tokens of a tokenizer: where they are found, and how they decode.</summary>
internal sealed class AddedVocabulary
{
    private readonly Dictionary<int, AddedToken> byId = [];
    private readonly Dictionary<string, AddedToken> byContent = new(StringComparer.Ordinal);
    private readonly Dictionary<int, string> decoded = [];

    /// <param name="tokens">The added tokens.</param>
    /// <param name="vocabulary">The model's tokens; an added token that is one of them must have the same id.</param>
    /// <param name="normalizer">What <see cref="AddedToken.Normalized"/> tokens go through.</param>
    /// <param name="source">The file, for error messages.</param>
    public AddedVocabulary(IReadOnlyList<AddedToken> tokens, Vocabulary vocabulary, INormalizer? normalizer, string source)
    {
        List<(string Pattern, AddedToken Token)> raw = [], normalized = [];
        // Special tokens come first where two have one text.
        foreach (AddedToken token in tokens.OrderByDescending(token => token.Special))
        {
            Register(token, vocabulary, source);
            string pattern = token.Normalized && normalizer is not null ? normalizer.Normalized(token.Content) : token.Content;
            if (pattern.Length == 0)
            {
                throw new InvalidDataException(
                    $"{source}: the normalizer leaves nothing of the added token \"{token.Content}\"; give it \"normalized\": false.");
            }

            (token.Normalized ? normalized : raw).Add((pattern, token));
            decoded[token.Id] = pattern;
        }

        All = new AddedTokenMatchers(Matcher(raw), Matcher(normalized));
        WithoutSpecial = new AddedTokenMatchers(
            Matcher([.. raw.Where(entry => !entry.Token.Special)]), Matcher([.. normalized.Where(entry => !entry.Token.Special)]));
    }

    /// <summary>Finds every token.</summary>
    public AddedTokenMatchers All { get; }

    /// <summary>Finds the tokens that are not special.</summary>
    public AddedTokenMatchers WithoutSpecial { get; }

    public IEnumerable<AddedToken> Tokens => byId.Values.OrderBy(token => token.Id);

    public int HighestId => byId.Count == 0 ? -1 : byId.Keys.Max();

    public bool TryGet(string content, out int id)
    {
        bool found = byContent.TryGetValue(content, out AddedToken? token);
        id = found ? token!.Id : -1;
        return found;
    }

    public AddedToken? TokenOf(int id) => byId.GetValueOrDefault(id);

    /// <summary>
    /// What the decoder sees of an added token, or null where the id is none: its text in normalized form, so that the decoder can undo the
    /// normalization. Skipping goes by that form too (tokenizers 0.23): a special token that normalization changes is never skipped.
    /// </summary>
    public string? DecodedForm(int id, out bool skippable)
    {
        skippable = false;
        if (!decoded.TryGetValue(id, out string? form))
        {
            return null;
        }

        skippable = byContent.TryGetValue(form, out AddedToken? token) && token.Special;
        return form;
    }

    private static AddedTokenMatcher? Matcher(List<(string Pattern, AddedToken Token)> patterns) =>
        patterns.Count > 0 ? new AddedTokenMatcher(patterns) : null;

    private void Register(AddedToken token, Vocabulary vocabulary, string source)
    {
        if (token.Content.Length == 0)
        {
            throw new InvalidDataException($"{source}: the added token of id {token.Id} has no text.");
        }

        if (token.Id is < 0 or > Vocabulary.MaxId)
        {
            throw new InvalidDataException(
                $"{source}: added token \"{token.Content}\" has id {token.Id}; expected an id from 0 to {Vocabulary.MaxId}.");
        }

        if (vocabulary.TryGetId(token.Content, out int id) && id != token.Id)
        {
            throw new InvalidDataException(
                $"{source}: added token \"{token.Content}\" has id {token.Id}, but the vocabulary has it as {id}; the two must agree.");
        }

        if (vocabulary.TokenOf(token.Id) is string other && other != token.Content)
        {
            throw new InvalidDataException(
                $"{source}: added token \"{token.Content}\" has id {token.Id}, which is \"{other}\" in the vocabulary; "
                    + "give it an id of its own.");
        }

        if (!byId.TryAdd(token.Id, token) || !byContent.TryAdd(token.Content, token))
        {
            throw new InvalidDataException(
                $"{source}: added token \"{token.Content}\" (id {token.Id}) repeats the text or the id of another added token; "
                    + "remove one.");
        }
    }
}

/// <summary>What finds added tokens in text as given, and what finds them in normalized text; null where there are none.</summary>
internal readonly record struct AddedTokenMatchers(AddedTokenMatcher? Raw, AddedTokenMatcher? Normalized);
