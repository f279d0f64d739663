namespace Engine.Tokenizers;

/// <summary>Reads the parts of a tokenizer.json (Hugging Face tokenizers, format version 1.0).</summary>
internal static class TokenizerJson
{
    /// <summary>
    /// Builds the pipeline of a tokenizer.json. Its <c>truncation</c> and <c>padding</c> are left alone, as Transformers leaves them: both
    /// are chosen by the call.
    /// </summary>
    /// <param name="root">The file.</param>
    /// <param name="settings">What tokenizer_config.json changes of it.</param>
    /// <param name="extraTokens">Added tokens that other files of the folder name.</param>
    public static TokenizerPipeline Read(JsonField root, TokenizerSettings settings, IReadOnlyList<AddedToken> extraTokens)
    {
        INormalizer? normalizer = settings.Normalizer(root.Find("normalizer"));
        bool byteLevel = false;
        IPreTokenizer? preTokenizer = root.Find("pre_tokenizer") is JsonField preTokenizerField
            ? PreTokenizerJson.Read(preTokenizerField, out byteLevel, settings.AddPrefixSpace)
            : null;
        ITokenModel model = ReadModel(root.Get("model"), byteLevel);
        JsonField? processor = root.Find("post_processor");
        SequenceTemplate template = processor is { } templateField ? PostProcessorJson.Read(templateField) : SequenceTemplate.Plain;
        IDecoder? decoder = root.Find("decoder") is JsonField decoderField ? DecoderJson.Read(decoderField) : null;

        List<AddedToken> added =
            [.. (root.Find("added_tokens")?.Items() ?? []).Select(token => ReadAddedToken(token, token.Get("id").Integer()))];
        HashSet<string> known = [.. added.Select(token => token.Content)];
        added.AddRange(extraTokens.Where(token => !known.Contains(token.Content)));
        AddedVocabulary vocabulary = new(added, model.Vocabulary, normalizer, root.File);
        if (model is BpeModel)
        {
            settings.CheckPrefixSpace(normalizer, preTokenizer, root.File);
        }

        TokenizerPipeline pipeline = new(normalizer, preTokenizer, model, template, decoder, vocabulary)
        {
            Trimming = processor is { } trimmingField ? PostProcessorJson.Trimming(trimmingField) : null,
        };
        foreach (int id in template.SpecialIds.Where(id => pipeline.IdToToken(id) is null))
        {
            throw new InvalidDataException(
                $"{root.File}: $.post_processor adds the id {id}, which is no token of this tokenizer; "
                    + "an id without a token would reach past the embedding.");
        }

        return pipeline with { Template = settings.Template(pipeline, root.File) };
    }

    public static AddedToken ReadAddedToken(JsonField token, int id)
    {
        bool special = token.Flag("special", false);
        return new AddedToken(
            id, token.Get("content").Text(), special, token.Flag("single_word", false), token.Flag("lstrip", false),
            token.Flag("rstrip", false), token.Flag("normalized", !special));
    }

    private static ITokenModel ReadModel(JsonField model, bool byteLevel)
    {
        // Files of 2020 do not name the type; the format then goes by the properties.
        string type = model.Find("type")?.Text()
            ?? (model.Find("merges") is not null ? "BPE"
                : model.Find("max_input_chars_per_word") is not null ? "WordPiece"
                : model.Find("unk_id") is not null ? "Unigram" : "none");
        switch (type)
        {
            case "BPE":
                return ReadBpe(model, Entries(), byteLevel);
            case "WordPiece" or "Unigram" when byteLevel:
                throw new InvalidDataException(
                    $"{model.File}: a ByteLevel pre_tokenizer before a {type} model is not supported; ByteLevel goes with BPE.");
            case "WordPiece":
                return new WordPieceModel(
                    Entries(), model.Get("unk_token").Text(), model.Get("continuing_subword_prefix").Text(),
                    model.Get("max_input_chars_per_word").Integer(), model.File);
            case "Unigram":
                return ReadUnigram(model);
            default:
                throw new InvalidDataException(
                    $"{model.File}: {model.Path}.type is \"{type}\", a model that is not supported; supported are BPE, Unigram and "
                        + "WordPiece.");
        }

        Vocabulary Entries() => new([.. VocabularyFiles.ReadEntries(model.Get("vocab"))], model.File);
    }

    private static UnigramModel ReadUnigram(JsonField model)
    {
        (string Token, double Score)[] entries = VocabularyFiles.ReadScored(model.Get("vocab"));
        Vocabulary vocabulary = new([.. entries.Select((entry, id) => KeyValuePair.Create(entry.Token, id))], model.File);
        JsonField unknown = model.Get("unk_id");
        int id = unknown.Integer();
        return id >= 0 && id < entries.Length
            ? new UnigramModel(
                vocabulary, [.. entries.Select(entry => entry.Score)], new UnigramOptions(id, model.Flag("byte_fallback", false)))
            : throw unknown.Wrong($"the id of one of the {entries.Length} tokens");
    }

    private static BpeModel ReadBpe(JsonField model, Vocabulary vocabulary, bool byteLevel)
    {
        foreach (string affix in new[] { "continuing_subword_prefix", "end_of_word_suffix" })
        {
            if (model.Find(affix) is JsonField field && field.Text().Length > 0)
            {
                throw field.Wrong("null or an empty string: affixes of BPE are not supported");
            }
        }

        if (model.Find("dropout") is JsonField dropout && dropout.Value.GetRawText() is not ("0" or "0.0"))
        {
            throw dropout.Wrong("null or 0: dropout of merges is not supported");
        }

        BpeOptions options = new(
            model.Find("unk_token")?.Text(), model.Flag("fuse_unk", false), model.Flag("byte_fallback", false),
            model.Flag("ignore_merges", false));
        List<TokenPair> merges = [.. model.Get("merges").Items().Select(VocabularyFiles.ReadMerge)];
        return new BpeModel(vocabulary, merges, byteLevel, options, model.File);
    }
}
