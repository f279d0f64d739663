using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Numerics;
using Engine.Model.Peft;

namespace Engine.Model.Forms;

/// <summary>
/// GOAT's form (arXiv 2502.16894): a layer's ranks are split among experts, which start from segments of the weight's singular triples; a
/// router sends every token to its likeliest experts, y = x W_res^T + scale sum_chosen w_e (x A_e^T) B_e^T. A holds the experts' rows, B
/// their columns, one behind the other.
/// </summary>
internal sealed record GoatForm : AdapterForm
{
    internal const string PeftType = "GOAT";
    internal const string Router = "lora_gating.weight";
    internal const string StartA = "lora_A_start.weight";
    internal const string StartB = "lora_B_start.weight";

    public override string Name => "goat";

    /// <summary>Experts of a layer, each of rank r / experts.</summary>
    public required int Experts { get; init; }

    /// <summary>Experts that a token is sent to.</summary>
    public required int TopK { get; init; }

    /// <summary>What of the experts' sum is taken out of the weight at the start: W_res = W - cof scale sum_e B_e A_e.</summary>
    public required double InitCof { get; init; }

    /// <summary>The scale, whatever lora_alpha is; null: lora_alpha over an expert's rank, or <see cref="Eta"/>'s.</summary>
    public double? Scaling { get; init; }

    /// <summary>The scale is sqrt(3 in eta / (r / experts)); null: it is not.</summary>
    public double? Eta { get; init; }

    /// <summary>What the singular values are divided by at the start.</summary>
    public double RhoInit { get; init; } = 10;

    /// <summary>What the balance term is multiplied by in training.</summary>
    public double AuxLossCoefficient { get; init; }

    public override AdapterForm AsStored => this with { RhoInit = 10, AuxLossCoefficient = 0 };

    public override string FileType => PeftType;

    /// <summary>As the official code, whose batches are padded.</summary>
    public override bool CountsPadding => HasLossTerm;

    public override bool HasLossTerm => AuxLossCoefficient > 0;

    public override string Unmergeable => "which experts a layer uses depends on its input";

    internal override bool ChangesWeight => true;

    public override string? Problem(AdapterConfig config, Architecture architecture) => base.Problem(config, architecture)
        ?? (config.UseRslora ? $"{Setting.Of("use_rslora")} is true, and the scale is {Setting.Of("lora_alpha")} over the rank of an "
            + "expert; leave it out"
            : config.RankPattern.Select(pair => pair.Value).Append(config.Rank)
                .FirstOrDefault(rank => rank % Experts != 0) is var odd and > 0
                ? $"r is {odd}, which {Experts} experts cannot share evenly; take a multiple"
            : null);

    internal static GoatForm Read(JsonSection config) => new()
    {
        Experts = config.OptionalInt("experts") is { } experts and > 0 ? experts : throw config.Missing("experts", "a number of experts"),
        TopK = config.OptionalInt("top_k") is { } chosen and > 0 && chosen <= experts
            ? chosen
            : throw config.Missing("top_k", "a number of chosen experts"),
        InitCof = config.OptionalDouble("init_cof") ?? throw config.Missing("init_cof", "a number"),
        Scaling = config.OptionalDouble("scaling"),
        Eta = config.OptionalDouble("eta"),
    };

    internal override void Write(JsonObject config)
    {
        config["experts"] = Experts;
        config["top_k"] = TopK;
        config["init_cof"] = InitCof;
        config["scaling"] = Scaling;
        config["eta"] = Eta;
    }

    public override double ScaleOf(AdapterConfig config, LinearSpec linear)
    {
        double rank = config.RankOf(linear.Module) / Experts;
        return Scaling ?? (Eta is { } eta ? Math.Sqrt(3 * linear.InFeatures * eta / rank) : config.AlphaOf(linear.Module) / rank);
    }

    internal override IReadOnlyList<FormTensor> Tensors(LinearSpec linear, int rank) =>
        [new(Router, new Shape(Experts, linear.InFeatures))];

    internal override IReadOnlyList<StoredPart> Stored(LinearSpec linear, int rank, bool oneWidth)
    {
        int own = rank / Experts;
        return
        [
            .. Enumerable.Range(0, Experts).SelectMany(e => (StoredPart[])
            [
                new($"{linear.Module}.lora_A.{e}.weight", StoredPart.A, new Shape(own, linear.InFeatures), Row: e * own),
                new($"{linear.Module}.lora_B.{e}.weight", StoredPart.B, new Shape(linear.OutFeatures, own), Column: e * own),
            ]),
            new($"{linear.Module}.{Router}", Router, new Shape(Experts, linear.InFeatures)),
            new($"{linear.Module}.{StartA}", StartA, new Shape(rank, linear.InFeatures), Kept: true),
            new($"{linear.Module}.{StartB}", StartB, new Shape(linear.OutFeatures, rank), Kept: true),
        ];
    }

    internal override Tensor Between(FormPass pass, Tensor projected)
    {
        GraphBuilder graph = pass.Graph;
        Tensor probabilities = graph.Softmax(graph.Linear(pass.Input, graph.Read(pass.Layer.Tensor(Router))));
        Tensor weights = graph.Route(probabilities, TopK);
        if (pass.IsTraining && HasLossTerm)
        {
            Tensor scalars = ((LossTensors)pass.Batch).Scalars;
            pass.AddTerm(before => graph.Balance(probabilities, weights, pass.RowStart, scalars, (float)AuxLossCoefficient, before).Term);
        }

        return graph.WeighHeads(projected, weights);
    }

    /// <summary>
    /// Expert e gets the first of the e-th of as many equal segments of the singular triples, each as sqrt(S / (rho scale)); the signs are
    /// those that make a left vector's largest element positive.
    /// </summary>
    internal override void Start(LoraLinear layer, ulong seed)
    {
        int rows = layer.Weight.Shape.Rows, columns = layer.Weight.Shape.Columns, rank = layer.Rank, own = rank / Experts;
        int segment = Math.Min(rows, columns) / Experts;
        RequireRoom(layer, own, segment);
        SingularTriples triples = TruncatedSvd.Compute(
            layer.Weight.View<float>().ToArray(), rows, columns, ((Experts - 1) * segment) + own,
            new PhiloxGenerator(seed, RandomStream.SingularVectors, (uint)layer.Index));
        (float[] a, float[] b) = triples.Factors(rank, k =>
        {
            int triple = (k / own * segment) + (k % own);
            int sign = triples.Left[triple].MaxBy(Math.Abs) < 0 ? -1 : 1;
            return (triple, sign * Math.Sqrt(triples.Values[triple] / (RhoInit * layer.Scale)));
        });
        layer.A.View<float>().Write(a);
        layer.B.View<float>().Write(b);
        AdapterInitialization.DrawUniform(layer.Tensor(Router), seed, RandomStream.RouterInitialization, layer.Index);
        layer.Kept[StartA] = a;
        layer.Kept[StartB] = b;
        Loaded(layer);
    }

    /// <summary>What the experts start from is taken out of the frozen weight, the same way whenever it is loaded.</summary>
    internal override void Loaded(LoraLinear layer)
    {
        RequireRoom(layer, layer.Rank / Experts, Math.Min(layer.Weight.Shape.Rows, layer.Weight.Shape.Columns) / Experts);
        AdapterInitialization.TakeOut(layer.Weight, layer.Kept[StartA], layer.Kept[StartB], layer.Rank, InitCof * layer.Scale);
    }

    private void RequireRoom(LoraLinear layer, int own, int segment)
    {
        if (layer.Weight.Type != ElementType.Float32)
        {
            throw new ArgumentException(
                $"goat takes the start of its experts out of the base weights, which are stored as {layer.Weight.Type} and "
                + $"would be rounded. Set {Setting.Of("dtype", "float32")}.");
        }

        if (own > segment)
        {
            throw new ArgumentException(
                $"goat gives each of {Experts} experts {own} singular triples of {layer.Module} {layer.Weight.Shape}, "
                + $"whose segments have {segment}; lower r to at most {segment * Experts}, or leave the layer out "
                + $"({Setting.Of("exclude_modules")}).");
        }
    }
}
