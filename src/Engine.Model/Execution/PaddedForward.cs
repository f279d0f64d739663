using Engine.Devices;
using Engine.Graph;
using Engine.Kernels;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Loading;
using Engine.Safetensors;

namespace Engine.Model.Execution;

/// <summary>A tensor in host memory, row by row.</summary>
/// <param name="Name">What it is called in a file.</param>
/// <param name="Shape">The sizes, outermost first.</param>
/// <param name="Values">The elements.</param>
public sealed record HostTensor(string Name, long[] Shape, float[] Values);

/// <summary>
/// Runs one batch of Transformers' padded layout through a model in evaluation and gives what Transformers gives, in that layout: the
/// edge at which another program's numbers are compared with these.
/// </summary>
internal static class PaddedForward
{
    /// <summary>
    /// <c>logits</c> ([rows, classes], or [rows, length, vocabulary] for language models, [rows, length, classes] for words and [rows,
    /// length, 2] for answers), <c>hidden.N</c> [rows, length, hidden] for the embeddings and each layer, both 0 at padding (where the
    /// batch keeps its padding, as computed there); with labels <c>loss</c> [1], not a number where all are ignored, as in PyTorch; with
    /// gradients <c>grad.NAME</c> of the loss for every trainable tensor, dropout off.
    /// </summary>
    /// <param name="model">The model, allocated and loaded on <paramref name="device"/>; its tuning says what is trainable.</param>
    /// <param name="gradients">Whether gradients are wanted; the batch needs labels and the model trainable parameters.</param>
    /// <param name="source">What the batch was read from, for messages.</param>
    /// <exception cref="DataFileException">An id, type, label or length that the model does not take; gradients without labels.</exception>
    public static IReadOnlyList<HostTensor> Run(Device device, TransformerModel model, PaddedBatch batch, bool gradients, string source)
    {
        if (gradients && !batch.HasLabels)
        {
            throw new DataFileException(source, "there are no labels, and gradients are those of the loss; add a tensor 'labels'.");
        }

        var options = new RunnerOptions { Gradients = gradients, HiddenStates = true, EveryToken = true, VocabularyLogits = true };
        using var inputs = new BatchInputs(
            model.Architecture, BatchShape.Of(model.Architecture, batch.Ragged, everyToken: true), model.EmbeddingRows);
        inputs.Block.Allocate(device);
        float[] scalars = new float[StepScalars.Count];
        scalars[StepScalars.LossScale] = 1;
        inputs.Scalars.View<float>().Write(scalars);
        using var arena = new Arena(device);
        using var runner = new ModelRunner(device, model, inputs, arena, options);
        ModelRun run = runner.Run(batch.Ragged, source);

        List<HostTensor> results = [Logits(model.Architecture, batch, run)];
        results.AddRange(
            run.HiddenStates.Select((hidden, layer) => Scattered($"hidden.{layer}", batch, hidden, model.Architecture.HiddenSize)));
        if (batch.HasLabels)
        {
            results.Add(new HostTensor("loss", [1], [batch.AnyLabelCounts ? run.Loss : float.NaN]));
        }

        if (gradients)
        {
            results.AddRange(model.Trainables!.Entries.Select(entry => ModelWeights.AsStored(
                $"grad.{entry.Name}", entry.Value.Gradient!,
                model.Architecture.Parameters.FirstOrDefault(spec => spec.Name == entry.Name))));
        }

        return results;
    }

    /// <summary>Writes tensors as one safetensors file.</summary>
    /// <exception cref="IOException">The file could not be written.</exception>
    public static void Save(IEnumerable<HostTensor> tensors, string path)
    {
        var writer = new SafetensorsWriter();
        foreach (HostTensor tensor in tensors)
        {
            writer.Add(tensor.Name, tensor.Shape, tensor.Values);
        }

        writer.Write(path);
    }

    private static HostTensor Logits(Architecture architecture, PaddedBatch batch, ModelRun run) =>
        architecture.Head.PredictsTokens() || architecture.Head == HeadKind.QuestionAnswering
            ? Scattered("logits", batch, run.Logits, architecture.OutputSize)
            : new HostTensor(
                "logits", [batch.Layout.Rows, architecture.OutputSize], run.Logits[..(batch.Layout.Rows * architecture.OutputSize)]);

    private static HostTensor Scattered(string name, PaddedBatch batch, float[] ragged, int width)
    {
        PaddedLayout layout = batch.Layout;
        if (batch.Ragged.LastVisible is not null)
        {
            return new HostTensor(name, [layout.Rows, layout.Length, width], ragged[..(layout.Rows * layout.Length * width)]);
        }

        float[] padded = new float[checked(layout.Rows * layout.Length * width)];
        layout.Scatter(ragged, width, padded, 0f);
        return new HostTensor(name, [layout.Rows, layout.Length, width], padded);
    }
}
