namespace Engine.Tokenizers;

/// <summary>The ids of a tokenizer's special tokens; null for a role that it does not have.</summary>
internal sealed record SpecialTokens(int? Bos, int? Eos, int? Unk, int? Sep, int? Pad, int? Cls, int? Mask)
{
    public static IReadOnlyList<string> Roles { get; } =
        ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

    /// <summary>The roles that a token has, with its id.</summary>
    public IEnumerable<(string Role, int Id)> Named =>
        Roles.Zip((int?[])[Bos, Eos, Unk, Sep, Pad, Cls, Mask])
            .Where(pair => pair.Second is not null).Select(pair => (pair.First, pair.Second!.Value));

    /// <summary>
    /// Finds the ids by what the configuration says. A role that it does not speak of goes to the special token of the customary name, if
    /// there is one; the customary first and last tokens of encoders only where there is a mask token.
    /// </summary>
    /// <exception cref="InvalidDataException">The configuration names a token that the tokenizer does not have.</exception>
    public static SpecialTokens Resolve(TokenizerConfig config, TokenizerPipeline pipeline, string folder)
    {
        int? mask = Find("mask_token", "<mask>", "[MASK]");
        string[] ifMasked(params string[] names) => mask is null ? [] : names;
        return new SpecialTokens(
            Find("bos_token", ifMasked("<s>")), Find("eos_token", ifMasked("</s>")), Find("unk_token", "<unk>", "[UNK]"),
            Find("sep_token", ifMasked("</s>", "[SEP]")), Find("pad_token", "<pad>", "[PAD]"),
            Find("cls_token", ifMasked("<s>", "[CLS]")), mask);

        int? Find(string role, params string[] customary)
        {
            string? token = config.SpecialToken(role, out bool known);
            if (!known)
            {
                return pipeline.Added.Tokens.FirstOrDefault(added => added.Special && customary.Contains(added.Content))?.Id;
            }

            if (token is null)
            {
                return null;
            }

            return pipeline.TokenToId(token)
                ?? throw new InvalidDataException(
                    $"{folder}: the configuration names \"{token}\" as {role}, which is not a token of this tokenizer; "
                        + "name one that is, or null.");
        }
    }
}
