namespace Engine.Kernels.Tests;

/// <summary>Attention and its gradient in double precision, from the definition: all weights of a query at once.</summary>
internal static class AttentionReference
{
    public sealed record Gradients(double[] Q, double[] K, double[] V)
    {
        /// <summary>
        /// What each gradient's terms add up to by absolute value, the output's in the softmax's gradient too: so much times a relative
        /// error of every weight, and of every weight's gradient, bounds the gradient's error.
        /// </summary>
        public Gradients? Magnitudes { get; init; }

        /// <summary>Empty without a bias.</summary>
        public double[] Bias { get; init; } = [];
    }

    /// <param name="bias">Null: the problem's.</param>
    public static (double[] Output, double[] LogSumExp) Forward(
        AttentionCase problem, double[] q, double[] k, double[] v, double[]? bias = null)
    {
        var output = new double[q.Length];
        var logSumExp = new double[problem.Shape.QueryTokens * problem.Shape.Heads];
        foreach (Query query in Queries(problem))
        {
            (double[] weights, double lse) = Weights(problem, query, q, k, bias ?? problem.Bias.Double());
            logSumExp[(query.Token * problem.Shape.Heads) + query.Head] = lse;
            for (int j = 0; j < weights.Length; j++)
            {
                double kept = weights[j] * query.Factor(problem, j);
                for (int e = 0; e < problem.Shape.HeadSize; e++)
                {
                    output[query.Q(problem) + e] += kept * v[query.K(problem, j) + e];
                }
            }
        }

        return (output, logSumExp);
    }

    /// <summary>The gradients of the sum of output * outputGradient.</summary>
    public static Gradients Backward(AttentionCase problem)
    {
        double[] q = problem.Q.Double(), k = problem.K.Double(), v = problem.V.Double(), bias = problem.Bias.Double();
        Gradients Zeros() => new(new double[q.Length], new double[k.Length], new double[v.Length]) { Bias = new double[bias.Length] };
        Gradients magnitudes = Zeros(), gradients = Zeros() with { Magnitudes = magnitudes };
        foreach (Query query in Queries(problem))
        {
            (double[] weights, _) = Weights(problem, query, q, k, bias);
            int atQ = query.Q(problem);
            var weightGradients = new double[weights.Length];
            double dot = 0, dotMagnitude = 0;
            for (int j = 0; j < weights.Length; j++)
            {
                int atK = query.K(problem, j);
                double factor = query.Factor(problem, j);
                for (int e = 0; e < problem.Shape.HeadSize; e++)
                {
                    weightGradients[j] += factor * problem.OutputGradient[atQ + e] * v[atK + e];
                    gradients.V[atK + e] += factor * weights[j] * problem.OutputGradient[atQ + e];
                    magnitudes.V[atK + e] += factor * weights[j] * Math.Abs(problem.OutputGradient[atQ + e]);
                    dotMagnitude += factor * weights[j] * Math.Abs(problem.OutputGradient[atQ + e] * v[atK + e]);
                }

                dot += weights[j] * weightGradients[j];
            }

            for (int j = 0; j < weights.Length; j++)
            {
                int atK = query.K(problem, j);
                double slope = problem.Shape.Scale * CapSlope(problem, query, j, q, k);
                double biased = weights[j] * (weightGradients[j] - dot);
                double score = biased * slope;
                double magnitude = Math.Abs(score) + (weights[j] * dotMagnitude * slope);
                if (bias.Length > 0)
                {
                    gradients.Bias[query.Bias(problem, j)] += biased;
                    magnitudes.Bias[query.Bias(problem, j)] += Math.Abs(biased) + (weights[j] * dotMagnitude);
                }

                for (int e = 0; e < problem.Shape.HeadSize; e++)
                {
                    gradients.Q[atQ + e] += score * k[atK + e];
                    gradients.K[atK + e] += score * q[atQ + e];
                    magnitudes.Q[atQ + e] += magnitude * Math.Abs(k[atK + e]);
                    magnitudes.K[atK + e] += magnitude * Math.Abs(q[atQ + e]);
                }
            }
        }

        return gradients;
    }

    private static IEnumerable<Query> Queries(AttentionCase problem)
    {
        for (int row = 0; row < problem.Shape.Rows; row++)
        {
            int keys = problem.KeyStart[row + 1] - problem.KeyStart[row];
            for (int token = problem.QueryStart[row]; token < problem.QueryStart[row + 1]; token++)
            {
                for (int head = 0; head < problem.Shape.Heads; head++)
                {
                    int[] seen = [.. Enumerable.Range(0, keys).Where(key => Sees(problem.Shape, problem.QueryPosition[token], key))];
                    yield return new Query(token, head, problem.KeyStart[row] + seen.FirstOrDefault(), seen.Length, seen.FirstOrDefault());
                }
            }
        }
    }

    /// <summary>A window's definition: keys less than so many tokens away, and of those before the query where it is causal.</summary>
    private static bool Sees(AttentionShape shape, int position, int key) =>
        (!shape.Causal || key <= position) && (shape.Window == 0 || Math.Abs(position - key) < shape.Window);

    private static double Score(AttentionCase problem, Query query, int key, double[] q, double[] k)
    {
        double score = 0;
        for (int e = 0; e < problem.Shape.HeadSize; e++)
        {
            score += q[query.Q(problem) + e] * k[query.K(problem, key) + e] * problem.Shape.Scale;
        }

        return score;
    }

    private static double CapSlope(AttentionCase problem, Query query, int key, double[] q, double[] k) => problem.Shape.SoftCap == 0
        ? 1
        : 1 / Math.Pow(Math.Cosh(Score(problem, query, key, q, k) / problem.Shape.SoftCap), 2);

    private static (double[] Weights, double LogSumExp) Weights(
        AttentionCase problem, Query query, double[] q, double[] k, double[] bias)
    {
        if (query.Keys == 0)
        {
            return ([], 0);
        }

        var scores = new double[query.Keys];
        for (int j = 0; j < query.Keys; j++)
        {
            double score = Score(problem, query, j, q, k), cap = problem.Shape.SoftCap;
            scores[j] = (cap == 0 ? score : cap * Math.Tanh(score / cap)) + (bias.Length == 0 ? 0 : bias[query.Bias(problem, j)]);
        }

        double maximum = scores.Max();
        double sum = scores.Sum(score => Math.Exp(score - maximum));
        return ([.. scores.Select(score => Math.Exp(score - maximum) / sum)], maximum + Math.Log(sum));
    }

    /// <summary>One query of one head, with the keys of its segment that it sees, of which so many come before the first.</summary>
    private sealed record Query(int Token, int Head, int FirstKey, int Keys, int Before)
    {
        public int Q(AttentionCase problem) => ((Token * problem.Shape.Heads) + Head) * problem.Shape.HeadSize;

        public int K(AttentionCase problem, int key)
        {
            int group = problem.Shape.Heads / problem.Shape.KeyValueHeads;
            return (((FirstKey + key) * problem.Shape.KeyValueHeads) + (Head / group)) * problem.Shape.HeadSize;
        }

        public int Bias(AttentionCase problem, int key) =>
            (((Head * problem.Shape.BiasQueries) + problem.BiasPosition[Token]) * problem.Shape.MaxKeyLength) + Before + key;

        public double Factor(AttentionCase problem, int key)
        {
            AttentionShape shape = problem.Shape;
            if (shape.Dropout == 0)
            {
                return 1;
            }

            long element = ((((long)Token * shape.Heads) + Head) * shape.MaxKeyLength) + Before + key;
            uint word = PhiloxReference.Word(element, AttentionCase.Seed, shape.DropoutStream, AttentionCase.Step);
            return word >= shape.Dropout * 4294967296.0 ? 1 / (1 - (double)shape.Dropout) : 0;
        }
    }
}
