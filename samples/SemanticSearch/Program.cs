using System.Numerics.Tensors;
using Engine.FineTuning;
using Engine.Training.Configuration;
using Microsoft.Extensions.AI;

// An encoder that has learned to tell what requests are for puts those of one purpose near each other: its vectors find by meaning, not by
// words.
// SemanticSearch [models [steps]].
string models = args is [var folder, ..] ? folder : "models";
string length = args is [_, var steps] ? $"max_steps={steps}" : "num_train_epochs=3";
RunConfiguration run = RunConfiguration.Load(Path.Combine(models, "demo", "run.yaml"), [length]) with
{
    Output = Directory.CreateTempSubdirectory("search-").FullName,
};
(await FineTune.ClassifierAsync(run)).Dispose();

// The run's adapter on the encoder, its classifier left out.
using EngineEmbeddingGenerator encoder = EngineEmbeddingGenerator.Open(run.Output);
string[] documents = [.. File.ReadLines(Path.Combine(models, "demo", "test.tsv")).Skip(1).Select(line => line.Split('\t')[0])];
GeneratedEmbeddings<Embedding<float>> index = await encoder.GenerateAsync(documents);

foreach (string request in (string[])["there is no food in the house", "How do I find the nearest doctor?"])
{
    ReadOnlyMemory<float> asked = await encoder.GenerateVectorAsync(request);
    Console.WriteLine(request);
    foreach ((int i, Embedding<float> found) in index.Index()
        .OrderByDescending(entry => TensorPrimitives.CosineSimilarity(asked.Span, entry.Item.Vector.Span)).Take(3))
    {
        Console.WriteLine($"  {TensorPrimitives.CosineSimilarity(asked.Span, found.Vector.Span):0.00} {documents[i]}");
    }
}

Directory.Delete(run.Output, recursive: true);
