using System.Text;

namespace Engine.Tokenizers;

/// <summary>The pipelines that Transformers builds around bare vocabularies, chosen by <c>tokenizer_class</c>.</summary>
internal static class VocabularyPipelines
{
    private static readonly string[] s_robertaTokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

    /// <summary>vocab.json with merges.txt.</summary>
    /// <exception cref="InvalidDataException">Nothing says which family the files are of, or the family is not supported.</exception>
    public static TokenizerPipeline ByteLevelBpe(
        TokenizerFile vocabularyFile, TokenizerFile mergesFile, TokenizerConfig config, IReadOnlyList<AddedToken> added)
    {
        Vocabulary vocabulary = new([.. VocabularyFiles.ReadEntries(vocabularyFile.ReadJson())], vocabularyFile.Path);
        List<TokenPair> merges = VocabularyFiles.ReadMerges(mergesFile);
        string family = FamilyOf(config.TokenizerClass, vocabulary, vocabularyFile.Path);
        bool qwen = family == "Qwen2", roberta = family == "Roberta";
        bool addBos = family == "GPT2" && config.Flag("add_bos_token") == true;

        INormalizer? normalizer = qwen ? new UnicodeFormNormalizer(NormalizationForm.FormC) : null;
        IPreTokenizer preTokenizer = qwen
            ? new ScannerPreTokenizer(SplitPattern.ScanQwen2)
            : new ByteLevelPreTokenizer(config.Flag("add_prefix_space") ?? false, useRegex: true);
        BpeModel model = new(vocabulary, merges, byteLevel: true, new BpeOptions(), mergesFile.Path);
        SequenceTemplate template = roberta
            ? SequenceTemplate.Roberta(
                Id(vocabulary, config, "cls_token", "<s>", vocabularyFile), Id(vocabulary, config, "sep_token", "</s>", vocabularyFile))
            : addBos ? SequenceTemplate.Gpt2(Id(vocabulary, config, "bos_token", "<|endoftext|>", vocabularyFile))
            : SequenceTemplate.Plain;
        AddedVocabulary tokens =
            new(roberta ? WithSpecial(s_robertaTokens, vocabulary, config, added) : added, vocabulary, normalizer, vocabularyFile.Path);
        return new TokenizerPipeline(normalizer, preTokenizer, model, template, new ByteLevelDecoder(), tokens)
        {
            // Transformers trims offsets for RoBERTa, and for neither of the others.
            Trimming = roberta ? new OffsetTrimming(config.Flag("add_prefix_space") ?? false) : null,
        };
    }

    /// <summary>vocab.txt of BERT.</summary>
    public static TokenizerPipeline Bert(TokenizerFile file, TokenizerConfig config, IReadOnlyList<AddedToken> added)
    {
        if (config.TokenizerClass is string name && !TokenizerSettings.IsBertClass(name))
        {
            throw new InvalidDataException(
                $"{file.Path}: tokenizer_class {name} with a vocab.txt is not supported; save the tokenizer as tokenizer.json.");
        }

        Vocabulary vocabulary = new(VocabularyFiles.ReadLines(file), file.Path);
        bool lowercase = config.Flag("do_lower_case") ?? true;
        BertNormalizer normalizer = new(
            cleanText: true, config.Flag("tokenize_chinese_chars") ?? true, config.Flag("strip_accents") ?? lowercase, lowercase);
        string unknown = config.SpecialToken("unk_token", out _) ?? "[UNK]";
        WordPieceModel model = new(vocabulary, unknown, "##", maxCharacters: 100, file.Path);
        SequenceTemplate template =
            SequenceTemplate.Bert(Id(vocabulary, config, "cls_token", "[CLS]", file), Id(vocabulary, config, "sep_token", "[SEP]", file));
        string[] special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
        AddedVocabulary tokens = new(WithSpecial(special, vocabulary, config, added), vocabulary, normalizer, file.Path);
        return new TokenizerPipeline(
            normalizer, new BertPreTokenizer(), model, template, new WordPieceDecoder("##", cleanup: true), tokens);
    }

    private static string FamilyOf(string? tokenizerClass, Vocabulary vocabulary, string path)
    {
        string? family = tokenizerClass is null
            ? (s_robertaTokens.All(token => vocabulary.TryGetId(token, out _)) ? "Roberta" : null)
            : new[] { "Roberta", "Qwen2", "GPT2" }.FirstOrDefault(name => tokenizerClass.StartsWith(name, StringComparison.Ordinal));
        return family ?? throw new InvalidDataException(tokenizerClass is null
            ? $"{path}: nothing says how this vocabulary splits text; give the folder a tokenizer.json, or a tokenizer_config.json whose "
                + "tokenizer_class is RobertaTokenizer, GPT2Tokenizer or Qwen2Tokenizer."
            : $"{path}: tokenizer_class {tokenizerClass} with a vocab.json is not supported (RobertaTokenizer, "
                + "GPT2Tokenizer and Qwen2Tokenizer are); save the tokenizer as tokenizer.json.");
    }

    private static int Id(Vocabulary vocabulary, TokenizerConfig config, string role, string customary, TokenizerFile file)
    {
        string token = config.SpecialToken(role, out _) ?? customary;
        return vocabulary.TryGetId(token, out int id)
            ? id
            : throw new InvalidDataException(
                $"{file.Path}: the {role} \"{token}\" is not in the vocabulary; name one that is in tokenizer_config.json.");
    }

    /// <summary>
    /// The special tokens of a family under the names that the configuration gives them; the mask token takes the blank before it along in
    /// RoBERTa.
    /// </summary>
    private static List<AddedToken> WithSpecial(
        string[] customary, Vocabulary vocabulary, TokenizerConfig config, IReadOnlyList<AddedToken> added)
    {
        List<AddedToken> tokens = [.. added];
        HashSet<string> known = [.. added.Select(token => token.Content)];
        foreach (string text in config.SpecialTexts().Concat(customary))
        {
            if (vocabulary.TryGetId(text, out int id) && known.Add(text))
            {
                tokens.Add(new AddedToken(id, text, Special: true, LStrip: text == "<mask>"));
            }
        }

        return tokens;
    }
}
