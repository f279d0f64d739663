using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;

namespace Engine.Optim.Methods;

/// <summary>
/// The radius of an ascent that each step chooses on the device, so that the loss rises to first order by what it is to: radius times slope
/// is a share of the step's loss (<see cref="Radius.Rise"/>), or LE-SAM's sigma (<see cref="LossRiseAscent"/>). It costs no pass, and
/// nothing is kept from step to step.
/// </summary>
internal sealed class ChosenRadius
{
    private readonly Func<long, long, double> target;
    private readonly RadiusRule ofSquares;
    private Variable? value;

    private ChosenRadius(Func<long, long, double> target, double c, double largest, bool isShare)
    {
        this.target = target;
        ofSquares = new RadiusRule((float)c, (float)Math.Min(largest, float.MaxValue), isShare, OfSquares: true);
    }

    /// <summary>[1] The radius of the last step.</summary>
    public Variable Value => value ?? throw new InvalidOperationException($"{nameof(Attach)} comes first.");

    /// <summary>How a method chooses its radius; null: it is the number that rho says.</summary>
    public static ChosenRadius? Of(Perturbation settings, Radius rho) => settings is LossRiseAscent { Sigma: not null } schedule
        ? new ChosenRadius(schedule.SigmaAt, schedule.C, schedule.RhoMax, isShare: false)
        : rho.Rise is { } share ? new ChosenRadius((_, _) => share, c: 0, rho.Max ?? settings.LargestRadius, isShare: true) : null;

    public void Attach(MethodContext context) => value = context.Reports.Reserve("radius", new Shape(1));

    /// <summary>Adds to a graph that the radius is chosen.</summary>
    /// <param name="sums">Each tensor's squared slope, or where not <paramref name="areSquares"/> its part of the slope.</param>
    public Tensor Choose(GraphBuilder graph, MethodContext context, Tensor sums, bool areSquares = true, Tensor? mask = null)
    {
        RadiusRule rule = ofSquares with { OfSquares = areSquares };
        graph.AscentRadius(rule, sums, graph.Read(context.Scalars), MethodScalars.RiseTarget, graph.Read(context.Loss), Value, mask);
        return graph.Read(Value);
    }

    public void WriteTarget(long step, long totalSteps, Span<float> scalars) =>
        scalars[MethodScalars.RiseTarget] = (float)target(step, totalSteps);
}
