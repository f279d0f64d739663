using Microsoft.Extensions.AI;

namespace Engine.FineTuning;

/// <summary>A text, or a pair of texts, with what is to be said of it.</summary>
/// <param name="Text">The text, or the first of a pair.</param>
public abstract record TextExample(string Text)
{
    /// <summary>The second text of a pair; null without one. All examples of a set have one, or none has.</summary>
    public string? TextPair { get; init; }
}

/// <summary>A text, or a pair of texts, with its class.</summary>
/// <param name="Text">The text, or the first of a pair.</param>
/// <param name="Label">The class's name.</param>
public sealed record LabelledText(string Text, string Label) : TextExample(Text);

/// <summary>A text with one that belongs to it, such as a question with its answer, and perhaps texts that do not.</summary>
/// <param name="Text">The text.</param>
/// <param name="Match">The text that belongs to it; those of other examples do not.</param>
public sealed record MatchedTexts(string Text, string Match)
{
    /// <summary>Texts that do not belong to it, hard to tell from the one that does; equally many in all examples of a set.</summary>
    public IReadOnlyList<string> Negatives { get; init; } = [];
}

/// <summary>
/// A text, or a pair of texts, with the number that a regressor is to predict; of sentence vectors the cosine that the pair's are to have.
/// </summary>
/// <param name="Text">The text, or the first of a pair.</param>
/// <param name="Score">The number.</param>
public sealed record ScoredText(string Text, double Score) : TextExample(Text);

/// <summary>What a language model learns from; a set holds one kind.</summary>
public abstract record LanguageExample
{
    private LanguageExample()
    {
    }

    /// <summary>A text that is learned whole.</summary>
    /// <param name="text">The text.</param>
    /// <returns>The example.</returns>
    public static implicit operator LanguageExample(string text) => new PlainText(text);

    /// <summary>A conversation: the assistant's messages are learned, the others read.</summary>
    /// <param name="Messages">Messages of text; those of the assistant may hold reasoning and calls of tools, those of a tool its
    /// results.</param>
    public sealed record Conversation(params IReadOnlyList<ChatMessage> Messages) : LanguageExample
    {
        /// <summary>The functions that the assistant may call; null for none.</summary>
        public IReadOnlyList<AITool>? Tools { get; init; }
    }

    /// <summary>A prompt and what it is to be continued by, which is learned.</summary>
    /// <param name="Prompt">What is read.</param>
    /// <param name="Answer">What is learned.</param>
    public sealed record Completion(string Prompt, string Answer) : LanguageExample;

    /// <summary>A text that is learned whole.</summary>
    /// <param name="Text">The text.</param>
    public sealed record PlainText(string Text) : LanguageExample;
}
