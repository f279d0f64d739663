using Engine.Common.Keys;
using Engine.Devices;
using Engine.Graph;
using Engine.Graph.Operators;

namespace Engine.Optim.Methods;

/// <summary>
/// ESAM (Du et al., ICLR 2022, arXiv 2110.03141), on adapters where the run has them, else on every trainable tensor. Stochastic weight
/// perturbation: a step perturbs each tensor with probability beta, by e = rho / beta g / ||g|| over these. Sharpness-sensitive data
/// selection: the second pass runs the share gamma of each micro-batch whose losses rise most. The first step perturbs every tensor, as the
/// official code does.
/// </summary>
public sealed record Esam : Perturbation
{
    internal const string MethodName = "esam";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>Radius of the perturbation.</summary>
    [Key(Minimum = 0)]
    public Radius Rho { get; init; } = 0.05;

    /// <summary>Chance of a tensor to be perturbed.</summary>
    [Key(Minimum = 0, Above = true, Maximum = 1)]
    public double Beta { get; init; } = 0.6;

    /// <summary>Share of the samples of each micro-batch in the second pass.</summary>
    [Key(Minimum = 0, Above = true, Maximum = 1)]
    public double Gamma { get; init; } = 0.5;

    /// <summary>Seed of the draws; their counter is the optimizer step, so a resumed run draws the same.</summary>
    [Key(Minimum = 0)]
    public ulong SelectionSeed { get; init; } = 42;

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new EsamMethod(this);
}

/// <summary>Draws and selects on the host, in arrays that are made once.</summary>
internal sealed class EsamMethod(Esam settings) : SamAscent(settings, settings.Rho)
{
    /// <summary>A share of the samples that is whole but for rounding counts as whole.</summary>
    private const double Rounding = 1e-9;

    private ActiveSet? active;
    private Variable? mask;
    private float[] maskValues = [];
    private Rise[] rises = [];
    private int[] selected = [];
    private int selectedCount;

    /// <summary>The perturbed tensors' numbers among the trainable ones.</summary>
    private int[] numbers = [];

    protected override IReadOnlyList<StepCourse> PerturbedCourses { get; } = [StepCourse.SelectedSecondPass];

    /// <summary>The rows that the last second pass ran, of its last micro-batch.</summary>
    public ReadOnlySpan<int> Selected => selected.AsSpan(0, selectedCount);

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        if (settings.Beta < 1)
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

        var random = new PhiloxGenerator(settings.SelectionSeed, RandomStream.TensorSelection, (uint)step);
        for (int i = 0; i < maskValues.Length; i++)
        {
            bool drawn = step == 0 || PhiloxGenerator.ToUniform(random.Block((ulong)i).X) <= settings.Beta;
            active[numbers[i]] = drawn;
            maskValues[i] = drawn ? 1 : 0;
        }

        mask.View<float>().Write(maskValues);
    }

    public override ActiveSet? ActiveIn(StepPart part) => part == StepPart.FirstPass ? active : null;

    public override int SelectedRows(int rows) => Math.Max(1, (int)Math.Ceiling((settings.Gamma * rows) - Rounding));

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

    protected override void Perturb(GraphBuilder graph) => Ascend(graph, Factors(
        graph, graph.SegmentNorms(Perturbed, Gradients), settings.Rho.Value / settings.Beta, mask is null ? null : graph.Read(mask)));

    /// <summary>How much a row's loss rose: the largest first, then the first row; a rise that is not a number last.</summary>
    private readonly record struct Rise(double Amount, int Row) : IComparable<Rise>
    {
        public int CompareTo(Rise other) => other.Amount.CompareTo(Amount) is var order and not 0 ? order : Row.CompareTo(other.Row);
    }
}
