namespace Engine.Tokenizers;

/// <summary>Finds and reads the tokenizer of a Hugging Face folder.</summary>
internal static class TokenizerFolder
{
    public const string TokenizerJsonName = "tokenizer.json", ConfigName = "tokenizer_config.json",
        SpecialTokensMapName = "special_tokens_map.json",
        ModelConfigName = "config.json", AddedTokensName = "added_tokens.json", VocabularyName = "vocab.json", MergesName = "merges.txt",
        WordPieceName = "vocab.txt";

    /// <summary>What Transformers calls the models of SentencePiece.</summary>
    private static readonly string[] SentencePieceNames = ["tokenizer.model", "sentencepiece.bpe.model", "spiece.model", "spm.model"];

    /// <summary>Whether a folder holds the files of a tokenizer.</summary>
    public static bool Holds(string folder)
    {
        bool Has(string name) => File.Exists(Path.Combine(folder, name));
        return Has(TokenizerJsonName) || (Has(VocabularyName) && Has(MergesName)) || Has(WordPieceName);
    }

    public static Tokenizer Load(string folder)
    {
        if (!Directory.Exists(folder))
        {
            throw new DirectoryNotFoundException($"There is no folder {folder}; expected a Hugging Face folder with a tokenizer.");
        }

        TokenizerFile? Find(string name) => TokenizerFile.Find(folder, name);
        TokenizerFile? configFile = Find(ConfigName), mapFile = Find(SpecialTokensMapName), addedFile = Find(AddedTokensName);
        TokenizerFile? json = Find(TokenizerJsonName), vocabulary = Find(VocabularyName), merges = Find(MergesName),
            wordPiece = Find(WordPieceName);
        TokenizerConfig config = new(folder, configFile, mapFile, Find(ModelConfigName));
        TokenizerSettings settings = new(config);
        IReadOnlyList<AddedToken> added = AddedTokens(config, addedFile);

        TokenizerPipeline pipeline;
        if (json is not null)
        {
            pipeline = TokenizerJson.Read(json.ReadJson(), settings, added);
        }
        else if (vocabulary is not null && merges is not null)
        {
            pipeline = VocabularyPipelines.ByteLevelBpe(vocabulary, merges, config, added);
            settings.CheckPrefixSpace(pipeline.Normalizer, pipeline.PreTokenizer, vocabulary.Path);
        }
        else if (wordPiece is not null)
        {
            pipeline = VocabularyPipelines.Bert(wordPiece, config, added);
        }
        else
        {
            throw new FileNotFoundException(
                $"{folder} holds no tokenizer: expected {TokenizerJsonName}, or {VocabularyName} with {MergesName}, or {WordPieceName}."
                + (SentencePieceNames.FirstOrDefault(name => File.Exists(Path.Combine(folder, name))) is { } found
                    ? $" Its {found} (SentencePiece) is not supported; save it as tokenizer.json with Transformers."
                    : ""));
        }

        TokenizerFile?[] files = [json, vocabulary, merges, wordPiece, configFile, mapFile, addedFile];
        return new Tokenizer(pipeline, config, folder, [.. files.OfType<TokenizerFile>()]);
    }

    /// <summary>Added tokens of tokenizer_config.json, then those of added_tokens.json that it does not name.</summary>
    private static List<AddedToken> AddedTokens(TokenizerConfig config, TokenizerFile? file)
    {
        List<AddedToken> tokens = [.. config.AddedTokens()];
        HashSet<string> known = [.. tokens.Select(token => token.Content)], special = config.SpecialTexts();
        if (file is not null)
        {
            tokens.AddRange(VocabularyFiles.ReadEntries(file.ReadJson()).Where(entry => !known.Contains(entry.Key))
                .Select(entry => new AddedToken(
                    entry.Value, entry.Key, Special: special.Contains(entry.Key), Normalized: !special.Contains(entry.Key))));
        }

        return tokens;
    }
}
