namespace Engine.Tokenizers;

/// <summary>
/// What tokenizer_config.json changes of a tokenizer.json beside it. Which keys count, and what holds where they are missing, goes by the
/// class that Transformers would make of the folder (<see cref="TokenizerConfig.TokenizerClass"/>). Where the versions of Transformers
/// disagree and the two files contradict each other, that is an error.
/// </summary>
/// <remarks>
/// The sources are <c>BertTokenizerFast.__init__</c>, <c>GPT2TokenizerFast.__init__</c> and <c>LlamaTokenizerFast.update_post_processor</c>
/// of Transformers 4, and in Transformers 5 <c>BertTokenizer</c>, <c>GPT2Tokenizer</c>, <c>RobertaTokenizer</c> and
/// <c>TokenizersBackend.update_post_processor</c>.
/// </remarks>
internal sealed class TokenizerSettings(TokenizerConfig config)
{
    private static readonly string[] BertClasses = ["BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer"];
    private static readonly string[] ByteLevelClasses = ["GPT2Tokenizer", "RobertaTokenizer", "BartTokenizer", "LongformerTokenizer"];
    private static readonly string[] LlamaClasses = ["LlamaTokenizer", "CodeLlamaTokenizer", "GemmaTokenizer"];

    /// <summary>Whether the normalizer is set as BERT's is: MPNet's tokenizer, too, which has other special tokens.</summary>
    private bool IsBert => BertClasses.Contains(config.TokenizerClass) || config.TokenizerClass == "MPNetTokenizer";

    /// <summary>
    /// Nothing says which class it is: what the configuration spells out holds, what it does not is left to tokenizer.json.
    /// </summary>
    private bool IsUnknown => config.TokenizerClass is null;

    /// <summary>Whether a class of Transformers builds BERT's pipeline around a vocab.txt.</summary>
    public static bool IsBertClass(string name) => BertClasses.Contains(name);

    /// <summary>
    /// The normalizer: <c>do_lower_case</c>, <c>strip_accents</c> and <c>tokenize_chinese_chars</c> replace those of a BertNormalizer.
    /// </summary>
    public INormalizer? Normalizer(JsonField? field)
    {
        if (field is not JsonField stored)
        {
            return null;
        }

        bool replaces = IsBert || IsUnknown;
        bool? lowercase = config.Flag("do_lower_case");
        if (replaces && stored.Get("type").Text() == NormalizerJson.BertType)
        {
            bool? stripAccents = config.Flag("strip_accents"), chinese = config.Flag("tokenize_chinese_chars");
            if (!IsBert)
            {
                return NormalizerJson.Bert(stored, lowercase, stripAccents, chinese);
            }

            bool lower = lowercase ?? true;
            return NormalizerJson.Bert(stored, lower, stripAccents ?? lower, chinese ?? true);
        }

        INormalizer normalizer = NormalizerJson.Read(stored);
        return replaces && lowercase is { } asked && asked != (normalizer.Normalized("A") == "a")
            ? throw Contradiction(
                "do_lower_case", asked, $"the normalizer of {stored.File} {(asked ? "keeps capitals" : "makes capitals small")}")
            : normalizer;
    }

    /// <summary>
    /// Whether the ByteLevel pre-tokenizer that a tokenizer.json names at its top puts a blank before a text; null leaves that to the file.
    /// </summary>
    public bool? AddPrefixSpace =>
        config.Flag("add_prefix_space") is { } asked && (IsUnknown || IsByteLevel) ? asked : IsByteLevel ? false : null;

    private bool IsByteLevel => ByteLevelClasses.Contains(config.TokenizerClass);

    /// <summary>Sees that what <c>add_prefix_space</c> asks for is what the pipeline does.</summary>
    /// <exception cref="InvalidDataException">It is not; the class cannot change that part of the file.</exception>
    public void CheckPrefixSpace(INormalizer? normalizer, IPreTokenizer? preTokenizer, string file)
    {
        const string Text = "a";
        if (config.Flag("add_prefix_space") is not { } asked)
        {
            return;
        }

        string normalized = normalizer?.Normalized(Text) ?? Text;
        List<Piece> pieces = [];
        preTokenizer?.Split(new Piece(new AlignedText(normalized), startsText: true), pieces);
        bool adds = !(pieces.Count > 0 ? pieces[0].Span : normalized).StartsWith(Text, StringComparison.Ordinal);
        if (adds != asked)
        {
            throw Contradiction("add_prefix_space", asked, $"{file} {(adds ? "puts" : "does not put")} a blank before a text");
        }
    }

    /// <summary>
    /// The special tokens around texts: <c>add_bos_token</c> and <c>add_eos_token</c> make a Llama tokenizer's anew; what one of them does
    /// not say stays as it was.
    /// </summary>
    /// <exception cref="InvalidDataException">They ask for a token that there is not, or for what another class cannot change.</exception>
    public SequenceTemplate Template(TokenizerPipeline pipeline, string file)
    {
        SequenceTemplate stored = pipeline.Template;
        bool? addBos = config.Flag("add_bos_token"), addEos = config.Flag("add_eos_token");
        if ((addBos ?? addEos) is null || IsBert)
        {
            return stored;
        }

        int? bos = Id("bos_token", "<s>"), eos = Id("eos_token", "</s>");
        bool hasBos = stored.StartsWith(bos), hasEos = stored.EndsWith(eos);
        if (LlamaClasses.Contains(config.TokenizerClass))
        {
            return SequenceTemplate.Llama(Wanted("bos", addBos ?? hasBos, bos), Wanted("eos", addEos ?? hasEos, eos));
        }

        Agree("bos", addBos, bos, hasBos);
        Agree("eos", addEos, eos, hasEos);
        return stored;

        int? Id(string role, string customary)
        {
            string? token = config.SpecialToken(role, out bool known);
            return (known ? token : customary) is { } text ? pipeline.TokenToId(text) : null;
        }

        int? Wanted(string role, bool isWanted, int? id) => !isWanted ? null : id
            ?? throw new InvalidDataException(
                $"{config.Path}: add_{role}_token is true, but there is no {role}_token; "
                    + "name one that is in the vocabulary, or say false.");

        void Agree(string role, bool? asked, int? id, bool has)
        {
            if (asked is { } flag && id is not null && flag != has)
            {
                throw Contradiction(
                    $"add_{role}_token", flag, $"the post_processor of {file} {(has ? "adds" : "does not add")} the {role}_token");
            }
        }
    }

    private InvalidDataException Contradiction(string key, bool asked, string found) => new(
        $"{config.Path}: {key} is {(asked ? "true" : "false")}, but {found}, which Transformers then changes in some versions only; "
            + "make the two files agree.");
}
