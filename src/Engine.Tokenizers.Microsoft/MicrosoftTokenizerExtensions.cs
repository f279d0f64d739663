namespace Engine.Tokenizers;

/// <summary>Engine's tokenizers where a program has one of Microsoft.ML.Tokenizers.</summary>
public static class MicrosoftTokenizerExtensions
{
    /// <summary>
    /// A tokenizer of Microsoft.ML.Tokenizers that gives the ids and the text of this one, which are those of Hugging Face's tokenizers.
    /// Safe for use by several threads.
    /// </summary>
    /// <remarks>
    /// <para>
    /// Offsets are those of <see cref="Encoding.Offsets"/>: into the text as it was given, in UTF-16 units. There is thus no normalized
    /// text to go by: <c>normalizedText</c> is always null, and so are <c>Normalizer</c> and <c>PreTokenizer</c>, although both are at work
    /// unless a call leaves them out.
    /// </para>
    /// <para>
    /// A <c>maxTokenCount</c> counts special tokens, which stay when the text is cut; where it leaves no room for them, there are no tokens
    /// at all. A text is never cut inside a character, so that there may be fewer tokens than were asked for.
    /// </para>
    /// </remarks>
    /// <param name="tokenizer">What tokenizes.</param>
    /// <param name="addSpecialTokens">Whether special tokens are added and counted, as <see cref="EncodeOptions.AddSpecialTokens"/> says;
    /// their offsets are 0..0.</param>
    /// <param name="skipSpecialTokens">Whether decoding leaves special tokens out.</param>
    public static global::Microsoft.ML.Tokenizers.Tokenizer AsMicrosoftTokenizer(
        this Tokenizer tokenizer, bool addSpecialTokens = true, bool skipSpecialTokens = false)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        return new MicrosoftTokenizer(tokenizer, addSpecialTokens, skipSpecialTokens);
    }
}
