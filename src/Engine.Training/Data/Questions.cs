using Engine.Tokenizers;

namespace Engine.Training.Data;

/// <summary>How contexts are cut into windows, and answers found in them.</summary>
/// <param name="Stride">Tokens that two windows share.</param>
/// <param name="MaxAnswerLength">The longest answer in tokens.</param>
/// <param name="Unanswerable">There may be no answer.</param>
internal sealed record SpanOptions(int Stride = 128, int MaxAnswerLength = 30, bool Unanswerable = false);

/// <summary>An answer as a part of its context.</summary>
/// <param name="Text">The part.</param>
/// <param name="Start">Its first character, in UTF-16 units from 0.</param>
public sealed record Answer(string Text, int Start);

/// <summary>An answer that a model gives.</summary>
/// <param name="Text">The part of the context; empty: there is none.</param>
/// <param name="Start">Its first character, in UTF-16 units from 0; null where there is none.</param>
/// <param name="Probability">By a softmax over the best spans of all windows of the context, at most 20.</param>
public sealed record FoundAnswer(string Text, int? Start, double Probability);

/// <summary>A window of a context, which is a row of the model's.</summary>
/// <param name="Example">The number of its question.</param>
/// <param name="First">The place of the window's first token in the row.</param>
/// <param name="Offsets">The part of the context that each token of the window stands for.</param>
internal sealed record ContextWindow(int Example, int First, TokenOffset[] Offsets);

/// <summary>Questions with the windows of their contexts.</summary>
internal sealed record QuestionSet(IReadOnlyList<Example> Examples, IReadOnlyList<ContextWindow> Windows, SpanOptions Options)
{
    /// <summary>Spans of a window that are looked at: so many starts and ends.</summary>
    private const int Best = 20;

    /// <summary>
    /// Each question's best answer, by the sum of its start's and its end's logit, over all windows of its context; none where that of no
    /// answer, which stands at the first token, is larger in all of them (Transformers' <c>postprocess_qa_predictions</c>).
    /// </summary>
    /// <param name="logitsOf">A window's logits [tokens, 2].</param>
    public FoundAnswer[] Answers(Func<int, ReadOnlyMemory<float>> logitsOf)
    {
        var candidates = new List<(double Score, string Text, int? Start)>[Examples.Count];
        double[] none = new double[Examples.Count];
        Array.Fill(none, double.PositiveInfinity);
        for (int row = 0; row < Windows.Count; row++)
        {
            ContextWindow window = Windows[row];
            ReadOnlySpan<float> logits = logitsOf(row).Span;
            none[window.Example] = Math.Min(none[window.Example], logits[0] + (double)logits[1]);
            Collect(window, logits, candidates[window.Example] ??= []);
        }

        return [.. Enumerable.Range(0, Examples.Count).Select(i => Choose(candidates[i] ?? [], none[i]))];
    }

    /// <summary>Some of the windows, with their questions.</summary>
    /// <param name="rows">Numbers of windows.</param>
    public QuestionSet Part(IReadOnlyList<int> rows)
    {
        int[] kept = [.. rows.Select(row => Windows[row].Example).Distinct().Order()];
        return this with
        {
            Examples = [.. kept.Select(example => Examples[example])],
            Windows = [.. rows.Select(row => Windows[row] with { Example = Array.BinarySearch(kept, Windows[row].Example) })],
        };
    }

    private void Collect(ContextWindow window, ReadOnlySpan<float> logits, List<(double Score, string Text, int? Start)> found)
    {
        string context = Examples[window.Example].TextPair!;
        int[] ends = Largest(logits, 1);
        foreach (int start in Largest(logits, 0))
        {
            foreach (int end in ends)
            {
                if (start < window.First || end < start || end >= window.First + window.Offsets.Length
                    || end - start >= Options.MaxAnswerLength)
                {
                    continue;
                }

                int from = window.Offsets[start - window.First].Start, to = window.Offsets[end - window.First].End;
                found.Add((logits[2 * start] + (double)logits[(2 * end) + 1], context[from..Math.Max(from, to)], from));
            }
        }
    }

    private FoundAnswer Choose(List<(double Score, string Text, int? Start)> found, double none)
    {
        if (Options.Unanswerable || found.Count == 0)
        {
            found.Add((none, string.Empty, null));
        }

        (double Score, string Text, int? Start)[] best = [.. found.OrderByDescending(span => span.Score).Take(Best)];
        double sum = best.Sum(span => Math.Exp(span.Score - best[0].Score));
        return new FoundAnswer(best[0].Text, best[0].Start, 1 / sum);
    }

    private static int[] Largest(ReadOnlySpan<float> logits, int column)
    {
        var values = new float[logits.Length / 2];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = logits[(2 * i) + column];
        }

        return [.. Enumerable.Range(0, values.Length).OrderByDescending(i => values[i]).Take(Best)];
    }
}
