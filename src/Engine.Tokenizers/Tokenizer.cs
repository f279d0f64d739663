using System.Collections.Concurrent;

namespace Engine.Tokenizers;

/// <summary>
/// Turns text into token ids and back, with the same ids as Hugging Face's tokenizers. Reads byte-level BPE (RoBERTa, GPT-2, Qwen, Llama
/// 3), BPE with byte fallback (Llama 2) and WordPiece (BERT). Safe for use by several threads.
/// </summary>
public sealed class Tokenizer
{
    private readonly TokenizerPipeline pipeline;
    private readonly SpecialTokens special;
    private readonly IReadOnlyList<TokenizerFile> files;
    private readonly AddedTokenMatchers foundInText;
    private readonly Lazy<AddedTokenMatcher> specialInText;
    private readonly ConcurrentBag<EncodeScratch> scratch = [];

    internal Tokenizer(TokenizerPipeline pipeline, TokenizerConfig config, string folder, IReadOnlyList<TokenizerFile> files)
    {
        this.pipeline = pipeline;
        special = SpecialTokens.Resolve(config, pipeline, folder);
        this.files = files;
        foundInText = config.Flag("split_special_tokens") == true ? pipeline.Added.WithoutSpecial : pipeline.Added.All;
        VocabularySize = Math.Max(pipeline.Model.Vocabulary.HighestId, pipeline.Added.HighestId) + 1;
        AllSpecialIds = [.. pipeline.Added.Tokens.Where(token => token.Special).Select(token => token.Id)];
        AddedTokens = [.. pipeline.Added.Tokens];
        specialInText = new(() => new AddedTokenMatcher(SpecialTokenTexts.Select(token => (token.Content, token))));
        ModelMaxLength = config.ModelMaxLength;
        PaddingSide = config.PaddingSide;
        TruncationSide = config.TruncationSide;
    }

    /// <summary>One more than the highest id: the least rows that an embedding needs.</summary>
    public int VocabularySize { get; }

    /// <summary>Ids of all special tokens, ascending.</summary>
    public IReadOnlyList<int> AllSpecialIds { get; }

    /// <summary>Tokens that are found in the text before the model sees it, by id.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; }

    /// <summary>The longest input that the model was made for, where tokenizer_config.json says one.</summary>
    public int? ModelMaxLength { get; }

    /// <summary>Where padding goes.</summary>
    public Side PaddingSide { get; }

    /// <summary>Which end is cut off.</summary>
    public Side TruncationSide { get; }

    /// <summary>Padding.</summary>
    public int? PadId => special.Pad;

    /// <summary>The first token of an encoder's input, on which classifiers stand.</summary>
    public int? ClsId => special.Cls;

    /// <summary>What ends each text of an encoder's input.</summary>
    public int? SepId => special.Sep;

    /// <summary>What masked-language modelling puts in place of a token.</summary>
    public int? MaskId => special.Mask;

    /// <summary>What starts a generated text.</summary>
    public int? BosId => special.Bos;

    /// <summary>What ends a generated text.</summary>
    public int? EosId => special.Eos;

    /// <summary>The same where one is needed.</summary>
    /// <exception cref="InvalidDataException">The tokenizer names none.</exception>
    public int EndOfText => EosId ?? throw new InvalidDataException(
        "The tokenizer names no end-of-text token, which ends every sample and answer; set eos_token in its tokenizer_config.json.");

    /// <summary>What stands for text that the vocabulary cannot express.</summary>
    public int? UnkId => special.Unk;

    /// <summary>The tokens that have a role, by its name in tokenizer_config.json, such as <c>bos_token</c>.</summary>
    internal IEnumerable<(string Role, string Token)> NamedSpecialTokens =>
        special.Named.Select(named => (named.Role, IdToToken(named.Id)!));

    /// <summary>The special tokens as they are spelled; those of a role are special wherever the tokenizer has them.</summary>
    internal IEnumerable<AddedToken> SpecialTokenTexts =>
        AddedTokens.Where(token => token.Special)
            .Concat(special.Named.Select(named => new AddedToken(named.Id, IdToToken(named.Id)!, Special: true)));

    /// <summary>
    /// Reads the tokenizer of a Hugging Face folder: tokenizer.json where it is there, else vocab.json with merges.txt, else vocab.txt.
    /// tokenizer_config.json, special_tokens_map.json and added_tokens.json are read where they are there.
    /// </summary>
    /// <exception cref="FileNotFoundException">The folder holds no tokenizer.</exception>
    /// <exception cref="InvalidDataException">A file is broken, or holds a component that is not supported.</exception>
    public static Tokenizer Load(string folder) => TokenizerFolder.Load(folder);

    /// <summary>Encodes one text.</summary>
    public Encoding Encode(string text, EncodeOptions? options = null) => Encode(text, null, options ?? EncodeOptions.Default);

    /// <summary>Encodes a text or a pair of texts, cut to <paramref name="maxLength"/> tokens (the longer text first).</summary>
    public Encoding Encode(string first, string? second, int? maxLength, bool addSpecialTokens = true) =>
        Encode(first, second, new EncodeOptions { MaxLength = maxLength, AddSpecialTokens = addSpecialTokens });

    /// <summary>Encodes a text or a pair of texts to exactly <paramref name="maxLength"/> tokens.</summary>
    public Encoding EncodePadded(string first, string? second, int maxLength) =>
        Encode(first, second, new EncodeOptions { MaxLength = maxLength, PadToMaxLength = true });

    /// <summary>The special tokens that are added before and after a single text.</summary>
    public (int[] Before, int[] After) SpecialTokensAround()
    {
        const int Text = -1;
        ReadOnlySpan<int> ids = pipeline.Template.Apply([new Token(Text, 0, 0)], null, addSpecialTokens: true, withOffsets: false).Ids;
        int text = ids.IndexOf(Text);
        return (ids[..text].ToArray(), ids[(text + 1)..].ToArray());
    }

    /// <summary>Encodes a text or a pair of texts.</summary>
    /// <exception cref="ArgumentException">The special tokens alone are more than the maximum length, or padding is asked for and there is
    /// no padding token.</exception>
    public Encoding Encode(string first, string? second, EncodeOptions options)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(options);
        List<Token> firstTokens = EncodePlain(first, foundInText, startsText: true, options);
        List<Token>? secondTokens = second is null ? null : EncodePlain(second, foundInText, startsText: true, options);
        bool isTruncated = false;
        if (options.MaxLength is int maxLength)
        {
            int added = options.AddSpecialTokens ? pipeline.Template.AddedCount(second is not null) : 0;
            if (maxLength < added)
            {
                throw new ArgumentException(
                    $"A maximum length of {maxLength} leaves no room for the {added} special tokens; raise it.", nameof(options));
            }

            isTruncated = Truncation.Apply(firstTokens, secondTokens, maxLength - added, options.Truncation, TruncationSide);
        }

        if (options.Offsets && options.TrimOffsets)
        {
            Trim(firstTokens, first);
            if (secondTokens is not null)
            {
                Trim(secondTokens, second!);
            }
        }

        Encoding encoding =
            pipeline.Template.Apply(
                firstTokens, secondTokens, options.AddSpecialTokens, options.Offsets) with
            { IsTruncated = isTruncated };
        if (!options.PadToMaxLength)
        {
            return encoding;
        }

        int length = options.MaxLength
            ?? throw new ArgumentException("Padding to the maximum length needs a maximum length.", nameof(options));
        int pad = PadId
            ?? throw new ArgumentException(
                "This tokenizer has no padding token; name one as pad_token in tokenizer_config.json.", nameof(options));
        return encoding.Pad(length, pad, PaddingSide);
    }

    /// <summary>
    /// Encodes a pair of texts whose second one may not fit: windows of it, each behind the whole first text, that share
    /// <paramref name="stride"/> tokens with the one before, as <c>truncation="only_second"</c> with <c>return_overflowing_tokens</c> of
    /// Transformers has them.
    /// </summary>
    /// <param name="maxLength">The most tokens of a window, special ones included.</param>
    /// <exception cref="ArgumentException">The first text leaves no room for windows that go on.</exception>
    internal IReadOnlyList<TextWindow> EncodeWindows(string first, string second, int maxLength, int stride)
    {
        var options = new EncodeOptions { Offsets = true };
        List<Token> before = EncodePlain(first, foundInText, startsText: true, options);
        List<Token> whole = EncodePlain(second, foundInText, startsText: true, options);
        Trim(before, first);
        Trim(whole, second);
        int room = maxLength - pipeline.Template.AddedCount(isPair: true) - before.Count;
        if (room < 1 || (whole.Count > room && room <= stride))
        {
            throw new ArgumentException(
                $"the first text has {before.Count} tokens, so that of a maximum length of {maxLength} {Math.Max(0, room)} are left for "
                    + $"windows of the second one that share {stride}", nameof(first));
        }

        List<TextWindow> windows = [];
        for (int start = 0, end = -1; end < whole.Count; start += room - stride)
        {
            end = Math.Min(start + room, whole.Count);
            Encoding encoding = pipeline.Template.Apply(before, whole[start..end], addSpecialTokens: true, withOffsets: true);
            int[] places = [.. Enumerable.Range(0, encoding.Length).Where(place => encoding.SpecialTokensMask[place] == 0)];
            windows.Add(new TextWindow(encoding, end > start ? places[before.Count] : encoding.Length, end - start));
        }

        return windows;
    }

    /// <summary>
    /// Encodes a part of a text that special tokens stand around, such as a message of a chat. Special tokens that are spelled out in it
    /// are ordinary text (<c>split_special_tokens</c> of Transformers), so that the text of a user cannot end a message.
    /// </summary>
    /// <param name="startsText">Nothing stands before it, not even a special token.</param>
    public int[] EncodePart(string text, bool startsText)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. EncodePlain(text, pipeline.Added.WithoutSpecial, startsText, EncodeOptions.Default).Select(token => token.Id)];
    }

    /// <summary>Cuts a text into the special tokens that are spelled out in it and what lies between.</summary>
    internal List<TextSegment> SplitSpecial(string text)
    {
        List<TextSegment> segments = [];
        specialInText.Value.Split(text, segments);
        return segments;
    }

    /// <summary>The text of tokens; ids without a token give nothing.</summary>
    public string Decode(IEnumerable<int> ids, bool skipSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return pipeline.Decode(ids, skipSpecialTokens);
    }

    /// <summary>Decodes tokens as they are generated.</summary>
    public StreamingDecoder CreateStream(bool skipSpecialTokens = true) => new(this, skipSpecialTokens);

    /// <summary>The id of a token, or null where it is none.</summary>
    public int? TokenToId(string token) => pipeline.TokenToId(token);

    /// <summary>The token of an id, or null where it has none.</summary>
    public string? IdToToken(int id) => pipeline.IdToToken(id);

    /// <summary>Writes the files that this tokenizer was read from into a folder, byte for byte.</summary>
    public void Save(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (TokenizerFile file in files)
        {
            file.WriteTo(folder);
        }
    }

    private List<Token> EncodePlain(string text, AddedTokenMatchers added, bool startsText, EncodeOptions options)
    {
        TokenizerPipeline used = options.Normalize && options.PreTokenize ? pipeline : pipeline with
        {
            Normalizer = options.Normalize ? pipeline.Normalizer : null,
            PreTokenizer = options.PreTokenize ? pipeline.PreTokenizer : null,
        };
        EncodeScratch scratch = this.scratch.TryTake(out EncodeScratch? kept) ? kept : new EncodeScratch();
        List<Token> tokens = new((text.Length / 4) + 8);
        used.Encode(WellFormed(text), added, startsText, options.Offsets, scratch, tokens);
        this.scratch.Add(scratch);
        return tokens;
    }

    private void Trim(List<Token> tokens, string text) =>
        pipeline.Trimming?.Apply(
            tokens, text, token => pipeline.Added.TokenOf(token.Id) is null
                ? pipeline.Model.Vocabulary.TokenOf(token.Id)!
                : text[token.Start..token.End]);

    /// <summary>Halves of surrogate pairs, which no UTF-8 text holds, become U+FFFD; each is one unit, so that no offset moves.</summary>
    private static string WellFormed(string text) => text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0
        ? text
        : System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));
}
