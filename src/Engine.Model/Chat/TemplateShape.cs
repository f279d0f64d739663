using Engine.Tokenizers;

namespace Engine.Model.Chat;

/// <summary>What a template puts around answers, as renderings of small conversations show it.</summary>
/// <param name="HeedsPrompt">Whether <c>add_generation_prompt</c> changes anything.</param>
/// <param name="Header">What stands between a question and its answer, whatever the answer; null where the renderings do not tell.</param>
/// <param name="EndToken">The special token behind the last answer; null for none.</param>
/// <param name="EndTokens">The special tokens behind answers, the last and earlier ones.</param>
internal sealed record TemplateShape(bool HeedsPrompt, string? Header, int? EndToken, IReadOnlyList<int> EndTokens)
{
    /// <summary>Two answers that begin differently.</summary>
    private const string Answer = "Yes, gladly", OtherAnswer = "No, sorry";

    private static readonly ChatMessage Question = new(ChatMessage.User, "Would you?");

    public static TemplateShape Of(ChatTemplate template, Tokenizer tokenizer, TextGuard guard)
    {
        string? prompted = Render([Question], addGenerationPrompt: true), asked = Render([Question]);
        string? answered = Render([Question, Assistant(Answer)]), otherwise = Render([Question, Assistant(OtherAnswer)]);
        string? header = null;
        if (asked is not null && answered is not null && otherwise is not null && answered.StartsWith(asked, StringComparison.Ordinal))
        {
            int same = answered.AsSpan().CommonPrefixLength(otherwise);
            header = same >= asked.Length ? answered[asked.Length..same] : null;
        }

        int? last = TokenBehind(answered), earlier = TokenBehind(Render([Question, Assistant(Answer), Question, Assistant(OtherAnswer)]));
        IEnumerable<int> ends = ((int?[])[last, earlier]).OfType<int>().Distinct();
        return new TemplateShape(prompted is null || prompted != asked, header, last, [.. ends]);

        string? Render(ChatMessage[] turns, bool addGenerationPrompt = false) =>
            new ConversationRendering(new Conversation(turns), template, tokenizer, guard).Beginning(turns.Length, addGenerationPrompt);

        int? TokenBehind(string? text)
        {
            if (text is null || text.IndexOf(Answer, StringComparison.Ordinal) is var place && place < 0)
            {
                return null;
            }

            string rest = text[(place + Answer.Length)..].TrimStart();
            return tokenizer.SplitSpecial(rest) is [{ Token: { } token }, ..] ? token.Id : null;
        }
    }

    private static ChatMessage Assistant(string content) => new(ChatMessage.Assistant, content);
}
