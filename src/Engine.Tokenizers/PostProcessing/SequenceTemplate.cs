namespace Engine.Tokenizers;

/// <summary>
/// One place of a template: the first text, the second text, or special tokens, with the token type of what stands there.
/// </summary>
internal readonly record struct TemplatePart(TemplateSource Source, int TypeId, List<Token>? Special = null);

internal enum TemplateSource
{
    First,
    Second,
    Special,
}

/// <summary>The <c>post_processor</c> of a tokenizer.json: where texts and special tokens stand in what the network reads.</summary>
internal sealed class SequenceTemplate(IReadOnlyList<TemplatePart> single, IReadOnlyList<TemplatePart> pair)
{
    /// <summary>No special tokens; the second text has type 1.</summary>
    public static SequenceTemplate Plain { get; } = new(
        [new TemplatePart(TemplateSource.First, 0)],
        [new TemplatePart(TemplateSource.First, 0), new TemplatePart(TemplateSource.Second, 1)]);

    /// <summary><c>BertProcessing</c>: [CLS] A [SEP], [CLS] A [SEP] B [SEP] with type 1 from B on.</summary>
    public static SequenceTemplate Bert(int cls, int sep) => new(
        [Special(cls), new(TemplateSource.First, 0), Special(sep)],
        [Special(cls), new(TemplateSource.First, 0), Special(sep), new(TemplateSource.Second, 1), Special(sep, 1)]);

    /// <summary><c>RobertaProcessing</c>: &lt;s&gt; A &lt;/s&gt;, &lt;s&gt; A &lt;/s&gt;&lt;/s&gt; B &lt;/s&gt;, every type 0.</summary>
    public static SequenceTemplate Roberta(int cls, int sep) => new(
        [Special(cls), new(TemplateSource.First, 0), Special(sep)],
        [Special(cls), new(TemplateSource.First, 0), Special(sep), Special(sep), new(TemplateSource.Second, 0), Special(sep)]);

    /// <summary>GPT-2's with <c>add_bos_token</c>: a first token before a text or a pair.</summary>
    public static SequenceTemplate Gpt2(int bos) => new(
        [Special(bos), new(TemplateSource.First, 0)], [Special(bos), new(TemplateSource.First, 0), new(TemplateSource.Second, 1)]);

    /// <summary>Llama's: each text between a first and a last token, where these are not null; the second text has type 1.</summary>
    public static SequenceTemplate Llama(int? bos, int? eos)
    {
        TemplatePart[] first = Around(TemplateSource.First, 0);
        return new SequenceTemplate(first, [.. first, .. Around(TemplateSource.Second, 1)]);

        TemplatePart[] Around(TemplateSource source, int type) => [.. Optional(bos, type), new(source, type), .. Optional(eos, type)];

        static TemplatePart[] Optional(int? id, int type) => id is { } token ? [Special(token, type)] : [];
    }

    /// <summary>Whether a single text begins with a special token; never for null.</summary>
    public bool StartsWith(int? id) => id is { } token && single is [{ Special: [Token first, ..] }, ..] && first.Id == token;

    /// <summary>Whether a single text ends with a special token; never for null.</summary>
    public bool EndsWith(int? id) => id is { } token && single is [.., { Special: [.., Token last] }] && last.Id == token;

    /// <summary>The ids of all special tokens that are added.</summary>
    public IEnumerable<int> SpecialIds => single.Concat(pair).SelectMany(part => part.Special ?? []).Select(token => token.Id).Distinct();

    /// <summary>How many special tokens are added to one text or to a pair.</summary>
    public int AddedCount(bool isPair) => (isPair ? pair : single).Sum(part => part.Special?.Count ?? 0);

    /// <summary>
    /// Puts the tokens of a text or a pair and the special tokens in their order; with <paramref name="withOffsets"/> with the places of
    /// the former.
    /// </summary>
    public Encoding Apply(List<Token> first, List<Token>? second, bool addSpecialTokens, bool withOffsets)
    {
        IReadOnlyList<TemplatePart> parts = second is null ? single : pair;
        int length = parts.Sum(part => Content(part).Count);
        int[] ids = new int[length], types = new int[length], attention = new int[length], special = new int[length];
        TokenOffset[]? offsets = withOffsets ? new TokenOffset[length] : null;
        Array.Fill(attention, 1);
        int start = 0;
        foreach (TemplatePart part in parts)
        {
            List<Token> content = Content(part);
            types.AsSpan(start, content.Count).Fill(part.TypeId);
            special.AsSpan(start, content.Count).Fill(part.Source == TemplateSource.Special ? 1 : 0);
            foreach (Token token in content)
            {
                ids[start] = token.Id;
                if (offsets is not null)
                {
                    offsets[start] = new TokenOffset(token.Start, token.End);
                }

                start++;
            }
        }

        return new Encoding(ids, types, attention, special) { Offsets = offsets };

        List<Token> Content(TemplatePart part) => part.Source switch
        {
            TemplateSource.First => first,
            TemplateSource.Second => second ?? [],
            _ => addSpecialTokens ? part.Special! : [],
        };
    }

    private static TemplatePart Special(int id, int type = 0) => new(TemplateSource.Special, type, [new Token(id, 0, 0)]);
}
