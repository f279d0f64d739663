using Engine.Devices;
using Engine.Graph;

namespace Engine.Optim.Methods;

/// <summary>
/// SL-SAM's bandit of EXP3's kind over tensors, with a budget: each tensor is drawn by itself with its own chance, the chances sum to the
/// budget, and tensors drawn with large gradient norms become likelier. Numbers in float64. docs/methods/sl-sam.md has the formulas.
/// </summary>
internal sealed class TensorBandit
{
    /// <summary>The learning rate of the chances (a_p).</summary>
    private const double Rate = 0.001;

    /// <summary>The smallest chance.</summary>
    private const double Floor = 1e-8;

    private readonly double budget;
    private readonly double[] probabilities;
    private readonly double[] weights;
    private readonly int[] order;

    /// <param name="share">The expected share of tensors in a draw, in (0, 1].</param>
    public TensorBandit(int tensors, double share)
    {
        budget = share * tensors;
        probabilities = new double[tensors];
        probabilities.AsSpan().Fill(share);
        weights = new double[tensors];
        order = new int[tensors];
    }

    /// <summary>The chance of each tensor, each in (0, 1].</summary>
    public IReadOnlyList<double> Probabilities => probabilities;

    /// <summary>The same, for a checkpoint to keep and to fill.</summary>
    internal double[] State => probabilities;

    /// <summary>Draws a set; an empty one is drawn again.</summary>
    public void Draw(PhiloxGenerator random, ActiveSet active)
    {
        bool any = false;
        for (ulong block = 0; !any;)
        {
            for (int i = 0; i < probabilities.Length; i++, block++)
            {
                active[i] = PhiloxGenerator.ToUniform(random.Block(block).X) < probabilities[i];
                any |= active[i];
            }
        }
    }

    /// <summary>Moves the chances after a step.</summary>
    /// <param name="squares">Squared gradient norms of the first pass; read for the tensors of the set only.</param>
    public void Update(ActiveSet active, ReadOnlySpan<float> squares)
    {
        // Every loss estimate is a common constant minus (n_i / p_i)^2, and what counts is its distance to the smallest: the constant
        // cancels.
        double best = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            best = active[i] ? Math.Max(best, Gain(i, squares)) : best;
        }

        for (int i = 0; i < weights.Length; i++)
        {
            weights[i] = active[i] ? probabilities[i] * Math.Exp(-Rate * (best - Gain(i, squares)) / probabilities[i]) : probabilities[i];
        }

        Project();
    }

    private double Gain(int tensor, ReadOnlySpan<float> squares) => squares[tensor] / (probabilities[tensor] * probabilities[tensor]);

    /// <summary>The weights scaled to the budget, the largest capped at 1 first.</summary>
    private void Project()
    {
        double sum = 0;
        for (int i = 0; i < order.Length; i++)
        {
            order[i] = i;
            sum += weights[i];
        }

        // Insertion sort: stable, without a comparer to allocate, and the order hardly changes from step to step.
        for (int i = 1; i < order.Length; i++)
        {
            int moved = order[i];
            int place = i;
            for (; place > 0 && weights[order[place - 1]] < weights[moved]; place--)
            {
                order[place] = order[place - 1];
            }

            order[place] = moved;
        }

        double left = budget;
        int next = 0;
        while (next < order.Length && (left >= order.Length - next || weights[order[next]] * left > sum))
        {
            probabilities[order[next]] = 1;
            left--;
            sum -= weights[order[next]];
            next++;
        }

        // Summed again: what subtracting left of it may be round-off.
        sum = 0;
        for (int i = next; i < order.Length; i++)
        {
            sum += weights[order[i]];
        }

        for (int i = next; i < order.Length; i++)
        {
            probabilities[order[i]] = Math.Clamp(sum > 0 ? weights[order[i]] * left / sum : left / (order.Length - next), Floor, 1);
        }
    }
}
