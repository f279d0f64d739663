namespace Engine.Tokenizers;

/// <summary>The <c>normalizer</c> of a tokenizer.json: rewrites well-formed text before it is split.</summary>
internal interface INormalizer
{
    string Normalize(string text);
}
