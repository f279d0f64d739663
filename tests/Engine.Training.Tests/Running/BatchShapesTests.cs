using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>The shapes that a run's plan is made for are those of the batches it will have, though no batch is made to find them.</summary>
public sealed class BatchShapesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly TinyRun encoder = new();

    public void Dispose()
    {
        folder.Dispose();
        encoder.Dispose();
    }

    public static TheoryData<string, string> Runs => new()
    {
        { "sequence-classification", "group_by_length: true" },
        { "sequence-classification", "group_by_length: false" },
        { "masked-lm", "group_by_length: false" },
        { "causal-lm", "" },
        { "causal-lm", "packing: true\ngroup_by_length: false" },
    };

    [Theory]
    [MemberData(nameof(Runs))]
    public void Shapes_of_a_run_are_those_of_its_batches(string task, string settings)
    {
        using RunData data = RunData.Load(RunConfiguration.Load(Write(task, settings)));
        foreach (long count in (long[])[1, 3, data.Train.BatchesPerEpoch, (2L * data.Train.BatchesPerEpoch) + 1])
        {
            BatchShape[] made = [.. Enumerable.Range(0, (int)count)
                .Select(i => BatchShape.Of(
                    data.Architecture, data.Train.Batch(i / data.Train.BatchesPerEpoch, i % data.Train.BatchesPerEpoch)))];
            Assert.Equal(
                made.Distinct().OrderBy(shape => shape.ToString()),
                data.Train.Shapes(data.Architecture, count).OrderBy(shape => shape.ToString()));
        }

        BatchShape[] samples =
        [
            .. from index in Enumerable.Range(0, data.Train.BatchesPerEpoch)
               let batch = data.Train.Batch(0, index)
               from row in Enumerable.Range(0, batch.RowCount)
               select SampleShape(data.Architecture, batch, row),
        ];
        Assert.Equal(
            samples.Distinct().OrderBy(shape => shape.ToString()),
            data.Train.Shapes(data.Architecture, data.Train.BatchesPerEpoch, bySample: true).OrderBy(shape => shape.ToString()));

        Evaluator validation = data.Validation!;
        Assert.Equal(
            validation.Batches.Select(batch => BatchShape.Of(data.Architecture, batch)).Distinct().OrderBy(shape => shape.ToString()),
            validation.Shapes.OrderBy(shape => shape.ToString()));
    }

    private static BatchShape SampleShape(Architecture architecture, RaggedBatch batch, int row)
    {
        RaggedBatch sample = batch.RoomFor(1, batch.TokenCount);
        batch.CopyRows([row], sample);
        return BatchShape.Of(architecture, sample);
    }

    /// <summary>Hundreds of epochs are gone through in less memory than the batches of one would take.</summary>
    [Fact]
    public void Shapes_are_found_without_making_a_batch()
    {
        using RunData data = RunData.Load(RunConfiguration.Load(Write("causal-lm", "")));
        data.Train.Shapes(data.Architecture, 1);
        long before = GC.GetTotalAllocatedBytes(precise: true);
        data.Train.Shapes(data.Architecture, 100L * data.Train.BatchesPerEpoch);
        long shapes = GC.GetTotalAllocatedBytes(precise: true) - before;
        for (int index = 0; index < data.Train.BatchesPerEpoch; index++)
        {
            data.Train.Batch(0, index);
        }

        long batches = GC.GetTotalAllocatedBytes(precise: true) - before - shapes;
        Assert.InRange(shapes, 0, 50 * batches);
    }

    private string Write(string task, string settings)
    {
        string data = task switch
        {
            "causal-lm" => "{train: train.jsonl, validation: train.jsonl}",
            "masked-lm" => "{train: train.txt, validation: train.txt, format: text, line_by_line: true}",
            _ => "{train: train.tsv, validation: train.tsv, format: tsv, text: sentence, label: label}",
        };
        string model = Path.Combine(encoder.Folder, "model");
        if (task == "causal-lm")
        {
            model = Path.Combine(folder.Root, "decoder");
            TinyDecoder.Write(model);
        }

        string[] texts = [.. Enumerable.Range(0, 150).Select(i => string.Join(' ', Enumerable.Repeat("heron", 1 + (i * i % 23))))];
        folder.Write("train.tsv", "sentence\tlabel\n" + string.Concat(texts.Select((text, i) => $"{text}\t{"ab"[i % 2]}\n")));
        folder.Write("train.txt", string.Concat(texts.Select(text => text + "\n")));
        folder.Write(
            "train.jsonl", string.Concat(
                texts.Select((text, i) => $$"""{"prompt": "{{text}} ", "completion": "{{texts[(i * 7) % texts.Length]}}"}""" + "\n")));
        return folder.Write("run.yaml", $$"""
            model: {{model}}
            task: {{task}}
            output: run
            adapter: {r: 2, target_modules: {{(task == "causal-lm" ? "[q_proj]" : "[query]")}}}
            data: {{data}}
            per_device_train_batch_size: 4
            per_device_eval_batch_size: 4
            max_length: {{(task == "causal-lm" ? 250 : 60)}}
            seed: 3
            {{settings}}
            """);
    }
}
