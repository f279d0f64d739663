namespace Engine.Tokenizers;

/// <summary>The <c>normalizer</c> of a tokenizer.json: rewrites well-formed text before it is split.</summary>
internal interface INormalizer
{
    /// <summary>Rewrites a text in place.</summary>
    void Normalize(AlignedText text);

    /// <summary>What becomes of a text.</summary>
    sealed string Normalized(string text)
    {
        AlignedText aligned = new(text);
        Normalize(aligned);
        return aligned.Text;
    }
}
