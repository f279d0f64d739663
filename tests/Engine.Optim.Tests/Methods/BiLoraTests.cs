using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>Bi-LoRA's invariants, on a loss linear in the weight, where the auxiliary's way is known.</summary>
public sealed class BiLoraTests
{
    /// <summary>The primary all but stands still.</summary>
    private const double PrimaryRate = 1e-9;

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [MemberData(nameof(Devices))]
    public void Gradient_ascent_raises_the_loss_by_what_the_factors_gradients_say(string device)
    {
        const double Rate = 1e-3;
        using ToyRun run = Run(device, AuxiliaryClip.None, Rate);
        double[,] g = LinearModel.Saturate(run);
        LoraLinear layer = run.Model.Adapters[0];
        Factor(run, "B").View<float>().Write(Numbers.Values(9, layer.B.Shape.Count, 0.5));
        (double[,] a, double[,] b) = Auxiliary(run);
        double before = Raised(g, a, b);
        run.Step(PrimaryRate);
        (double[,] newA, double[,] newB) = Auxiliary(run);

        // <G, d(s B2 A2)> = eta s^2 (||G A2^T||^2 + ||B2^T G||^2) + O(eta^2); the step is some thousandth of the factors.
        double expected = Rate * Math.Pow(layer.Scale, 2) * (
            Math.Pow(LowRankReference.Norm(LowRankReference.Multiply(g, LowRankReference.Transpose(a))), 2)
            + Math.Pow(LowRankReference.Norm(LowRankReference.Multiply(LowRankReference.Transpose(b), g)), 2));
        Assert.Equal(expected, layer.Scale * (Raised(g, newA, newB) - before), 1e-2 * expected);
        Assert.True(expected > 0);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Ascent_and_clipping_iterate_to_the_leading_singular_direction(string device)
    {
        const double Rho = 0.3;
        using ToyRun run = Run(device, AuxiliaryClip.Global, rate: 0.5, Rho);
        double[,] g = LinearModel.Saturate(run);
        (double[,] u, double[] sigma, double[,] v) = LowRankReference.Svd(LowRankReference.Transpose(g));
        int leading = Array.IndexOf(sigma, sigma.Max());
        Assert.InRange(sigma.OrderDescending().ElementAt(1) / sigma.Max(), 0.1, 0.95);
        for (int step = 0; step < 400; step++)
        {
            run.Step(PrimaryRate);
        }

        double scale = run.Model.Adapters[0].Scale;
        (double[,] a, double[,] b) = Auxiliary(run);
        double[,] product = LowRankReference.Scale(LowRankReference.Multiply(b, a), scale);

        // rho u1 v1^T, of rank 1 though there is room for 2: its value is rho sigma1, less than rho ||G_2||.
        double[,] expected = new double[LinearModel.Classes, LinearModel.Inputs];
        for (int i = 0; i < LinearModel.Classes; i++)
        {
            for (int j = 0; j < LinearModel.Inputs; j++)
            {
                expected[i, j] = Rho
                    * v[i, leading] * u[j, leading] / Math.Sqrt(
                        Enumerable.Range(0, LinearModel.Inputs).Sum(k => u[k, leading] * u[k, leading]));
            }
        }

        Assert.InRange(LowRankReference.Norm(LowRankReference.Add(product, LowRankReference.Scale(expected, -1))), 0, 1e-3 * Rho);
        Assert.Equal(Rho * sigma.Max(), scale * Raised(g, a, b), 1e-4 * Rho * sigma.Max());
    }

    /// <summary>
    /// The paper's ablation Dual-LoRA turns the ascent round: two adapters that both descend are one of both ranks, [A; A2] and [B | B2].
    /// AdamW divides by the gradient's size, so that rounding where a gradient is nearly 0 counts; without decay and clipping, which the
    /// auxiliary never has.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void An_auxiliary_that_descends_is_a_wider_adapter(string device)
    {
        const double Rate = 0.01;
        var optimizer = new AdamWOptions { LearningRate = Rate, WeightDecay = 0, MaxGradNorm = 0 };
        using var dual = new ToyRun(
            device,
            new TwoLayerModel(),
            Target(2),
            new BiLoraMethod(new() { AuxiliaryRank = 2, Clip = AuxiliaryClip.None, AuxiliaryLearningRate = -Rate }),
            optimizer);
        using var wide = new ToyRun(device, new TwoLayerModel(), Target(4), new PlainMethod(), optimizer);
        LoraLinear narrow = dual.Model.Adapters[0], joined = wide.Model.Adapters[0];
        Variable a = Auxiliary("A"), b = Auxiliary("B");
        b.View<float>().Write(Numbers.Values(9, b.Shape.Count, 0.5));
        joined.A.View<float>().Write(JoinedA());
        joined.B.View<float>().Write(JoinedB());
        float[] before = JoinedB();
        for (int step = 0; step < 10; step++)
        {
            Assert.Equal(wide.Step(Rate).Loss, dual.Step(Rate).Loss, 1e-5);
        }

        Numbers.Near(joined.A.View<float>().ToArray().Double(), JoinedA(), 1e-4, 1e-4);
        Numbers.Near(joined.B.View<float>().ToArray().Double(), JoinedB(), 1e-4, 1e-4);
        Assert.All(before.Zip(JoinedB()), pair => Assert.True(Math.Abs(pair.First - pair.Second) > 1e-3));

        Variable Auxiliary(string name) =>
            dual.Session.MethodState.Variables.Single(variable => variable.Name == $"auxiliary.first.{name}");

        float[] JoinedA() => [.. narrow.A.View<float>().ToArray(), .. a.View<float>().ToArray()];

        float[] JoinedB() =>
            [.. narrow.B.View<float>().ToArray().Chunk(2).Zip(b.View<float>().ToArray().Chunk(2))
                .SelectMany(rows => rows.First.Concat(rows.Second))];

        static Tuning Target(int rank) => new Tuning.Lora([new LoraTarget("first", rank, 2f, 0f)], []);
    }

    private static ToyRun Run(string device, AuxiliaryClip clip, double rate, double rho = 0.1) => new(
        device,
        new LinearModel(),
        LinearModel.Adapter,
        new BiLoraMethod(new()
        {
            Rho = rho,
            AuxiliaryRank = 2,
            Clip = clip,
            AuxiliaryOptimizer = AuxiliaryOptimizer.Sgd,
            AuxiliaryLearningRate = rate,
        }),
        new AdamWOptions { LearningRate = PrimaryRate });

    private static Variable Factor(ToyRun run, string name) =>
        run.Session.MethodState.Variables.Single(variable => variable.Name == $"auxiliary.{LinearModel.Layer}.{name}");

    private static (double[,] A, double[,] B) Auxiliary(ToyRun run)
    {
        double[,] Of(string name) =>
            LowRankReference.Matrix(
                Factor(run, name).View<float>().ToArray(), Factor(run, name).Shape.Rows, Factor(run, name).Shape.Columns);
        return (Of("A"), Of("B"));
    }

    /// <summary>[G, B2 A2]: by how much the linear loss is higher for the product.</summary>
    private static double Raised(double[,] g, double[,] a, double[,] b) =>
        g.Cast<double>().Zip(LowRankReference.Multiply(b, a).Cast<double>(), (x, y) => x * y).Sum();
}
