using Engine.Model.Generation;
using Engine.Tokenizers;

namespace Engine.Model.Chat;

/// <summary>Answers in conversations: lays them out by a template, and knows the token with which an answer ends. Safe for use by several threads.</summary>
public sealed class ChatGenerator
{
    private readonly Tokenizer tokenizer;

    /// <param name="template">Null: no template; the texts of a conversation follow each other as they are, for models that only go on with text.</param>
    /// <exception cref="ArgumentException">The model's folder has no tokenizer.</exception>
    /// <exception cref="InvalidDataException">The layout is plain, and the tokenizer names no end-of-text token.</exception>
    public ChatGenerator(Generator generator, ChatTemplate? template)
    {
        Generator = generator;
        Template = template;
        tokenizer = generator.Tokenizer ?? throw new ArgumentException("A chat is text, and the model's folder has no tokenizer.", nameof(generator));
        int? end = template is null ? null : template.IsPlain ? tokenizer.EndOfText : tokenizer.TokenToId(template.EndOfTurn);
        Defaults = generator.Defaults with
        {
            EosTokenIds = end is { } id ? [.. generator.Defaults.EosTokenIds.Union([id])] : generator.Defaults.EosTokenIds,
            StopStrings = [.. generator.Defaults.StopStrings, .. template?.StopStrings ?? []],
        };
    }

    public Generator Generator { get; }

    public ChatTemplate? Template { get; }

    /// <summary>What the model's folder says of generation, with the template's ends of an answer.</summary>
    public GenerationOptions Defaults { get; }

    /// <summary>The request for the next answer.</summary>
    /// <param name="adapter">The request's adapter, as <see cref="GenerationRequest"/> has it.</param>
    /// <exception cref="ArgumentException">A role that the template does not have, or no messages.</exception>
    /// <exception cref="InvalidDataException">The tokenizer lacks a token of the template.</exception>
    public GenerationRequest Request(IReadOnlyList<ChatMessage> messages, GenerationOptions options, string? adapter = null)
    {
        if (messages.Count == 0)
        {
            throw new ArgumentException("A conversation needs a message to answer.", nameof(messages));
        }

        int[] ids = Template is null
            ? Generator.Encode(string.Concat(messages.Select(message => message.Content)))
            :
            [
                .. Template.IsPlain ? tokenizer.SpecialTokensAround().Before : [],
                .. PartEncoding.Encode(tokenizer, Template.Render(messages, addGenerationPrompt: true)).Ids,
            ];
        return new GenerationRequest(ids, options, adapter);
    }

    /// <summary>A piece of an answer as it is shown: the plain layout's blank before an answer is no part of it.</summary>
    /// <param name="isFirst">Nothing of the answer came before it.</param>
    public string Shown(string piece, bool isFirst) => isFirst && Template is { IsPlain: true } ? piece.TrimStart(' ') : piece;
}
