namespace Engine.Tokenizers;

/// <summary>Tokens and their ids, one to one; ids may have gaps.</summary>
internal sealed class Vocabulary
{
    /// <summary>No published vocabulary comes near; a file that names higher ids is broken or hostile.</summary>
    public const int MaxId = 1 << 22;

    private readonly Dictionary<string, int> ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup;
    private readonly string?[] tokens;

    /// <param name="entries">Tokens with their ids.</param>
    /// <param name="source">The file, for error messages.</param>
    /// <exception cref="InvalidDataException">An id is out of range, or a token or an id comes twice.</exception>
    public Vocabulary(IReadOnlyCollection<KeyValuePair<string, int>> entries, string source)
    {
        if (entries.Count == 0)
        {
            throw new InvalidDataException($"{source}: the vocabulary is empty; expected at least one token.");
        }

        ids = new(entries.Count, StringComparer.Ordinal);
        int highest = 0;
        foreach ((string token, int id) in entries)
        {
            if (id is < 0 or > MaxId)
            {
                throw new InvalidDataException($"{source}: token \"{token}\" has id {id}; expected an id from 0 to {MaxId}.");
            }

            if (!ids.TryAdd(token, id))
            {
                throw new InvalidDataException(
                    $"{source}: token \"{token}\" is in the vocabulary twice, as {ids[token]} and as {id}; remove one.");
            }

            highest = Math.Max(highest, id);
        }

        tokens = new string?[highest + 1];
        foreach ((string token, int id) in entries)
        {
            if (tokens[id] is string other)
            {
                throw new InvalidDataException(
                    $"{source}: tokens \"{other}\" and \"{token}\" share the id {id}; each token needs an id of its own.");
            }

            tokens[id] = token;
        }

        lookup = ids.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>How many tokens there are.</summary>
    public int Count => ids.Count;

    public int HighestId => tokens.Length - 1;

    public bool TryGetId(ReadOnlySpan<char> token, out int id) => lookup.TryGetValue(token, out id);

    /// <summary>The token of an id, or null where the id has none.</summary>
    public string? TokenOf(int id) => (uint)id < (uint)tokens.Length ? tokens[id] : null;

    /// <summary>Tokens with their ids, by ascending id.</summary>
    public IEnumerable<KeyValuePair<string, int>> Entries =>
        tokens.Index().Where(entry => entry.Item is not null).Select(entry => KeyValuePair.Create(entry.Item!, entry.Index));
}
