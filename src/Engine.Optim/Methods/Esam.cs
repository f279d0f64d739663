using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;

namespace Engine.Optim.Methods;

/// <summary>
/// ESAM (Du et al., ICLR 2022, arXiv 2110.03141), on adapters where the run has them, else on every trainable tensor. Stochastic weight perturbation: a step
/// perturbs each tensor with probability beta, by e = rho / beta g / ||g|| over these. Sharpness-sensitive data selection: the second pass runs the share gamma of each micro-batch whose losses rise most.
/// The first step perturbs every tensor, as the official code does.
/// </summary>
/// <param name="rho">Radius of the perturbation.</param>
/// <param name="beta">Chance of a tensor to be perturbed.</param>
/// <param name="gamma">Share of the samples in the second pass.</param>
/// <param name="seed">Seed of the draws; their counter is the optimizer step, so a resumed run draws the same.</param>
public sealed class Esam(double rho, double beta, double gamma, ulong seed) : SamMethod(rho)
{
    /// <summary>A share of the samples that is whole but for rounding counts as whole.</summary>
    private const double Rounding = 1e-9;

    private readonly float radius = (float)(rho / beta);
    private ActiveSet? active;
    private Variable? mask;
    private float[] maskValues = [];
    private Rise[] rises = [];
    private int[] selected = [];
    private int selectedCount;

    /// <summary>The perturbed tensors' numbers among the trainable ones.</summary>
    private int[] numbers = [];

    public const string MethodName = "esam";

    public override string Name => MethodName;

    public override IReadOnlyList<StepCourse> Courses { get; } = [StepCourse.SelectedSecondPass];

    /// <summary>The rows that the last second pass ran, of its last micro-batch.</summary>
    public ReadOnlySpan<int> Selected => selected.AsSpan(0, selectedCount);

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        if (beta < 1)
        {
            // The first pass only serves the perturbation: what is not perturbed needs no gradient there.
            Variable[] tensors = [.. context.Trainables.Entries.Select(entry => entry.Value)];
            active = new ActiveSet(tensors);
            active.Clear();
            numbers = [.. PerturbedTensors(context).Select(entry => Array.IndexOf(tensors, entry.Value))];
            mask = context.Tables.Reserve("esam.mask", new Shape(numbers.Length));
            maskValues = new float[numbers.Length];
        }
    }

    public override void Prepare(long step)
    {
        if (active is null || mask is null)
        {
            return;
        }

        var random = new PhiloxGenerator(seed, RandomStream.TensorSelection, (uint)step);
        for (int i = 0; i < maskValues.Length; i++)
        {
            bool drawn = step == 0 || PhiloxGenerator.ToUniform(random.Block((ulong)i).X) <= beta;
            active[numbers[i]] = drawn;
            maskValues[i] = drawn ? 1 : 0;
        }

        mask.View<float>().Write(maskValues);
    }

    public override ActiveSet? ActiveIn(StepPart part) => part == StepPart.FirstPass ? active : null;

    public override int SelectedRows(int rows) => Math.Max(1, (int)Math.Ceiling((gamma * rows) - Rounding));

    public override ReadOnlySpan<int> Select(ReadOnlySpan<float> before, ReadOnlySpan<float> after)
    {
        int rows = before.Length;
        if (rises.Length < rows)
        {
            rises = new Rise[rows];
            selected = new int[rows];
        }

        for (int row = 0; row < rows; row++)
        {
            rises[row] = new Rise((double)after[row] - before[row], row);
        }

        rises.AsSpan(0, rows).Sort();
        selectedCount = SelectedRows(rows);
        for (int i = 0; i < selectedCount; i++)
        {
            selected[i] = rises[i].Row;
        }

        selected.AsSpan(0, selectedCount).Sort();
        return Selected;
    }

    protected override IEnumerable<(string Name, Variable Value)> PerturbedTensors(MethodContext context) => context.AdaptersOrAll;

    protected override void Perturb(GraphBuilder graph) => Ascend(graph, graph.SamFactors(
        graph.SegmentNorms(Perturbed, Gradients), radius, mask is null ? null : graph.Read(mask)));

    /// <summary>How much a row's loss rose: the largest first, then the first row; a rise that is not a number last.</summary>
    private readonly record struct Rise(double Amount, int Row) : IComparable<Rise>
    {
        public int CompareTo(Rise other) => other.Amount.CompareTo(Amount) is var order and not 0 ? order : Row.CompareTo(other.Row);
    }
}
