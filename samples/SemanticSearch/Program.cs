using System.Numerics.Tensors;
using Engine.FineTuning;
using Engine.Training.Configuration;
using Microsoft.Extensions.AI;

// An encoder that has learned what requests are for puts those of one intent near each other: its vectors find by meaning, not by words.
string models = args is [var folder, ..] ? folder : "models";
LabelledText[] Rows(string table) =>
    [.. File.ReadLines(Path.Combine(models, "demo", table)).Skip(1).Select(line => line.Split('\t')).Select(cells => new LabelledText(cells[0], cells[1]))];

var run = new RunConfiguration
{
    Model = Path.Combine(models, "tiny-roberta"),
    Output = Directory.CreateTempSubdirectory("search-").FullName,
    Adapter = new AdapterConfiguration
    {
        R = 16,
        LoraAlpha = 32,
        TargetModules = ["query", "key", "value", "dense"],
        ModulesToSave = ["word_embeddings"],
    },
    LearningRate = 2e-3,
    NumTrainEpochs = 3,
    PerDeviceTrainBatchSize = 16,
    MaxLength = 64,
};
(await FineTune.ClassifierAsync(run, Rows("train.tsv"))).Dispose();

// The run's adapter on the encoder, its classifier left out.
using EngineEmbeddingGenerator encoder = EngineEmbeddingGenerator.Open(run.Output);
string[] documents = [.. Rows("test.tsv").Select(row => row.Text)];
GeneratedEmbeddings<Embedding<float>> index = await encoder.GenerateAsync(documents);

foreach (string request in (string[])["there is no food in the house", "How do I find the nearest doctor?"])
{
    ReadOnlyMemory<float> asked = await encoder.GenerateVectorAsync(request);
    Console.WriteLine(request);
    foreach ((int i, Embedding<float> found) in index.Index().OrderByDescending(entry => TensorPrimitives.CosineSimilarity(asked.Span, entry.Item.Vector.Span)).Take(3))
    {
        Console.WriteLine($"  {TensorPrimitives.CosineSimilarity(asked.Span, found.Vector.Span):0.00} {documents[i]}");
    }
}

Directory.Delete(run.Output, recursive: true);
