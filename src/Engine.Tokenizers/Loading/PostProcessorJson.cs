namespace Engine.Tokenizers;

/// <summary>Reads the <c>post_processor</c> of a tokenizer.json.</summary>
internal static class PostProcessorJson
{
    private static readonly string[] s_known = ["BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"];

    public static SequenceTemplate Read(JsonField field)
    {
        JsonField type = field.Get("type");
        return type.Text() switch
        {
            "BertProcessing" => SequenceTemplate.Bert(TokenId(field.Get("cls")), TokenId(field.Get("sep"))),
            "ByteLevel" => SequenceTemplate.Plain,
            "RobertaProcessing" => SequenceTemplate.Roberta(TokenId(field.Get("cls")), TokenId(field.Get("sep"))),
            "Sequence" => Sequence(field),
            "TemplateProcessing" => Template(field),
            _ => throw type.Unknown("a post-processor", s_known),
        };
    }

    /// <summary>What it does to offsets; null for nothing.</summary>
    public static OffsetTrimming? Trimming(JsonField field) => field.Get("type").Text() switch
    {
        "ByteLevel" or "RobertaProcessing" when field.Flag("trim_offsets", true) =>
            new OffsetTrimming(field.Flag("add_prefix_space", true)),
        "Sequence" => field.Get("processors").Items().Select(Trimming).FirstOrDefault(trimming => trimming is not null),
        _ => null,
    };

    private static SequenceTemplate Sequence(JsonField field)
    {
        JsonField processors = field.Get("processors");
        List<SequenceTemplate> templates = [.. processors.Items().Select(Read).Where(template => template != SequenceTemplate.Plain)];
        return templates.Count switch
        {
            0 => SequenceTemplate.Plain,
            1 => templates[0],
            _ => throw processors.Wrong("at most one processor that adds special tokens"),
        };
    }

    /// <summary>The id of <c>["&lt;/s&gt;", 2]</c>.</summary>
    private static int TokenId(JsonField field) =>
        field.Items().ToArray() is [_, JsonField id] ? Checked(id) : throw field.Wrong("a token with its id, as in [\"</s>\", 2]");

    private static SequenceTemplate Template(JsonField field)
    {
        Dictionary<string, List<Token>> special = new(StringComparer.Ordinal);
        foreach ((string name, JsonField token) in field.Find("special_tokens")?.Properties() ?? [])
        {
            special[name] = [.. token.Get("ids").Items().Select(id => new Token(Checked(id), 0, 0))];
        }

        return new SequenceTemplate(Parts("single", pair: false), Parts("pair", pair: true));

        TemplatePart[] Parts(string name, bool pair) => [.. field.Get(name).Items().Select(part => Part(part, special, pair))];
    }

    private static TemplatePart Part(JsonField part, Dictionary<string, List<Token>> special, bool pair)
    {
        if (part.Find("SpecialToken") is JsonField token)
        {
            JsonField name = token.Get("id");
            return special.TryGetValue(name.Text(), out List<Token>? tokens)
                ? new TemplatePart(TemplateSource.Special, token.Get("type_id").Integer(), tokens)
                : throw name.Wrong("one of the template's special_tokens");
        }

        JsonField sequence = part.Get("Sequence"), id = sequence.Get("id");
        TemplateSource source = id.Text() switch
        {
            "A" => TemplateSource.First,
            "B" when pair => TemplateSource.Second,
            _ => throw id.Wrong(pair ? "\"A\" or \"B\"" : "\"A\""),
        };
        return new TemplatePart(source, sequence.Get("type_id").Integer());
    }

    private static int Checked(JsonField id) =>
        id.Integer() is var value and >= 0 and <= Vocabulary.MaxId ? value : throw id.Wrong($"an id from 0 to {Vocabulary.MaxId}");
}
