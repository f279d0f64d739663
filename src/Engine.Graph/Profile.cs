using Engine.Devices;

namespace Engine.Graph;

/// <summary>One operator's part of a profile.</summary>
/// <param name="Operator">Its name, with the library that computes it.</param>
/// <param name="Calls">Its launches.</param>
/// <param name="Time">The time of these, each by itself.</param>
/// <param name="Cost">What they cannot do without.</param>
internal sealed record OperatorProfile(string Operator, long Calls, TimeSpan Time, WorkCost Cost);

/// <summary>One kernel's part of a profile, of one operator.</summary>
/// <param name="Operator">The operator that launches it.</param>
/// <param name="Kernel">Its name, and the storage types and constants that it is compiled with.</param>
/// <param name="Calls">Its launches.</param>
/// <param name="Time">The time of these, each by itself.</param>
/// <param name="Cost">What its launches move and compute (<see cref="Launch.Cost"/>).</param>
internal sealed record KernelProfile(string Operator, string Kernel, long Calls, TimeSpan Time, WorkCost Cost);

/// <summary>Time by operator and by kernel over profiled replays, of several threads too.</summary>
internal sealed class Profile
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, OperatorProfile> operators = [];
    private readonly Dictionary<(string Operator, string Kernel), KernelProfile> kernels = [];

    /// <summary>The operators, the longest first.</summary>
    public IReadOnlyList<OperatorProfile> Rows
    {
        get
        {
            lock (gate)
            {
                return [.. operators.Values.OrderByDescending(row => row.Time)];
            }
        }
    }

    /// <summary>The kernels of each operator, the longest first.</summary>
    public IReadOnlyList<KernelProfile> Kernels
    {
        get
        {
            lock (gate)
            {
                return [.. kernels.Values.OrderByDescending(row => row.Time)];
            }
        }
    }

    /// <summary>Adds one run of a plan's work.</summary>
    public void Add(ProfiledWork work, TimeSpan time)
    {
        lock (gate)
        {
            OperatorProfile whole = operators.GetValueOrDefault(work.Operator)
                ?? new OperatorProfile(work.Operator, 0, TimeSpan.Zero, default);
            operators[work.Operator] = whole with { Calls = whole.Calls + 1, Time = whole.Time + time, Cost = whole.Cost + work.NodeCost };
            KernelProfile part = kernels.GetValueOrDefault((work.Operator, work.Kernel))
                ?? new KernelProfile(work.Operator, work.Kernel, 0, TimeSpan.Zero, default);
            kernels[(work.Operator, work.Kernel)] =
                part with { Calls = part.Calls + 1, Time = part.Time + time, Cost = part.Cost + work.KernelCost };
        }
    }
}

/// <summary>What a profiled replay times by itself: a launch, or a part of one.</summary>
/// <param name="Launch">The launch by its place in the plan.</param>
/// <param name="Part">Its part by place in <see cref="Engine.Devices.Launch.Parts"/>.</param>
/// <param name="Operator">The operator's name, with the library that computes it.</param>
/// <param name="Kernel">The kernel's name, and what it is compiled with.</param>
/// <param name="NodeCost">What the node cannot do without; of several parts the first counts for all.</param>
/// <param name="KernelCost">What this part moves and computes; where a part does not say it, the node's.</param>
internal sealed record ProfiledWork(int Launch, int Part, string Operator, string Kernel, WorkCost NodeCost, WorkCost KernelCost)
{
    /// <summary>The parts of a node's launches, in their order.</summary>
    public static IEnumerable<ProfiledWork> Of(NodeLaunches of, IReadOnlyList<Launch> launches)
    {
        Operator @operator = of.Node.Operator;
        string? library = launches.Take(of.First..of.End).Select(launch => launch.Library).FirstOrDefault(name => name is not null);
        string name = library is null ? @operator.Name : $"{@operator.Name} {library}";
        WorkCost cost = new(@operator.MovedBytes(of.Node), @operator.ProductOperations(of.Node));
        for (int i = of.First; i < of.End; i++)
        {
            IReadOnlyList<Launch> parts = launches[i].Parts;
            for (int part = 0; part < parts.Count; part++)
            {
                yield return new ProfiledWork(i, part, name, parts[part].Name + parts[part].Variant, cost, parts[part].Cost ?? cost);
                cost = default;
            }
        }
    }
}

/// <summary>A node and its launches in a plan: from the first up to, not with, the end.</summary>
internal readonly record struct NodeLaunches(Node Node, int First, int End);
