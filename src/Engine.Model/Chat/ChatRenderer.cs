using Engine.Common.Keys;
using Engine.Model.Chat.Jinja;
using Engine.Tokenizers;

namespace Engine.Model.Chat;

/// <summary>A conversation as training reads it.</summary>
/// <param name="Parts">Its text, answers marked.</param>
/// <param name="UnsureAnswers">Answers that are not marked, since the rendering does not tell where they stand.</param>
internal sealed record ChatSample(IReadOnlyList<TextPart> Parts, int UnsureAnswers);

/// <summary>
/// Lays conversations out by a template, for a tokenizer. Special tokens are those that the template prints; those that are spelled out in
/// messages stay ordinary text, so that no text can end its turn or start another's. Safe for use by several threads.
/// </summary>
internal sealed class ChatRenderer
{
    private readonly Tokenizer tokenizer;
    private readonly TextGuard guard;
    private readonly Lazy<TemplateShape> shape;

    /// <exception cref="InvalidDataException">The tokenizer lacks a token of a built-in layout.</exception>
    public ChatRenderer(Tokenizer tokenizer, ChatTemplate template)
    {
        this.tokenizer = tokenizer;
        Template = template;
        guard = new TextGuard(tokenizer);
        shape = new(() => TemplateShape.Of(template, tokenizer, guard));
        if (template.RequiredTokens.FirstOrDefault(token => tokenizer.TokenToId(token) is null) is { } missing)
        {
            throw new InvalidDataException(
                $"The chat template needs the token \"{missing}\", which this tokenizer does not have; choose a template that "
                + $"the model was made for (a run's {Setting.Of("chat_template")}), or {ChatTemplate.Plain.Name}, which needs no tokens of "
                + "its own.");
        }

        if (template.IsPlain)
        {
            _ = tokenizer.EndOfText;
        }
    }

    /// <summary>The template.</summary>
    public ChatTemplate Template { get; }

    /// <summary>The token after which a model that answers stops; null where the template puts none behind an answer.</summary>
    public int? EndToken => shape.Value.EndToken;

    /// <summary>A conversation that ends where the assistant is to speak.</summary>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, or fails.</exception>
    public IReadOnlyList<TextPart> Prompt(Conversation conversation)
    {
        string text = Rendering(conversation).Whole(addGenerationPrompt: true).Text;

        // Some templates know of no generation prompt; the header that they put before any answer is one, but for a blank, with which the
        // answer's first token begins.
        text += shape.Value is { HeedsPrompt: false, Header: { } header } ? header.TrimEnd(' ') : "";
        return Parts(text, tokenizer.SplitSpecial(text), []);
    }

    /// <summary>A conversation to be learned, its answers marked as <see cref="AnswerMarks"/> finds them.</summary>
    /// <exception cref="ChatTemplateException">The template refuses the conversation, fails, or has no place for an answer that is only a
    /// call of a tool.</exception>
    public ChatSample Sample(Conversation conversation)
    {
        conversation.RequirePlaceForCalls(Template);
        ConversationRendering rendering = Rendering(conversation);
        JinjaRendering whole = rendering.Whole(addGenerationPrompt: false);
        List<TextSegment> segments = tokenizer.SplitSpecial(whole.Text);
        AnswerMarks marks = Template.HasGeneration
            ? AnswerMarks.OfSpans(conversation, whole)
            : AnswerMarks.OfBeginnings(conversation, whole.Text, segments, rendering, shape.Value);
        return new ChatSample(Parts(whole.Text, segments, marks.Marks), marks.Unsure);
    }

    private ConversationRendering Rendering(Conversation conversation) => new(conversation, Template, tokenizer, guard);

    /// <summary>The parts of a rendering: its special tokens and, cut where an answer begins or ends, what lies between.</summary>
    private static List<TextPart> Parts(string text, List<TextSegment> segments, IReadOnlyList<AnswerMark> marks)
    {
        List<TextPart> parts = new(segments.Count + (2 * marks.Count));
        foreach (TextSegment segment in segments)
        {
            if (segment.Token is { } token)
            {
                parts.Add(Marked(token.Content, token.Id, segment.ContentStart(text), marks));
                continue;
            }

            for (int start = segment.Start; start < segment.End;)
            {
                int end = segment.End;
                foreach (AnswerMark mark in marks)
                {
                    end = mark.Start > start && mark.Start < end ? mark.Start : mark.End > start && mark.End < end ? mark.End : end;
                }

                parts.Add(Marked(TextGuard.Unguarded(text[start..end]), null, start, marks));
                start = end;
            }
        }

        return parts;
    }

    private static TextPart Marked(string text, int? specialId, int start, IReadOnlyList<AnswerMark> marks)
    {
        bool isAnswer = false, isUnlearned = false;
        foreach (AnswerMark mark in marks)
        {
            bool holds = mark.Start <= start && start < mark.End;
            isAnswer |= holds && mark.IsLearned;
            isUnlearned |= holds && !mark.IsLearned;
        }

        return new TextPart(text, specialId, isAnswer, isUnlearned);
    }
}
