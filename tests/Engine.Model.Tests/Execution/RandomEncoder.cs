using System.Text.Json.Nodes;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>Encoders of random weights with a head, held against a computation of their logits in double precision.</summary>
internal static class RandomEncoder
{
    /// <summary>A text's logits, a row of one vector or of one for each token, of parameters by name.</summary>
    public delegate double[][] Reference(IReadOnlyDictionary<string, double[]> parameters, HeadKind head, int[] text);

    /// <summary>Holds logits, loss and the slope of the loss along a random direction of each parameter against the reference.</summary>
    /// <param name="name">The class of Transformers that the configuration must give.</param>
    /// <param name="texts">Four texts of tokens.</param>
    public static void Check(string deviceName, string name, JsonObject config, int[][] texts, Reference reference)
    {
        using var folder = new TemporaryFolder();
        Architecture architecture = Write(folder, config, out Dictionary<string, double[]> parameters);
        Assert.Equal(name, architecture.Name);
        RaggedBatch batch = Labelled(architecture, texts);
        BatchShape capacity = BatchShape.Of(architecture, batch, everyToken: true).Max(BatchShape.Of(architecture, batch));
        foreach (bool everyToken in (bool[])[true, false])
        {
            using var loaded = new LoadedModel(folder.Root, null, train: true, capacity, deviceName);
            Assert.Empty(loaded.Report.Initialized);
            ModelRun run = loaded.Run(
                batch, new RunnerOptions { Gradients = true, EveryToken = everyToken, VocabularyLogits = everyToken });
            Assert.Equal(Loss(Logits(), architecture.Head, batch), run.Loss, 1e-5);
            if (everyToken)
            {
                double[] logits = [.. Logits().SelectMany(rows => rows).SelectMany(row => row)];

                // Float32 sums of up to 24 terms through five layers; logits are of order one.
                Numbers.Near(logits, run.Logits[..logits.Length], 5e-5, 5e-5);
            }

            RandomModel.CheckSlopes(loaded, parameters, () => Loss(Logits(), architecture.Head, batch));
        }

        double[][][] Logits() => [.. texts.Select(text => reference(parameters, architecture.Head, text))];
    }

    /// <summary>Writes a folder of a configuration and random weights.</summary>
    public static Architecture Write(TemporaryFolder folder, JsonObject config, out Dictionary<string, double[]> parameters)
    {
        File.WriteAllText(folder.File("config.json"), config.ToJsonString());
        Architecture architecture = ModelFolder.Open(folder.Root).CreateArchitecture();
        parameters = RandomModel.Write(architecture, folder.File("model.safetensors"));
        return architecture;
    }

    /// <summary>Four texts with labels for the architecture's head.</summary>
    public static RaggedBatch Labelled(Architecture architecture, int[][] texts)
    {
        RaggedBatch batch = RaggedBatch.FromRows([.. texts.Select(text => (text, (int[]?)null))]);
        return architecture.Head switch
        {
            HeadKind.QuestionAnswering => batch with { SpanLabels = [3, 11, 0, 0, 6, 6, 1, 2] },
            HeadKind.MultipleChoice => batch.InRowsOf(2) with { ClassLabels = [1, 0] },
            HeadKind.SequenceClassification => batch with { ClassLabels = [0, 2, 1, 0] },
            _ => batch with
            {
                TokenLabels =
                [
                    .. batch.InputIds.Select((id, i) => i % 3 == 1 ? RaggedBatch.IgnoredLabel : (id + i) % architecture.OutputSize),
                ],
            },
        };
    }

    /// <summary>The mean of -log softmax at the labels.</summary>
    private static double Loss(double[][][] logits, HeadKind head, RaggedBatch batch)
    {
        IEnumerable<(double[] Logits, int Label)> choices = head switch
        {
            HeadKind.QuestionAnswering => Enumerable.Range(0, 2 * logits.Length).Select(i =>
                (logits[i / 2].Select(token => token[i % 2]).ToArray(), batch.SpanLabels![i])),
            HeadKind.MultipleChoice => batch.ClassLabels!.Select((label, row) =>
                (new[] { logits[2 * row][0][0], logits[(2 * row) + 1][0][0] }, label)),
            _ => logits.SelectMany(rows => rows).Zip(batch.TokenLabels ?? batch.ClassLabels!),
        };
        return choices.Where(choice => choice.Label != RaggedBatch.IgnoredLabel).Average(choice =>
        {
            double most = choice.Logits.Max();
            return most + Math.Log(choice.Logits.Sum(value => Math.Exp(value - most))) - choice.Logits[choice.Label];
        });
    }
}
