namespace Engine.Model.Generation;

/// <summary>A prompt to go on with.</summary>
/// <param name="PromptIds">The prompt's tokens, at least one.</param>
/// <param name="Options">How it goes on.</param>
/// <param name="Adapter">The adapter it goes on with, by its name; <see cref="NoAdapter"/>: the model alone; null: what
/// <see cref="Generator.UseAdapter"/> chose.</param>
public sealed record GenerationRequest(IReadOnlyList<int> PromptIds, GenerationOptions Options, string? Adapter = null)
{
    /// <summary>As a request's adapter: the model alone.</summary>
    public const string NoAdapter = "";
}

/// <summary>Why an answer ended.</summary>
public enum FinishReason
{
    /// <summary>The model ended it with a token of its own.</summary>
    EndToken,

    /// <summary>A stop string came.</summary>
    StopString,

    /// <summary>It has as many tokens as were asked for, or the context is full.</summary>
    Length,
}

/// <summary>What one token added to an answer.</summary>
/// <param name="Request">The number of the request.</param>
/// <param name="Text">New text, often a word; empty while a character or a possible stop string is incomplete, and without a
/// tokenizer.</param>
/// <param name="Tokens">Tokens generated so far.</param>
/// <param name="Finish">Why the answer ends here; null while it goes on.</param>
public sealed record GeneratedPiece(int Request, string Text, int Tokens, FinishReason? Finish);

/// <summary>A finished answer.</summary>
/// <param name="PromptTokens">Tokens of the prompt.</param>
/// <param name="Ids">Generated tokens, an end token included.</param>
/// <param name="Text">What they add to the prompt's text, without special tokens and up to a stop string; null without a tokenizer.</param>
/// <param name="Finish">Why it ended.</param>
public sealed record GeneratedText(int PromptTokens, IReadOnlyList<int> Ids, string? Text, FinishReason Finish);
