namespace Engine.Tokenizers;

/// <summary>A token that is found in the text before the model sees it, as <c>added_tokens</c> of a tokenizer.json has it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">Its text.</param>
/// <param name="Special">Left out when special tokens are skipped in decoding.</param>
/// <param name="SingleWord">Not found next to a word character.</param>
/// <param name="LStrip">Takes the white space before it along.</param>
/// <param name="RStrip">Takes the white space after it along.</param>
/// <param name="Normalized">Looked for, in its normalized form, in normalized text; otherwise in the text as given.</param>
public sealed record AddedToken(
    int Id, string Content, bool Special = false, bool SingleWord = false, bool LStrip = false, bool RStrip = false,
    bool Normalized = false);
