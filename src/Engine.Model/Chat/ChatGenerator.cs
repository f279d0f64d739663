using Engine.Model.Generation;
using Engine.Tokenizers;

namespace Engine.Model.Chat;

/// <summary>
/// Answers in conversations: lays them out by a template, and knows the token with which an answer ends. Safe for use by several threads.
/// </summary>
public sealed class ChatGenerator
{
    private readonly Tokenizer tokenizer;
    private readonly ChatRenderer? renderer;

    /// <param name="template">Null: no template; the texts of a conversation follow each other as they are, for models that only go on with
    /// text.</param>
    /// <exception cref="ArgumentException">The model's folder has no tokenizer.</exception>
    /// <exception cref="InvalidDataException">The tokenizer lacks a token of a built-in layout.</exception>
    public ChatGenerator(Generator generator, ChatTemplate? template)
    {
        Generator = generator;
        Template = template;
        tokenizer = generator.Tokenizer
            ?? throw new ArgumentException("A chat is text, and the model's folder has no tokenizer.", nameof(generator));
        renderer = template is null ? null : new ChatRenderer(tokenizer, template);
        Defaults = generator.Defaults with
        {
            EosTokenIds = renderer?.EndToken is { } id ? [.. generator.Defaults.EosTokenIds.Union([id])] : generator.Defaults.EosTokenIds,
            StopStrings = [.. generator.Defaults.StopStrings, .. template?.StopStrings ?? []],
        };
    }

    /// <summary>What continues the rendered conversation; it belongs to whoever opened it.</summary>
    public Generator Generator { get; }

    /// <summary>What makes a text of a conversation; null: messages are joined as they stand.</summary>
    public ChatTemplate? Template { get; }

    /// <summary>What the model's folder says of generation, with the template's ends of an answer.</summary>
    public GenerationOptions Defaults { get; }

    /// <summary>The request for the next answer.</summary>
    /// <param name="adapter">The request's adapter, as <see cref="GenerationRequest"/> has it.</param>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, or fails.</exception>
    /// <exception cref="ArgumentException">No messages; or without a template what only one lays out: tools, documents,
    /// variables.</exception>
    public GenerationRequest Request(Conversation conversation, GenerationOptions options, string? adapter = null)
    {
        if (conversation.Messages.Count == 0)
        {
            throw new ArgumentException("A conversation needs a message to answer.", nameof(conversation));
        }

        if (renderer is null && (conversation.Tools is not null || conversation.Documents is not null || conversation.Variables.Count > 0))
        {
            throw new ArgumentException(
                "Tools, documents and variables are laid out by a chat template, and none is in use.", nameof(conversation));
        }

        int[] ids = renderer is null
            ? Generator.Encode(string.Concat(conversation.Messages.Select(message => message.Content)))
            :
            [
                .. Template!.IsPlain ? tokenizer.SpecialTokensAround().Before : [],
                .. PartEncoding.Encode(tokenizer, renderer.Prompt(conversation)).Ids,
            ];
        return new GenerationRequest(ids, options, adapter);
    }

    /// <summary>A piece of an answer as it is shown: the plain layout's blank before an answer is no part of it.</summary>
    /// <param name="isFirst">Nothing of the answer came before it.</param>
    public string Shown(string piece, bool isFirst) => isFirst && Template is { IsPlain: true } ? piece.TrimStart(' ') : piece;
}
