using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Peft;

namespace Engine.Model.Forms;

/// <summary>
/// EffiLoRA's form (arXiv 2512.00878): one A for all layers that read inputs of one width, and in each layer heads B_e that a router mixes
/// text by text, y = x W^T + scale sum_e w_e (x A^T) B_e^T. The router reads the mean of the layer's input over the text:
/// w = softmax(mean Wg^T + bg).
/// </summary>
/// <param name="Experts">Heads of a layer.</param>
internal sealed record EffiForm(int Experts) : AdapterForm
{
    internal const string PeftType = "EFFILORA";
    internal const string Router = "lora_gate.weight";
    internal const string RouterBias = "lora_gate.bias";

    /// <summary>In training the weights are divided by their sum and this.</summary>
    private const float Epsilon = 1e-6f;

    /// <summary>Deviation of a new router's weight.</summary>
    private const double Deviation = 0.01;

    public override string Name => "effilora";

    public override string FileType => PeftType;

    public override string Unmergeable => "how a layer's heads are mixed depends on its input";

    internal override bool SharesA => true;

    internal override int Heads => Experts;

    public override string? Problem(AdapterConfig config, Architecture architecture) => base.Problem(config, architecture)
        ?? (architecture.Head == HeadKind.CausalLm ? "it needs an encoder: its router reads the mean of a whole text, "
                + $"and {architecture.Name} must not look at later tokens"
            : config.RankPattern.Count > 0 ? $"{Setting.Of("rank_pattern")}: layers share one A, and so one rank; leave it out"
            : null);

    internal static EffiForm Read(JsonSection config) =>
        new(config.OptionalInt("experts") is { } experts and > 0 ? experts : throw config.Missing("experts", "a number of heads"));

    internal override void Write(JsonObject config) => config["experts"] = Experts;

    internal override IReadOnlyList<FormTensor> Tensors(LinearSpec linear, int rank) =>
    [
        new(Router, new Shape(Experts, linear.InFeatures)),
        new(RouterBias, new Shape(Experts), Decays: false),
    ];

    internal override IReadOnlyList<StoredPart> Stored(LinearSpec linear, int rank, bool oneWidth) =>
    [
        new(
            oneWidth ? "effilora.lora_A.weight" : $"effilora.lora_A.{linear.InFeatures}.weight",
            StoredPart.A,
            new Shape(rank, linear.InFeatures)),
        .. Enumerable.Range(0, Experts).Select(e =>
            new StoredPart($"{linear.Module}.lora_B.{e}.weight", StoredPart.B, new Shape(linear.OutFeatures, rank), Column: e * rank)),
        new($"{linear.Module}.{Router}", Router, new Shape(Experts, linear.InFeatures)),
        new($"{linear.Module}.{RouterBias}", RouterBias, new Shape(Experts)),
    ];

    internal override Tensor Between(FormPass pass, Tensor projected)
    {
        GraphBuilder graph = pass.Graph;
        if (!pass.ReadsEveryToken && pass.Batch.Selection!.MaxPerRow > 1)
        {
            throw new ArgumentException(
                $"{pass.Layer.Module} reads single tokens of a text, and effilora's router the mean of all; "
                + $"leave the layer out ({Setting.Of("exclude_modules")}).");
        }

        Tensor mean = graph.MeanPooling(pass.Input, pass.RowStart);
        Tensor logits = graph.Linear(mean, graph.Read(pass.Layer.Tensor(Router)), graph.Read(pass.Layer.Tensor(RouterBias)));

        // The weights sum to 1, so that their division by sum + epsilon is this factor.
        Tensor weights = graph.Softmax(logits, scale: pass.IsTraining ? 1 / (1 + Epsilon) : 1);
        return graph.WeighHeads(projected, graph.SpreadTexts(weights, pass.RowStart, pass.Input.Shape.Rows), shared: true);
    }

    internal override void Start(LoraLinear layer, ulong seed)
    {
        Variable router = layer.Tensor(Router);
        var normals = new double[router.Shape.Count];
        new Devices.PhiloxGenerator(seed, Devices.RandomStream.RouterInitialization, (uint)layer.Index).FillNormals(normals);
        router.View<float>().Write([.. normals.Select(normal => (float)(Deviation * normal))]);
        layer.Tensor(RouterBias).View<float>().Write(new float[Experts]);
    }
}
