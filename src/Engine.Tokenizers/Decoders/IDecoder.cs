namespace Engine.Tokenizers;

/// <summary>The <c>decoder</c> of a tokenizer.json: turns tokens into parts that make the text when joined.</summary>
internal interface IDecoder
{
    IReadOnlyList<string> Decode(IReadOnlyList<string> tokens);
}
