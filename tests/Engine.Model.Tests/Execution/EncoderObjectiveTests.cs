using System.Text.Json.Nodes;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>
/// The tasks of encoders on goldens/models/bert-cls with heads of their own: loss, logits and the gradient of every parameter are those of
/// PyTorch in float64 (goldens/objectives/encoder). The repository has the gradients of heads and one-dimensional parameters, ../shared
/// all.
/// </summary>
public sealed class EncoderObjectiveTests : IDisposable
{
    /// <summary>Norm of the difference over norm of the golden; PyTorch's own float32 is within 2.5e-6 of these.</summary>
    private const double Tolerance = 1e-4;

    /// <summary>Gradients that are zero in exact arithmetic are rounding alone: they are held against the norm over all.</summary>
    private const double Rounding = 1e-6;

    private readonly TemporaryFolder folder = new();

    public static TheoryData<string, string> Tasks => TestDevices.With("token-classification", "multi-label");

    public static TheoryData<string, string> Sentences => TestDevices.With("mnrl", "mnrl-negatives", "cosine-mse");

    public static TheoryData<string> Devices => TestDevices.Names;

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Tasks))]
    public void Loss_logits_and_every_gradient_are_those_of_PyTorch(string device, string task)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedFiles.Whole($"goldens/objectives/encoder/{task}.safetensors"));
        WriteModel(golden, task);
        Architecture architecture = ModelFolder.Open(folder.Root).CreateArchitecture();
        PaddedBatch batch = PaddedBatch.Read(golden, architecture);
        BatchShape capacity = BatchShape.Of(architecture, batch.Ragged, everyToken: true).Max(BatchShape.Of(architecture, batch.Ragged));
        foreach (bool everyToken in (bool[])[true, false])
        {
            using var loaded = new LoadedModel(folder.Root, null, train: true, capacity, device);
            Assert.Empty(loaded.Report.Initialized);
            ModelRun run = loaded.Run(batch.Ragged, new RunnerOptions { Gradients = true, EveryToken = everyToken });

            Assert.InRange(run.Loss / golden["loss"].ToFloat64()[0], 1 - 1e-5, 1 + 1e-5);
            if (everyToken || !architecture.Head.PredictsTokens())
            {
                Near("logits", Logits(golden, architecture, batch.Layout), run.Logits);
            }

            CheckGradients(golden, loaded.Model.Trainables!);
        }
    }

    private static double[] Logits(SafetensorsFile golden, Architecture architecture, PaddedLayout layout)
    {
        double[] logits = golden["logits"].ToFloat64();
        if (!architecture.Head.PredictsTokens())
        {
            return logits;
        }

        var ragged = new double[layout.TokenCount * architecture.OutputSize];
        layout.Gather(logits, architecture.OutputSize, ragged);
        return ragged;
    }

    private static void CheckGradients(SafetensorsFile golden, TrainableParameters trainables)
    {
        Dictionary<string, float[]> gradients =
            trainables.Entries.ToDictionary(entry => $"grad.{entry.Name}", entry => entry.Value.Gradient!.View<float>().ToArray());
        SafetensorsTensor[] expected = [.. golden.Tensors.Where(tensor => tensor.Name.StartsWith("grad.", StringComparison.Ordinal))];
        Assert.True(expected.Length > 20, $"{golden.FilePath} has {expected.Length} gradients");
        if (golden.TryGet("grad.bert.embeddings.word_embeddings.weight", out _))
        {
            Assert.Equal(
                expected.Select(tensor => tensor.Name).Order(StringComparer.Ordinal), gradients.Keys.Order(StringComparer.Ordinal));
        }

        double whole = Math.Sqrt(gradients.Values.Sum(values => values.Sum(value => (double)value * value)));
        Assert.All(expected, tensor => Near(tensor.Name, tensor.ToFloat64(), gradients[tensor.Name], Rounding * whole));
    }

    private static void Near(string name, double[] golden, float[] actual, double least = 0)
    {
        Assert.True(actual.Length >= golden.Length, $"{name} has {actual.Length} elements, not {golden.Length}");
        double difference = Math.Sqrt(golden.Select((value, i) => Math.Pow(value - actual[i], 2)).Sum());
        double allowed = Math.Max(Tolerance * Math.Sqrt(golden.Sum(value => value * value)), least);
        Assert.True(difference <= allowed, $"{name}: off by {difference:E2} in norm, allowed {allowed:E2}");
    }

    /// <summary>With the padding the softmax is Transformers', over all columns; without it that of the row's own tokens.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Answers_have_the_loss_logits_and_every_gradient_of_PyTorch(string device)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedFiles.Whole("goldens/objectives/encoder/question-answering.safetensors"));
        WriteModel(golden, "question-answering");
        Architecture architecture = ModelFolder.Open(folder.Root).CreateArchitecture();
        foreach (bool padded in (bool[])[true, false])
        {
            PaddedBatch batch = PaddedBatch.Read(golden, architecture, keepsPadding: padded);
            using var loaded = new LoadedModel(folder.Root, null, train: true, BatchShape.Of(architecture, batch.Ragged), device);
            Assert.Empty(loaded.Report.Initialized);
            ModelRun run = loaded.Run(batch.Ragged, new RunnerOptions { Gradients = true });
            Assert.InRange(run.Loss / golden[padded ? "loss" : "masked.loss"].ToFloat64()[0], 1 - 1e-5, 1 + 1e-5);
            double[] starts = golden["start_logits"].ToFloat64(), ends = golden["end_logits"].ToFloat64();
            double[] logits = [.. starts.Zip(ends, (start, end) => new[] { start, end }).SelectMany(pair => pair)];
            if (padded)
            {
                Near("logits", logits, run.Logits);
                CheckGradients(golden, loaded.Model.Trainables!);
                continue;
            }

            var own = new double[batch.Layout.TokenCount * 2];
            batch.Layout.Gather(logits, 2, own);
            Near("logits", own, run.Logits);
            Dictionary<string, float[]> gradients = loaded.Model.Trainables!.Entries.ToDictionary(
                entry => entry.Name, entry => entry.Value.Gradient!.View<float>().ToArray());
            foreach (string name in (string[])["qa_outputs.weight", "qa_outputs.bias"])
            {
                Near(name, golden[$"masked.grad.{name}"].ToFloat64(), gradients[name], Rounding);
            }
        }
    }

    /// <summary>
    /// Vectors are means of the last hidden states; the anchors, their texts and those that do not belong to them are one batch here, as
    /// samples of two or three texts, and in the goldens padded batches of their own.
    /// </summary>
    [Theory]
    [MemberData(nameof(Sentences))]
    public void Vectors_have_the_loss_and_every_gradient_of_PyTorch(string device, string task)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedFiles.Whole($"goldens/objectives/encoder/{task}.safetensors"));
        string[] sides = task == "cosine-mse" ? ["a.", "b."] : [.. new[] { "anchor.", "positive.", "negative." }
            .Where(side => golden.TryGet($"{side}input_ids", out _))];
        Architecture architecture = ModelFolder.Open(SharedFiles.Path("goldens/models/bert-cls")).CreateEmbedding(
            new SentenceTraining(TextPooling.Mean, task == "cosine-mse" ? HeadKind.Similarity : HeadKind.Ranking));
        int[][][] texts = [.. sides.Select(side => Rows(golden, side))];
        int samples = texts[0].Length;
        RaggedBatch batch = RaggedBatch
            .FromRows([.. Enumerable.Range(0, samples).SelectMany(sample => texts.Select(side => (side[sample], (int[]?)null)))])
            .InRowsOf(sides.Length);
        batch = task == "cosine-mse"
            ? batch with { Targets = golden["labels"].ToFloat32() }
            : batch with { ClassLabels = new int[samples] };
        using var loaded = new LoadedModel(
            SharedFiles.Path("goldens/models/bert-cls"), null, train: true, BatchShape.Of(architecture, batch), device,
            architecture: architecture);
        ModelRun run = loaded.Run(batch, new RunnerOptions { Gradients = true });

        Assert.InRange(run.Loss / golden["loss"].ToFloat64()[0], 1 - 1e-5, 1 + 1e-5);
        double[][][] vectors = [.. sides.Select(side => golden[$"{side}embeddings"].ToFloat64().Chunk(architecture.HiddenSize).ToArray())];
        Near(
            "embeddings",
            [.. Enumerable.Range(0, samples).SelectMany(sample => vectors.SelectMany(side => side[sample]))],
            run.Logits);
        CheckGradients(golden, loaded.Model.Trainables!);
    }

    private static int[][] Rows(SafetensorsFile golden, string side)
    {
        SafetensorsTensor ids = golden[$"{side}input_ids"];
        int[][] masks = [.. golden[$"{side}attention_mask"].ToInt32().Chunk((int)ids.Shape[1])];
        return [.. ids.ToInt32().Chunk((int)ids.Shape[1]).Select((row, i) => row[..masks[i].Sum()])];
    }

    /// <summary>Writes bert-cls with the golden's head in place of its own.</summary>
    private void WriteModel(SafetensorsFile golden, string task)
    {
        string source = SharedFiles.Path("goldens/models/bert-cls");
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!.AsObject();
        int classes = (int)golden.Tensors.First(tensor => tensor.Name.StartsWith("head.", StringComparison.Ordinal)).Shape[0];
        config["id2label"] = new JsonObject(Enumerable.Range(0, classes).Select(i => KeyValuePair.Create($"{i}", (JsonNode?)$"class {i}")));
        config.Remove("label2id");
        (string suffix, string? problem) = task switch
        {
            "token-classification" => ("TokenClassification", null),
            "question-answering" => ("QuestionAnswering", null),
            _ => ("SequenceClassification", "multi_label_classification"),
        };
        config["architectures"] = new JsonArray($"BertFor{suffix}");
        config["problem_type"] = problem;
        folder.Write("config.json", config.ToJsonString());
        var writer = new SafetensorsWriter();
        using Checkpoint weights = Checkpoint.Open(source);
        bool Begins(SafetensorsTensor tensor, string prefix) => tensor.Name.StartsWith(prefix, StringComparison.Ordinal);
        foreach (SafetensorsTensor tensor in weights.Tensors.Where(tensor => !Begins(tensor, "classifier.")))
        {
            writer.Add(tensor.Name, [.. tensor.Shape], tensor.ToFloat32());
        }

        foreach (SafetensorsTensor tensor in golden.Tensors.Where(tensor => Begins(tensor, "head.")))
        {
            writer.Add(tensor.Name["head.".Length..], [.. tensor.Shape], tensor.ToFloat32());
        }

        writer.Write(folder.File(Checkpoint.SingleFileName));
    }
}
