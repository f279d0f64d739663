using Engine.Common;
using Engine.Model.Batching;
using Engine.Training.Configuration;
using Engine.Training.Tests.Running;
using Microsoft.Extensions.AI;

namespace Engine.FineTuning.Tests;

/// <summary>
/// <see cref="FineTune.EmbeddingGeneratorAsync(RunConfiguration, FineTuneOptions?, CancellationToken)"/> and its siblings.
/// </summary>
public sealed class EmbeddingTrainingTests : IDisposable
{
    private static readonly string[] Things = ["heron", "otter", "badger", "wren", "hammer", "chisel", "plane", "saw"];

    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public async Task Texts_that_belong_together_are_learned_and_the_run_is_opened_again_as_it_was_trained()
    {
        RunConfiguration run = tiny.Run() with { Output = tiny.File("vectors"), NumTrainEpochs = 4 };
        float[] trained;
        using (EngineEmbeddingGenerator generator = await FineTune.EmbeddingGeneratorAsync(run, Matched(24), Matched(8)))
        {
            Assert.Equal(["loss", "accuracy", "mrr"], generator.Training!.After!.Keys);
            Assert.True(generator.Training.After["loss"] < generator.Training.Before!["loss"]);
            trained = (await generator.GenerateVectorAsync("the small heron")).ToArray();
        }

        using EngineEmbeddingGenerator opened = EngineEmbeddingGenerator.Open(tiny.File("vectors"));
        using EngineEmbeddingGenerator untrained = EngineEmbeddingGenerator.Open(tiny.File("model"));
        Assert.Null(opened.Training);
        Assert.Equal(trained, (await opened.GenerateVectorAsync("the small heron")).ToArray());
        Assert.NotEqual(trained, (await untrained.GenerateVectorAsync("the small heron")).ToArray());
    }

    [Fact]
    public async Task Scored_pairs_are_learned_and_evaluated_as_the_run_evaluates_them()
    {
        RunConfiguration run = tiny.Run() with
        {
            Output = tiny.File("scored"),
            Data = new DataConfiguration { LabelDivisor = 5 },
        };
        using EngineEmbeddingGenerator generator = await FineTune.EmbeddingGeneratorAsync(run, Scored(24), Scored(8));
        IReadOnlyDictionary<string, double> metrics = await generator.EvaluateAsync(Scored(8));

        Assert.Equal(["loss", "pearson", "spearman"], metrics.Keys);

        // The evaluation opens the written weights, and goes through the same texts in the same batches.
        Assert.All(metrics, metric => Assert.Equal(generator.Training!.After![metric.Key], metric.Value, 1e-6));
    }

    [Fact]
    public async Task What_an_example_lacks_is_said_of_that_example()
    {
        RunConfiguration run = tiny.Run();
        MatchedTexts[] uneven = [.. Matched(4), new MatchedTexts("a saw", "quite the saw")];
        Assert.Contains("train[4]: it has 0 Negatives", (await Refused<ArgumentException>(() =>
            FineTune.EmbeddingGeneratorAsync(run, uneven))).Message, StringComparison.Ordinal);
        Assert.Contains("train[0]: it is a single text", (await Refused<ArgumentException>(() =>
            FineTune.EmbeddingGeneratorAsync(run, [new ScoredText("a saw", 1)]))).Message, StringComparison.Ordinal);
        string noCosine = (await Refused<DataFileException>(() => FineTune.EmbeddingGeneratorAsync(run, Scored(4)))).Message;
        Assert.Contains("train[0]: the label '4.5' is no cosine", noCosine, StringComparison.Ordinal);
        Assert.Contains("Data.LabelDivisor", noCosine, StringComparison.Ordinal);
        Assert.Contains("without Data.Label", (await Refused<ConfigurationException>(() =>
            FineTune.EmbeddingGeneratorAsync(run with { SimilarityScale = 10 }, Scored(4)))).Message, StringComparison.Ordinal);
    }

    private static async Task<T> Refused<T>(Func<Task<EngineEmbeddingGenerator>> train)
        where T : Exception => await Assert.ThrowsAnyAsync<T>(train);

    private static MatchedTexts[] Matched(int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => new MatchedTexts($"the small {Thing(i)} {i}", $"quite the {Thing(i)}")
        {
            Negatives = [$"quite the {Thing(i + 3)} {i}"],
        }),
    ];

    private static ScoredText[] Scored(int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => new ScoredText($"the small {Thing(i)} {i}", i % 3 == 0 ? 4.5 : 0.25 * (i % 8))
        {
            TextPair = $"quite the {Thing(i % 3 == 0 ? i : i + 1)}",
        }),
    ];

    private static string Thing(int i) => Things[i % Things.Length];
}
