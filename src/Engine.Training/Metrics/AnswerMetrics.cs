using System.Text;
using System.Text.RegularExpressions;

namespace Engine.Training.Metrics;

/// <summary>
/// How well answers fit, as the scripts of SQuAD measure it (Rajpurkar et al. 2016, arXiv 1606.05250): after lower-casing, without
/// punctuation and articles; the best of a question's answers counts.
/// </summary>
internal static class AnswerMetrics
{
    private static readonly Regex Articles = new(@"\b(a|an|the)\b", RegexOptions.CultureInvariant);

    /// <summary>The share of questions whose answer is right, and the mean F1 of the words that both share.</summary>
    /// <param name="answers">What may be answered to each question; nothing: that there is no answer.</param>
    public static (double ExactMatch, double F1) Measure(IReadOnlyList<IReadOnlyList<string>> answers, IReadOnlyList<string> found)
    {
        double exact = 0, f1 = 0;
        for (int i = 0; i < found.Count; i++)
        {
            IReadOnlyList<string> right = answers[i].Any(answer => Words(answer).Length > 0)
                ? [.. answers[i].Where(answer => Words(answer).Length > 0)]
                : [string.Empty];
            exact += right.Any(answer => Words(answer).SequenceEqual(Words(found[i]))) ? 1 : 0;
            f1 += right.Max(answer => F1(Words(answer), Words(found[i])));
        }

        return (exact / found.Count, f1 / found.Count);
    }

    /// <summary>The words that are compared.</summary>
    public static string[] Words(string text)
    {
        var letters = new StringBuilder(text.Length);
        foreach (char letter in text.ToLowerInvariant())
        {
            if (!(letter < 128 && (char.IsPunctuation(letter) || char.IsSymbol(letter))))
            {
                letters.Append(letter);
            }
        }

        return Articles.Replace(letters.ToString(), " ").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }

    private static double F1(string[] right, string[] found)
    {
        if (right.Length == 0 || found.Length == 0)
        {
            return right.Length == found.Length ? 1 : 0;
        }

        Dictionary<string, int> left = right.CountBy(word => word).ToDictionary(StringComparer.Ordinal);
        double both = 0;
        foreach (string word in found)
        {
            if (left.TryGetValue(word, out int count) && count > 0)
            {
                left[word] = count - 1;
                both++;
            }
        }

        return 2 * both / (right.Length + found.Length);
    }
}
