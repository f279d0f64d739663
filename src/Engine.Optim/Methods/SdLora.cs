using System.Runtime.Serialization;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Devices;
using Engine.Graph;
using Engine.Model.Adapters;
using Engine.Model.Forms;
using Engine.Safetensors;

namespace Engine.Optim.Methods;

/// <summary>What SD-LoRA keeps of a task's direction, and of the scalars, when the next one begins.</summary>
public enum StoredDirection
{
    /// <summary>B A / ||B A||_F in each layer; scalars go on from their values.</summary>
    [EnumMember(Value = "paper")]
    Paper,

    /// <summary>scale B A as it is; scalars go on from their values, so that the model stays as it is.</summary>
    [EnumMember(Value = "absorb")]
    Absorb,

    /// <summary>B A / (||B||_F ||A||_F) in each layer; all scalars start anew, as in the official code.</summary>
    [EnumMember(Value = "code")]
    Code,
}

/// <summary>
/// SD-LoRA (Wu et al., ICLR 2025, arXiv 2501.13198): class-incremental learning without rehearsal. Each task trains a LoRA direction of its
/// own and, with it, how much of the earlier tasks' directions the weights have; these stay as they are.
/// </summary>
public sealed record SdLora : Method, IKeyRules
{
    internal const string MethodName = "sd-lora";

    /// <inheritdoc/>
    public override string Name => MethodName;

    /// <summary>
    /// What is kept of a task when the next one begins: paper (the direction at norm 1, scalars as they are), absorb (the direction as it
    /// is: nothing jumps), code (the official code's norm, scalars anew).
    /// </summary>
    [Key]
    public StoredDirection Directions { get; init; } = StoredDirection.Paper;

    /// <summary>What a task's scalar starts from.</summary>
    [Key(Minimum = 0, Above = true, Default = "1, with directions: code 0.8")]
    public double? Scalar { get; init; }

    /// <summary>
    /// Ranks of the tasks' directions, at most adapter.r, task by task; the last one holds for all further tasks (SD-LoRA-RR).
    /// </summary>
    [Key(Default = "adapter.r")]
    public IReadOnlyList<int>? Ranks { get; init; }

    /// <summary>
    /// A direction is not kept where the earlier ones make it up to this share of its squared norm; their scalars take it over
    /// (SD-LoRA-KD, 9e-4 there). 0: all are kept.
    /// </summary>
    [Key(Minimum = 0, Maximum = 1)]
    public double DropBelow { get; init; }

    /// <summary>
    /// Safetensors file with <c>task.K.LAYER.lora_A.weight</c> to start task K from, K = 1, 2, ... from the second task on.
    /// </summary>
    [Key(IsPath = true, Default = "LoRA's start")]
    public string? Init { get; init; }

    /// <summary>Seed of the directions' starts from the second task on.</summary>
    [Key(Minimum = 0)]
    public ulong DirectionSeed { get; init; } = 42;

    internal override AdapterForm Form => new SdLoraForm(Tasks: 1);

    /// <summary>What scalars start from.</summary>
    internal float Start => (float)(Scalar ?? (Directions == StoredDirection.Code ? 0.8 : 1));

    KeyProblem? IKeyRules.Problem => Ranks?.Any(rank => rank < 1) == true
        ? new KeyProblem(nameof(Ranks), "ranks of at least 1, such as [10, 8, 6]")
        : DropBelow > 0 && Directions == StoredDirection.Code
            ? new KeyProblem(nameof(DropBelow), $"0 beside {Setting.Of("directions", "code")}, whose scalars start anew and so take "
                + "nothing over")
        : null;

    /// <summary>The rank of a task's direction.</summary>
    internal int? RankOf(int task) => Ranks?[Math.Min(task, Ranks.Count - 1)];

    /// <inheritdoc/>
    public bool Equals(SdLora? other) => base.Equals(other) && Directions == other.Directions && Scalar == other.Scalar
        && DropBelow == other.DropBelow && Init == other.Init && DirectionSeed == other.DirectionSeed
        && (Ranks ?? []).SequenceEqual(other.Ranks ?? []);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(base.GetHashCode(), Directions, Scalar, DropBelow, Init, DirectionSeed);

    /// <inheritdoc/>
    protected override TrainingMethod Create() => new SdLoraMethod(this);
}

/// <summary>
/// Boundaries lie between tasks, on the host, in float64. Every step runs all the slots that stored directions have room in, those that are
/// empty too, whose scalars get no gradient; so one plan serves all tasks.
/// </summary>
internal sealed class SdLoraMethod(SdLora settings) : AdapterMethod(settings)
{
    /// <summary>Directions that are stored.</summary>
    private readonly double[] stored = [0];

    private IReadOnlyList<LoraLinear> layers = [];
    private int tasks = 1;

    public override IReadOnlyList<(string Name, double[] Values)> HostState => [("sd-lora.stored", stored)];

    internal override bool TakesTasks => true;

    private Variable Scalars => layers[0].Tensor(SdLoraForm.Scalars);

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        layers = context.Model.Adapters;
        tasks = ((SdLoraForm)layers[0].Form!).Tasks;
        if (settings.Ranks?.Max() > layers.Max(layer => layer.Rank))
        {
            throw Refusal(
                $"method {Name}: {Setting.Of("ranks")} has {settings.Ranks.Max()}, and {Setting.Of("adapter.r")}, the room for each of them, "
                + $"is less; raise {Setting.Of("r")}.");
        }

        if (settings.Ranks?.Count > tasks)
        {
            throw Refusal(
                $"method {Name}: ranks has {settings.Ranks.Count} entries, and the run has {tasks} tasks; give at most that many.");
        }

        if (settings.Init is not null && tasks == 1)
        {
            throw Refusal($"method {Name}: {Setting.Of("init")} has the starts of tasks after the first, and the run has one task; "
                + "leave it out.");
        }

        var choices = new Dictionary<int, (Variable Current, Variable? Stored)>();
        foreach (LoraLinear layer in layers)
        {
            int rank = layer.Rank, room = (tasks - 1) * rank;
            if (!choices.TryGetValue(rank, out (Variable Current, Variable? Stored) choice))
            {
                choice.Current = context.Merged.Reserve($"choice.{rank}", new Shape(rank, tasks));
                choice.Stored = room == 0 ? null : context.Merged.Reserve($"choice.{rank}.stored", new Shape(room, tasks));
                choices.Add(rank, choice);
            }

            layer.Given[SdLoraForm.Choice] = choice.Current;
            if (choice.Stored is { } chosen)
            {
                layer.Given[SdLoraForm.StoredChoice] = chosen;
                layer.Given[SdLoraForm.StoredA] = context.Merged.Reserve(
                    $"{layer.Module}.{SdLoraForm.StoredA}", new Shape(room, layer.A.Shape.Columns));
                layer.Given[SdLoraForm.StoredB] = context.Merged.Reserve(
                    $"{layer.Module}.{SdLoraForm.StoredB}", new Shape(layer.B.Shape.Rows, room));
            }
        }
    }

    public override void Initialize()
    {
        if (settings.Init is { } path)
        {
            RequireStarts(path);
        }

        Scalars.View<float>().Write([.. Enumerable.Repeat(settings.Start, tasks)]);
        Choose(0);
        foreach (LoraLinear layer in layers)
        {
            if (layer.Given.TryGetValue(SdLoraForm.StoredChoice, out Variable? chosen))
            {
                chosen.View<float>().Write(OneHot(chosen.Shape, row => row / layer.Rank));
            }

            KeepStart(layer);
            Reduce(layer, task: 0);
        }
    }

    /// <summary>Stores the direction of the task before this one, and starts this one's.</summary>
    internal override void BeginTask(int task)
    {
        if (task == 0)
        {
            return;
        }

        Direction[] directions = [.. layers.Select(layer => Direction.Of(layer, settings.Directions))];
        float[] scalars = Scalars.View<float>().ToArray();
        int slot = (int)stored[0];
        if (!TakenOver(directions, scalars, slot))
        {
            foreach ((LoraLinear layer, Direction direction) in layers.Zip(directions))
            {
                direction.Store(layer, slot);
            }

            stored[0]++;
        }

        if (settings.Directions == StoredDirection.Code)
        {
            Array.Fill(scalars, settings.Start);
        }

        scalars[(int)stored[0]] = settings.Start;
        Scalars.View<float>().Write(scalars);
        Choose((int)stored[0]);
        StartDirection(task);
    }

    /// <summary>Says which scalar the direction in training has.</summary>
    private void Choose(int slot)
    {
        foreach (Variable choice in layers.Select(layer => layer.Given[SdLoraForm.Choice]).Distinct())
        {
            choice.View<float>().Write(OneHot(choice.Shape, _ => slot));
        }
    }

    /// <summary>
    /// Whether the stored directions make up the new one, by least squares over all layers together; their scalars then have taken it over.
    /// </summary>
    private bool TakenOver(Direction[] directions, float[] scalars, int slot)
    {
        if (settings.DropBelow == 0 || slot == 0)
        {
            return false;
        }

        var fit = new DirectionFit(slot);
        foreach ((LoraLinear layer, Direction direction) in layers.Zip(directions))
        {
            fit.Add([.. Enumerable.Range(0, slot).Select(earlier => Direction.Read(layer, earlier))], direction);
        }

        if (fit.Solve() is not { } found)
        {
            // A direction of zero: there is nothing to take over.
            return true;
        }

        if (found.Residual >= settings.DropBelow)
        {
            return false;
        }

        for (int k = 0; k < slot; k++)
        {
            scalars[k] += (float)(scalars[slot] * found.Shares[k]);
        }

        return true;
    }

    /// <summary>A as LoRA starts it, or from the file; B zero.</summary>
    private void StartDirection(int task)
    {
        using SafetensorsFile? file = settings.Init is { } path ? SafetensorsFile.Open(path) : null;
        foreach (LoraLinear layer in layers)
        {
            layer.B.View<float>().Write(new float[layer.B.Shape.Count]);
            if (file is not null)
            {
                StartValues.Upload(file[Key(task, layer)], layer.A, "method.init");
            }
            else
            {
                AdapterInitialization.DrawUniform(
                    layer.A, settings.DirectionSeed, RandomStream.DirectionInitialization + (uint)task, layer.Index);
            }

            Reduce(layer, task);
        }
    }

    /// <summary>
    /// Has the model start as its adapter has it: B is divided by the scalar that it is multiplied by, and no rank that is trained is lost.
    /// </summary>
    private void KeepStart(LoraLinear layer)
    {
        float[] b = layer.B.View<float>().ToArray();
        if (settings.RankOf(0) is { } rank && b.Where((value, i) => i % layer.Rank >= rank).Any(value => value != 0))
        {
            throw Refusal(
                $"method {Name}: ranks gives the first task {rank}, and {layer.Module} starts with {layer.Rank} trained ranks "
                + $"({Setting.Of("adapter.init")}), of which the others would be lost; let ranks begin with {layer.Rank}.");
        }

        layer.B.View<float>().Write([.. b.Select(value => value / settings.Start)]);
    }

    /// <summary>Zeroes the ranks that a task's direction has not: with A's row and B's column zero, neither gets a gradient.</summary>
    private void Reduce(LoraLinear layer, int task)
    {
        if (settings.RankOf(task) is not { } rank || rank >= layer.Rank)
        {
            return;
        }

        float[] a = layer.A.View<float>().ToArray(), b = layer.B.View<float>().ToArray();
        a.AsSpan(rank * layer.A.Shape.Columns).Clear();
        for (int i = 0; i < b.Length; i++)
        {
            b[i] = i % layer.Rank < rank ? b[i] : 0;
        }

        layer.A.View<float>().Write(a);
        layer.B.View<float>().Write(b);
    }

    private void RequireStarts(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        var needed = new HashSet<string>();
        foreach ((int task, LoraLinear layer) in from task in Enumerable.Range(1, tasks - 1) from layer in layers select (task, layer))
        {
            string name = Key(task, layer);
            needed.Add(name);
            if (!file.Contains(name))
            {
                throw new ConfigurationException(FormattableString.Invariant(
                    $"{path}: '{name}' is missing; the run has {tasks} tasks, and each after the first needs an A for every adapted layer ")
                    + "(method.init).");
            }

            StartValues.Read(file[name], layer.A, "method.init");
        }

        if (file.Tensors.FirstOrDefault(tensor => !needed.Contains(tensor.Name)) is { } stranger)
        {
            throw new ConfigurationException(
                $"{path}: tensor '{stranger.Name}' is no start of a task of the run; expected names such as {needed.First()} "
                + "(method.init).");
        }
    }

    private static float[] OneHot(Shape shape, Func<int, int> column)
    {
        var values = new float[shape.Count];
        for (int row = 0; row < shape.Rows; row++)
        {
            values[(row * shape.Columns) + column(row)] = 1;
        }

        return values;
    }

    private static string Key(int task, LoraLinear layer) => FormattableString.Invariant($"task.{task}.{layer.Module}.lora_A.weight");
}
