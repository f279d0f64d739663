using Engine.Model.Generation;

namespace Engine.Model.Tests.Generation;

/// <summary>How the next token is chosen, held against Transformers' definitions worked out in double precision.</summary>
public sealed class TokenSamplerTests
{
    private static readonly GenerationOptions Drawing = new() { Sample = true, TopK = 0 };

    [Fact]
    public void Greedy_takes_the_first_of_the_highest_logits() => Assert.Equal(2, Next(new GenerationOptions(), [1f, -3f, 5f, 5f, 4f]));

    [Fact]
    public void Temperature_zero_is_greedy() => Assert.Equal(1, Next(Drawing with { Temperature = 0 }, [1f, 2f, 0f]));

    /// <summary>
    /// Transformers' RepetitionPenaltyLogitsProcessor: a token counts once however often it came, positive logits are divided, others
    /// multiplied.
    /// </summary>
    [Fact]
    public void Repetition_penalty_divides_positive_and_multiplies_negative_logits_of_seen_tokens()
    {
        float[] logits = [2f, -2f, 2f, -2f, 0f];
        var sampler = new TokenSampler(new GenerationOptions { RepetitionPenalty = 1.6f }, logits.Length);
        sampler.Observe([0, 1, 0, 4]);
        Assert.Equal(2, sampler.Next(logits, 0));
        Assert.Equal([2f / 1.6f, -2f * 1.6f, 2f, -2f, 0f], logits);
    }

    [Fact]
    public void Probabilities_are_the_softmax_of_logits_over_temperature()
    {
        (int[] ids, double[] probabilities) = Distribution(Drawing with { Temperature = 0.5f }, [0f, MathF.Log(2), MathF.Log(3)]);
        Assert.Equal([0, 1, 2], ids);

        // At temperature 1/2 the weights 1, 2, 3 are squared; a float32 logarithm is off by 1e-7.
        Near([1.0 / 14, 4.0 / 14, 9.0 / 14], probabilities, 1e-6);
    }

    [Fact]
    public void Top_k_keeps_the_highest_and_what_equals_the_lowest_of_them()
    {
        Assert.Equal([1, 3], Distribution(Drawing with { TopK = 2 }, [1f, 4f, 2f, 3f]).Ids);
        Assert.Equal([0, 1, 2], Distribution(Drawing with { TopK = 2 }, [3f, 4f, 3f, 1f]).Ids);
        Assert.Equal([0, 1], Distribution(Drawing with { TopK = 9 }, [3f, 4f]).Ids);
    }

    /// <summary>Transformers' TopPLogitsWarper removes, from the least probable token up, what adds up to at most 1 - p.</summary>
    [Theory]
    [InlineData(0.5f, new[] { 0 })]
    [InlineData(0.51f, new[] { 0, 2 })]
    [InlineData(0.81f, new[] { 0, 1, 2 })]
    [InlineData(0.96f, new[] { 0, 1, 2, 3 })]
    [InlineData(0.0001f, new[] { 0 })]
    public void Top_p_keeps_the_most_probable_tokens_that_reach_it(float p, int[] kept)
    {
        // Probabilities 0.5, 0.15, 0.3, 0.05; 0.5 sits a hair above a half, so that p = 0.5 is no tie.
        float[] logits = [MathF.Log(0.5f) + 1e-5f, MathF.Log(0.15f), MathF.Log(0.3f), MathF.Log(0.05f)];
        Assert.Equal(kept, Distribution(Drawing with { TopP = p }, logits).Ids);
    }

    [Fact]
    public void Filters_agree_with_their_definitions_on_many_random_distributions()
    {
        var random = new Random(5);
        for (int round = 0; round < 200; round++)
        {
            float[] logits = [.. Enumerable.Range(0, 500).Select(_ => (float)(6 * random.NextDouble()))];
            GenerationOptions options = Drawing with
            {
                Temperature = 0.3f + (float)random.NextDouble(),
                TopK = random.Next(0, 60),
                TopP = (float)(1 - random.NextDouble())
            };
            (int[] ids, double[] probabilities) = Distribution(options, logits);
            Dictionary<int, double> expected = Reference(logits, options);
            Assert.Equal(expected.Keys.Order(), ids);
            Near([.. ids.Select(id => expected[id])], probabilities, 1e-5);
        }
    }

    [Fact]
    public void Draws_come_as_often_as_their_probabilities_say()
    {
        const int Draws = 20_000;
        double[] probabilities = [0.1, 0.2, 0.3, 0.4];
        float[] logits = [.. probabilities.Select(p => (float)Math.Log(p))];
        var sampler = new TokenSampler(Drawing with { Seed = 3 }, 4);
        var counts = new int[4];
        for (int step = 0; step < Draws; step++)
        {
            counts[sampler.Next([.. logits], step)]++;
        }

        // Four standard deviations of a binomial count: one seed in 4000 would fail.
        for (int i = 0; i < 4; i++)
        {
            double deviation = Math.Sqrt(Draws * probabilities[i] * (1 - probabilities[i]));
            Assert.InRange(counts[i], (Draws * probabilities[i]) - (4 * deviation), (Draws * probabilities[i]) + (4 * deviation));
        }
    }

    [Fact]
    public void A_draw_depends_on_the_seed_and_the_step_alone()
    {
        float[] logits = [.. Enumerable.Range(0, 1000).Select(i => (i * 7919 % 1000) / 300f)];
        int[] Tokens(ulong seed) =>
            [.. Enumerable.Range(0, 20).Select(step => new TokenSampler(Drawing with { Seed = seed }, 1000).Next([.. logits], step))];
        Assert.Equal(Tokens(8), Tokens(8));
        Assert.NotEqual(Tokens(8), Tokens(9));
        Assert.True(Tokens(8).Distinct().Count() > 10);
    }

    [Fact]
    public void A_logit_that_is_no_number_is_an_error() =>
        Assert.Contains(
            "token 1 is not a number", Assert.Throws<InvalidDataException>(() => Next(Drawing, [0f, float.NaN, 1f])).Message,
            StringComparison.Ordinal);

    [Theory]
    [InlineData("temperature", -1f)]
    [InlineData("top_p", 0f)]
    [InlineData("top_p", 1.5f)]
    [InlineData("top_k", -2f)]
    [InlineData("repetition_penalty", 0f)]
    [InlineData("max_new_tokens", 0f)]
    public void Options_out_of_their_range_are_named(string key, float value)
    {
        GenerationOptions options = key switch
        {
            "temperature" => Drawing with { Temperature = value },
            "top_p" => Drawing with { TopP = value },
            "top_k" => Drawing with { TopK = (int)value },
            "repetition_penalty" => Drawing with { RepetitionPenalty = value },
            _ => Drawing with { MaxNewTokens = (int)value },
        };
        Assert.StartsWith(key, Assert.Throws<ArgumentException>(options.Validate).Message, StringComparison.Ordinal);
    }

    private static int Next(GenerationOptions options, float[] logits) => new TokenSampler(options, logits.Length).Next(logits, 0);

    private static (int[] Ids, double[] Probabilities) Distribution(GenerationOptions options, float[] logits)
    {
        TokenDistribution distribution = new TokenSampler(options, logits.Length).Filter(logits);
        return (distribution.Ids.ToArray(), distribution.Probabilities());
    }

    /// <summary>
    /// The definitions, with whole sorts: k-th highest and its equals stay; cumulative probability at most 1 - p from below goes.
    /// </summary>
    private static Dictionary<int, double> Reference(float[] logits, GenerationOptions options)
    {
        var scores = logits.Select((logit, id) => (Id: id, Score: (double)(logit / options.Temperature))).ToList();
        if (options.TopK > 0)
        {
            double lowest = scores.OrderByDescending(pair => pair.Score).Take(options.TopK).Last().Score;
            scores.RemoveAll(pair => pair.Score < lowest);
        }

        double sum = scores.Sum(pair => Math.Exp(pair.Score)), cumulative = 0;
        var kept = new Dictionary<int, double>();
        foreach ((int id, double score) in scores.OrderBy(pair => pair.Score).ThenByDescending(pair => pair.Id))
        {
            cumulative += Math.Exp(score) / sum;
            if (cumulative > 1 - options.TopP)
            {
                kept.Add(id, Math.Exp(score));
            }
        }

        double total = kept.Values.Sum();
        return kept.ToDictionary(pair => pair.Key, pair => pair.Value / total);
    }

    private static void Near(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(pair.Second, pair.First - tolerance, pair.First + tolerance));
    }
}
