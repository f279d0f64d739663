using Engine.Common.Keys;

namespace Engine.Optim.Methods;

/// <summary>
/// A radius that follows from measurements of the rise it makes, taken every few steps: where the rise goes with a power of the radius, the
/// radius is multiplied by that root of what the rise lacks. It is state of a run.
/// </summary>
/// <param name="rho">The share of the loss that the rise is to be.</param>
/// <param name="power">The power of the radius that the rise goes with: 1 for an ascent, 2 for noise.</param>
/// <param name="largest">The largest radius unless <see cref="Radius.Max"/> says one.</param>
internal sealed class MeasuredRadius(Radius rho, double power, double largest)
{
    /// <summary>One measurement is of one batch: it moves the radius by no more than this factor.</summary>
    private const double LargestMove = 4;

    private readonly double[] current = [Math.Min(rho.Initial, rho.Max ?? largest)];

    /// <summary>What is wrong with the settings of a method that measures; null: nothing.</summary>
    public static KeyProblem? Problem(Radius rho, int riseEvery) => rho.Rise is not null && riseEvery == 0
        ? new KeyProblem(
            nameof(OnePassPerturbation.RiseEvery),
            $"a whole number of at least 1: {Setting.Of("rho")} says the rise, which is measured so often")
        : null;

    public double Current => current[0];

    public (string Name, double[] Values) State => ("radius", current);

    /// <summary>Takes a measurement.</summary>
    /// <param name="share">The rise of the loss as a share of it.</param>
    /// <param name="reach">The part of the radius that the perturbation made use of. Where it is below 1, the radius does not bind and is
    /// not raised.</param>
    public void Measure(double share, double reach = 1)
    {
        if (!double.IsFinite(share))
        {
            return;
        }

        double move = share > 0 ? Math.Min(1, reach) * Math.Pow(rho.Rise!.Value / share, 1 / power) : LargestMove;
        if (move < 1 || reach >= 1)
        {
            current[0] = Math.Min(current[0] * Math.Clamp(move, 1 / LargestMove, LargestMove), rho.Max ?? largest);
        }
    }
}
