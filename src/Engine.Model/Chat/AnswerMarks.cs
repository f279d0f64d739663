using Engine.Model.Chat.Jinja;
using Engine.Tokenizers;

namespace Engine.Model.Chat;

/// <summary>Where an answer stands in a rendering.</summary>
/// <param name="Start">Its first character.</param>
/// <param name="End">The one behind its last.</param>
/// <param name="IsLearned">Whether training may ask for it.</param>
internal readonly record struct AnswerMark(int Start, int End, bool IsLearned);

/// <summary>The answers of a rendering.</summary>
/// <param name="Marks">In their order; those of a prompt have no mark.</param>
/// <param name="Unsure">Answers whose place the renderings do not tell.</param>
/// <remarks>
/// A template with <c>generation</c> blocks says itself what is learned. Of another one the answer of a turn begins where the rendering of
/// the turns before it ends, generation prompt included, as long as that is how the whole rendering begins. Where it is not, or where the
/// template knows no generation prompt, the answer begins behind the rendering of the turns before it and the header that stands before any
/// answer. It ends with the special token that the template puts behind answers, as long as that is the first one in it. Else it ends where
/// the rendering of the turns up to it does, again as long as that is how the whole begins, and without the white space behind its last
/// special token, or behind its text where it ends with none. What cannot be told so is not learned.
/// </remarks>
internal sealed record AnswerMarks(IReadOnlyList<AnswerMark> Marks, int Unsure)
{
    /// <summary>
    /// What the template's <c>generation</c> blocks printed, a block for each answer; where there are more or fewer it does not tell which
    /// turn's they are.
    /// </summary>
    public static AnswerMarks OfSpans(Conversation conversation, JinjaRendering whole)
    {
        int[] turns = AnswersOf(conversation);
        int[] places = CodePoints(whole.Text, whole.Spans);
        IEnumerable<(int Start, int End)> spans = Enumerable.Range(0, whole.Spans.Count).Select(i => (places[2 * i], places[(2 * i) + 1]));
        if (turns.Length == whole.Spans.Count)
        {
            return Of(conversation, whole.Text, turns.Zip(spans, (turn, span) => (turn, ((int, int)?)span)));
        }

        bool areAllLearned = conversation.FirstLearned == 0 && turns.All(turn => conversation.Messages[turn].IsLearned);
        return areAllLearned
            ? new AnswerMarks([.. spans.Select(span => new AnswerMark(span.Start, span.End, IsLearned: true))], 0)
            : Of(conversation, whole.Text, turns.Select(turn => (turn, ((int, int)?)null)));
    }

    /// <summary>What follows the renderings of the conversation's beginnings.</summary>
    /// <param name="segments">The rendering, cut at its special tokens.</param>
    public static AnswerMarks OfBeginnings(
        Conversation conversation, string whole, IReadOnlyList<TextSegment> segments, ConversationRendering rendering, TemplateShape shape)
    {
        IEnumerable<int> marked =
            AnswersOf(conversation).Where(turn => turn >= conversation.FirstLearned || !conversation.Messages[turn].IsLearned);
        return Of(conversation, whole, marked.Select(turn => (turn, Place(turn))));

        (int, int)? Place(int turn) => StartOf(turn) is { } start && EndOf(turn, start) is { } end ? (start, end) : null;

        int? StartOf(int turn)
        {
            if (shape.HeedsPrompt && BeginsWith(rendering.Beginning(turn, addGenerationPrompt: true)) is { } prompted)
            {
                return prompted;
            }

            return BeginsWith(rendering.Beginning(turn, addGenerationPrompt: false)) is { } before && shape.Header is { } header
                && whole.AsSpan(before).StartsWith(header, StringComparison.Ordinal) ? before + header.Length : null;
        }

        int? EndOf(int turn, int start)
        {
            TextSegment first = segments.FirstOrDefault(segment => segment.Token is not null && segment.Start >= start);
            if (first.Token is { } token && shape.EndTokens.Contains(token.Id))
            {
                return first.End;
            }

            if (BeginsWith(rendering.Beginning(turn + 1, addGenerationPrompt: false)) is not { } end || end < start)
            {
                return null;
            }

            TextSegment last = segments.LastOrDefault(segment => segment.Token is not null && segment.Start >= start && segment.End <= end);
            return last.Token is not null && whole.AsSpan(last.End..end).IsWhiteSpace() ? last.End : whole.AsSpan(0, end).TrimEnd().Length;
        }

        int? BeginsWith(string? beginning) =>
            beginning is not null && whole.StartsWith(beginning, StringComparison.Ordinal) ? beginning.Length : null;
    }

    /// <summary>Marks the answers that have a place. Where one that must not be learned has none, nothing of the conversation is.</summary>
    private static AnswerMarks Of(Conversation conversation, string whole, IEnumerable<(int Turn, (int Start, int End)? Place)> answers)
    {
        List<AnswerMark> marks = [];
        int unsure = 0;
        bool mayLearnForbidden = false;
        foreach ((int turn, (int Start, int End)? place) in answers)
        {
            bool isLearned = conversation.Messages[turn].IsLearned;
            if (place is null)
            {
                unsure++;
                mayLearnForbidden |= !isLearned;
            }
            else if (turn >= conversation.FirstLearned || !isLearned)
            {
                marks.Add(new AnswerMark(place.Value.Start, place.Value.End, isLearned));
            }
        }

        return new AnswerMarks(mayLearnForbidden ? [new AnswerMark(0, whole.Length, IsLearned: false)] : marks, unsure);
    }

    private static int[] AnswersOf(Conversation conversation) =>
        [.. Enumerable.Range(0, conversation.Messages.Count).Where(turn => conversation.Messages[turn].Role == ChatMessage.Assistant)];

    /// <summary>Starts and ends in code points, as places in a text.</summary>
    private static int[] CodePoints(string text, IReadOnlyList<(int Start, int End)> spans)
    {
        int[] wanted = [.. spans.SelectMany(span => (int[])[span.Start, span.End])];
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDBFF'))
        {
            return wanted;
        }

        List<int> places = new(text.Length + 1);
        for (int place = 0; place < text.Length; place += char.IsSurrogatePair(text, place) ? 2 : 1)
        {
            places.Add(place);
        }

        places.Add(text.Length);
        return Array.ConvertAll(wanted, point => places[Math.Min(point, places.Count - 1)]);
    }
}
