using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.Peft;

namespace Engine.Model.Forms;

/// <summary>
/// SD-LoRA's form (arXiv 2501.13198): the directions D_k = B_k A_k of earlier tasks stay, and what a task trains beside its own is how much
/// of each the weight has: y = x W^T + sum_k a_k x D_k^T + scale a_t (x A^T) B^T, with scalars a that all layers share. It is the LoRA of
/// as many ranks as all of them together.
/// </summary>
/// <param name="Tasks">Tasks of the run.</param>
internal sealed record SdLoraForm(int Tasks) : AdapterForm
{
    /// <summary>The scalars [1, tasks], those of stored directions first and then that of the one in training.</summary>
    internal const string Scalars = "sd_lora.scalars";

    /// <summary>The stored directions' A_k below one another [(tasks - 1) * rank, in]; zero where none is stored yet.</summary>
    internal const string StoredA = "directions.A";

    /// <summary>Their B_k beside one another [out, (tasks - 1) * rank].</summary>
    internal const string StoredB = "directions.B";

    /// <summary>Which scalar each rank of the stored directions has: one-hot rows [(tasks - 1) * rank, tasks].</summary>
    internal const string StoredChoice = "choice.stored";

    /// <summary>The same of the direction in training, [rank, tasks].</summary>
    internal const string Choice = "choice";

    public override string Name => "sd-lora";

    public override AdapterForm ForTasks(int tasks) => this with { Tasks = tasks };

    public override string? Problem(AdapterConfig config, Architecture architecture) => base.Problem(config, architecture)
        ?? (Tasks > 1 && config.InitLoraWeights != "true"
            ? $"{Setting.Of("init_lora_weights")} is '{config.InitLoraWeights}', and directions from the second task on start as true has "
                + "it; set it to true"
            : null);

    internal override IReadOnlyList<FormTensor> Tensors(LinearSpec linear, int rank) =>
        [new(Scalars, new Shape(1, Tasks), Decays: false, Shared: true)];

    /// <summary>The run's result is plain LoRA, and training goes on from checkpoints alone.</summary>
    internal override IReadOnlyList<StoredPart> Stored(LinearSpec linear, int rank, bool oneWidth) => [];

    internal override Tensor Between(FormPass pass, Tensor projected) => Scaled(pass, projected, Choice);

    internal override Tensor Apply(FormPass pass, Tensor weight, Tensor? bias)
    {
        Tensor output = base.Apply(pass, weight, bias);
        if (Tasks == 1)
        {
            return output;
        }

        // What is stored is a part of the weight, and sees the whole input.
        GraphBuilder graph = pass.Graph;
        Tensor projected = graph.Linear(pass.Input, graph.Read(pass.Layer.Given[StoredA]));
        return graph.MatMul(
            Scaled(pass, projected, StoredChoice), graph.Read(pass.Layer.Given[StoredB]), MatMulLayout.NT, addTo: output);
    }

    /// <summary>That in training and the stored ones; none is stored where a slot is zero in all layers.</summary>
    internal override int PlainPairs(IReadOnlyList<LoraLinear> layers) => 1 + layers.Max(Slots);

    internal override (float[] A, float[] B) Plain(LoraLinear layer, int pairs)
    {
        int rank = layer.Rank, inputs = layer.A.Shape.Columns, outputs = layer.B.Shape.Rows, width = pairs * rank;
        float[] scalars = layer.Tensor(Scalars).View<float>().ToArray(), choice = layer.Given[Choice].View<float>().ToArray();
        int current = Array.FindIndex(choice, 0, Tasks, value => value != 0);
        float[] own = layer.A.View<float>().ToArray(), b = layer.B.View<float>().ToArray();
        var joinedA = new float[width * inputs];
        var joinedB = new float[outputs * width];
        own.CopyTo(joinedA, 0);
        for (int i = 0; i < b.Length; i++)
        {
            joinedB[(i / rank * width) + (i % rank)] = scalars[current] * b[i];
        }

        if (pairs == 1)
        {
            return (joinedA, joinedB);
        }

        int stored = (Tasks - 1) * rank;
        float[] storedA = layer.Given[StoredA].View<float>().ToArray(), storedB = layer.Given[StoredB].View<float>().ToArray();
        storedA.AsSpan(0, (width - rank) * inputs).CopyTo(joinedA.AsSpan(rank * inputs));
        for (int i = 0; i < outputs; i++)
        {
            for (int k = 0; k < width - rank; k++)
            {
                joinedB[(i * width) + rank + k] = (float)((double)scalars[k / rank] * storedB[(i * stored) + k] / layer.Scale);
            }
        }

        return (joinedA, joinedB);
    }

    /// <summary>Slots of a layer up to the last with a number in it.</summary>
    private int Slots(LoraLinear layer)
    {
        if (Tasks == 1)
        {
            return 0;
        }

        float[] b = layer.Given[StoredB].View<float>().ToArray();
        int width = (Tasks - 1) * layer.Rank, last = -1;
        for (int i = 0; i < b.Length; i++)
        {
            last = b[i] != 0 ? Math.Max(last, i % width) : last;
        }

        return (last + layer.Rank) / layer.Rank;
    }

    /// <summary>Projections times the scalars of their ranks.</summary>
    private static Tensor Scaled(FormPass pass, Tensor projected, string choice) => pass.Graph.ScaleColumns(
        projected, pass.Graph.Linear(pass.Graph.Read(pass.Layer.Given[choice]), pass.Graph.Read(pass.Layer.Tensor(Scalars))));
}
