using System.Numerics.Tensors;

namespace Engine.Model.Generation;

/// <summary>
/// The tokens that may come next and their weights (probabilities but for a common factor), in ascending order of ids. The steps are those
/// of Transformers' logits processors and keep exactly their tokens; but none sorts the whole vocabulary.
/// </summary>
internal sealed class TokenDistribution(int vocabularySize)
{
    private readonly int[] ids = new int[vocabularySize];
    private readonly float[] scores = new float[vocabularySize];
    private readonly double[] weights = new double[vocabularySize];
    private readonly float[] heap = new float[vocabularySize];
    private readonly int[] order = new int[vocabularySize];
    private int count;

    /// <summary>The tokens left.</summary>
    public ReadOnlySpan<int> Ids => ids.AsSpan(0, count);

    /// <summary>Their probabilities.</summary>
    public double[] Probabilities()
    {
        double sum = Weigh();
        return [.. weights.Take(count).Select(weight => weight / sum)];
    }

    /// <summary>Begins with every token, scores divided by the temperature.</summary>
    public void Load(ReadOnlySpan<float> logits, float temperature)
    {
        count = logits.Length;
        TensorPrimitives.Divide(logits, temperature, scores.AsSpan(0, count));
        for (int i = 0; i < count; i++)
        {
            ids[i] = i;
        }
    }

    /// <summary>Keeps the <paramref name="k"/> highest scores, and others that equal the lowest of them.</summary>
    public void KeepTop(int k)
    {
        if (k > 0 && k < count)
        {
            float lowest = Highest(k);
            Keep(i => scores[i] >= lowest);
        }
    }

    /// <summary>
    /// Keeps the most probable tokens: from the least probable one up, those whose probabilities add up to at most 1 - <paramref name="p"/>
    /// go. Of equally probable ones the lower id stays longer; one token always stays.
    /// </summary>
    public void KeepNucleus(float p)
    {
        if (p >= 1)
        {
            return;
        }

        double total = Weigh();
        double removable = (1 - (double)p) * total;

        // All weights below this together stay below what may go, so only the others need an order.
        double surelyRemoved = removable / count;
        double removed = 0;
        int candidates = 0;
        for (int i = 0; i < count; i++)
        {
            if (weights[i] < surelyRemoved)
            {
                removed += weights[i];
            }
            else
            {
                order[candidates++] = i;
            }
        }

        Span<int> ascending = order.AsSpan(0, candidates);
        ascending.Sort((a, b) => weights[a] != weights[b] ? weights[a].CompareTo(weights[b]) : b.CompareTo(a));
        double lowest = surelyRemoved;
        int lastKept = ascending[^1];
        foreach (int i in ascending)
        {
            removed += weights[i];
            if (removed > removable || i == ascending[^1])
            {
                (lowest, lastKept) = (weights[i], i);
                break;
            }
        }

        Keep(i => weights[i] > lowest || (weights[i] == lowest && i <= lastKept));
    }

    /// <summary>The token at which the running sum of probabilities passes <paramref name="uniform"/>, which lies in [0, 1).</summary>
    public int Draw(double uniform)
    {
        double aim = uniform * Weigh();
        double sum = 0;
        int last = 0;
        for (int i = 0; i < count; i++)
        {
            if (weights[i] > 0)
            {
                last = i;
                sum += weights[i];
                if (sum > aim)
                {
                    break;
                }
            }
        }

        return ids[last];
    }

    /// <summary>Sets the weights exp(score - highest score); returns their sum.</summary>
    private double Weigh()
    {
        float highest = TensorPrimitives.Max(scores.AsSpan(0, count));
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            weights[i] = Math.Exp(scores[i] - highest);
            sum += weights[i];
        }

        return sum;
    }

    /// <summary>The k-th highest score, by a heap of the k highest seen so far with the lowest on top.</summary>
    private float Highest(int k)
    {
        scores.AsSpan(0, k).CopyTo(heap);
        for (int i = (k / 2) - 1; i >= 0; i--)
        {
            Sink(i, k);
        }

        for (int i = k; i < count; i++)
        {
            if (scores[i] > heap[0])
            {
                heap[0] = scores[i];
                Sink(0, k);
            }
        }

        return heap[0];
    }

    private void Sink(int parent, int size)
    {
        while ((2 * parent) + 1 < size)
        {
            int child = (2 * parent) + 1;
            if (child + 1 < size && heap[child + 1] < heap[child])
            {
                child++;
            }

            if (heap[parent] <= heap[child])
            {
                return;
            }

            (heap[parent], heap[child]) = (heap[child], heap[parent]);
            parent = child;
        }
    }

    private void Keep(Func<int, bool> stays)
    {
        int kept = 0;
        for (int i = 0; i < count; i++)
        {
            if (stays(i))
            {
                ids[kept] = ids[i];
                scores[kept++] = scores[i];
            }
        }

        count = kept;
    }
}
