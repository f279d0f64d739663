using Engine.Devices;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Execution;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>What takes part in a step: ESAM's samples and tensors, LookSAM's direction, SL-SAM's tensors and their chances.</summary>
public sealed class SelectionTests
{
    private static readonly Tuning Full = new Tuning.Full();

    public static TheoryData<string> Devices => TestDevices.Names;

    [Theory]
    [InlineData(0.5, new[] { 1f, 3f, 3f, 2f, 3f }, new[] { 1, 2, 4 })]
    [InlineData(0.4, new[] { 1f, 3f, 3f, 2f, 3f }, new[] { 1, 2 })]
    [InlineData(0.2, new[] { 1f, 1f, 1f }, new[] { 0 })]
    [InlineData(0.7, new[] { 9f, 8f, 7f, 6f, 5f, 4f, 3f, 2f, 1f, 0f }, new[] { 0, 1, 2, 3, 4, 5, 6 })]
    [InlineData(1.0, new[] { -1f, -2f }, new[] { 0, 1 })]
    public void Esam_selects_the_share_whose_losses_rise_most_the_first_of_equals(double gamma, float[] after, int[] expected)
    {
        var method = new EsamMethod(new() { Beta = 1, Gamma = gamma });
        Assert.Equal(expected, method.Select(new float[after.Length], after).ToArray());
    }

    /// <summary>Five standard deviations of 400 draws of each of three tensors.</summary>
    [Fact]
    public void Esam_perturbs_every_tensor_at_first_and_then_the_share_beta()
    {
        var method = new EsamMethod(new() { Rho = 0.05, Beta = 0.6, Gamma = 0.5, SelectionSeed = 9 });
        using var run = new ToyRun("cpu", new TwoLayerModel(), Full, method);
        ActiveSet active = method.ActiveIn(StepPart.FirstPass)!;
        Assert.Null(method.ActiveIn(StepPart.SecondPass));
        Assert.Null(method.ActiveIn(StepPart.Update));
        method.Prepare(0);
        Assert.All(Enumerable.Range(0, 3), tensor => Assert.True(active[tensor]));
        int drawn = 0;
        for (int step = 1; step <= 400; step++)
        {
            method.Prepare(step);
            drawn += Enumerable.Range(0, 3).Count(tensor => active[tensor]);
        }

        Assert.InRange(drawn / 1200.0, 0.6 - (5 * Math.Sqrt(0.24 / 1200)), 0.6 + (5 * Math.Sqrt(0.24 / 1200)));
    }

    /// <summary>
    /// Whatever the mask, the perturbation times the masked gradient's norm is rho / beta times the masked gradient: its mean over masks is
    /// rho times the gradient.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Esams_perturbation_of_the_drawn_tensors_has_the_radius_rho_over_beta(string device)
    {
        var method = new EsamMethod(new() { Rho = 0.3, Beta = 0.5, Gamma = 1, SelectionSeed = 9 });
        using var plain = new ToyRun(device, new TwoLayerModel(), Full, new PlainMethod());
        using var esam = new ToyRun(device, new TwoLayerModel(), Full, method);
        using var moved = new ToyRun(device, new TwoLayerModel(), Full, new PlainMethod());
        long step = Enumerable.Range(1, 50).First(candidate =>
        {
            method.Prepare(candidate);
            return Enumerable.Range(0, 3).Count(tensor => method.ActiveIn(StepPart.FirstPass)![tensor]) == 2;
        });
        esam.Session.StepsTaken = step;
        esam.Step();
        plain.Step();
        float[] mask = [.. plain.Model.Trainables!.Entries.SelectMany((entry, i) =>
            Enumerable.Repeat(method.ActiveIn(StepPart.FirstPass)![i] ? 1f : 0f, (int)entry.Value.Shape.Count))];
        double norm = Math.Sqrt(plain.Gradients.Select((g, i) => (double)g * g * mask[i]).Sum());
        float[] gradients = plain.Gradients;
        moved.Values = [.. plain.Values.Select((w, i) => (float)(w + (0.3 / 0.5 * mask[i] * gradients[i] / norm)))];
        moved.Step();
        Numbers.Near(moved.Gradients.Double(), esam.Gradients, 1e-4, 1e-5);
    }

    /// <summary>
    /// A step's perturbation e times the norm of the gradients it used is rho / beta of these; each tensor is drawn with chance beta, so
    /// that the mean over steps is rho times the whole gradient. Five standard deviations of the draws.
    /// </summary>
    [Fact]
    public void Over_many_masks_esams_perturbation_is_sams()
    {
        const int Steps = 3000;
        const double Radius = 0.3, Beta = 0.5;
        var recorder = new Recorder();
        using var plain = new ToyRun("cpu", new TwoLayerModel(), Full, new PlainMethod());
        var method = new EsamMethod(new() { Rho = Radius, Beta = Beta, Gamma = 1, SelectionSeed = 9 });
        using var esam = new ToyRun("cpu", new TwoLayerModel(), Full, recorder.Beside(method));
        plain.Step();
        float[] start = esam.Values;
        double[] gradient = plain.Gradients.Double(), sum = new double[gradient.Length];
        for (int step = 0; step <= Steps; step++)
        {
            esam.Step();
            double[] e = [.. recorder.Seen.Select((value, i) => (double)value - start[i])];
            double norm = Math.Sqrt(e.Select((value, i) => value == 0 ? 0 : gradient[i] * gradient[i]).Sum());
            for (int i = 0; i < sum.Length && step > 0; i++)
            {
                sum[i] += e[i] * norm;
            }
        }

        double relative = 5 * Math.Sqrt((1 - Beta) / Beta / Steps);
        Numbers.Near([.. gradient.Select(g => Radius * g)], [.. sum.Select(value => (float)(value / Steps))], relative, 1e-6);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Looksams_direction_is_orthogonal_to_the_plain_gradient_and_is_added_with_the_share_a(string device)
    {
        using var plain = new ToyRun(device, new TwoLayerModel(), Full, new PlainMethod());
        using var sam = new ToyRun(device, new TwoLayerModel(), Full, new SamMethod(new() { Rho = 0.5 }));
        using var look = new ToyRun(device, new TwoLayerModel(), Full, new LookSamMethod(new() { Rho = 0.5, K = 3, A = 0.7 }));
        plain.Step();
        sam.Step();
        look.Step();
        double[] g = plain.Gradients.Double(), steep = sam.Gradients.Double();
        double[] direction = look.Session.MethodState.Variables[0].View<float>().ToArray().Double();
        double along = Dot(steep, g) / Dot(g, g);
        Numbers.Near([.. steep.Select((value, i) => value - (along * g[i]))], [.. direction.Select(value => (float)value)], 1e-4, 1e-5);

        // Float32 leaves the dot product of orthogonal vectors at some 1e-7 of their lengths.
        Assert.InRange(Math.Abs(Dot(direction, g)), 0, 1e-5 * Math.Sqrt(Dot(direction, direction) * Dot(g, g)));
        Assert.Equal(sam.Gradients, look.Gradients);
        look.Step();
        double share = 0.7 * Math.Sqrt(Dot(g, g)) / (Math.Sqrt(Dot(direction, direction)) + 1e-8);
        Numbers.Near([.. g.Select((value, i) => value + (share * direction[i]))], look.Gradients, 1e-4, 1e-5);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Looksam_without_a_share_is_sam_in_every_kth_step_and_the_optimizer_between(string device)
    {
        using var look = new ToyRun(device, new TwoLayerModel(), Full, new LookSamMethod(new() { Rho = 0.5, K = 3, A = 0 }));
        using var expected = new ToyRun(device, new TwoLayerModel(), Full, new EveryThird());
        for (int step = 0; step < 7; step++)
        {
            Assert.Equal(expected.Step(0.01), look.Step(0.01));
        }

        Assert.Equal(expected.Values, look.Values);
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Slsam_leaves_the_other_tensors_and_their_moments_as_they_are(string device)
    {
        var method = new SlSamMethod(new() { Rho = 0.3, SFrac = 0.4, SelectionSeed = 2 });
        using var run = new ToyRun(device, new TwoLayerModel(), Full, method);
        int[] updates = new int[3];
        for (int step = 0; step < 8; step++)
        {
            float[] before = run.Values, moments = run.Session.Moments.Second.View<float>().ToArray();
            run.Step(0.01);
            float[] after = run.Values, momentsAfter = run.Session.Moments.Second.View<float>().ToArray();
            int first = 0;
            for (int tensor = 0; tensor < 3; tensor++)
            {
                Range range = first..(first += (int)run.Model.Trainables!.Entries[tensor].Value.Shape.Count);
                Assert.Equal(method.Active[tensor], !before[range].SequenceEqual(after[range]));
                Assert.Equal(method.Active[tensor], !moments[range].SequenceEqual(momentsAfter[range]));
                updates[tensor] += method.Active[tensor] ? 1 : 0;
            }
        }

        Assert.All(updates, count => Assert.InRange(count, 1, 7));
        Assert.Equal(
            updates.Select(count => (double)count), run.Session.HostState.Single(state => state.Name == "optimizer.updates").Values);
    }

    /// <summary>
    /// The chances after each step against <see cref="Chances"/>, from the norms that the optimizer alone sees at the same point.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Slsams_chances_follow_the_gradients_of_its_first_pass(string device)
    {
        const double Share = 0.6;
        var method = new SlSamMethod(new() { Rho = 0.3, SFrac = Share, SelectionSeed = 2 });
        using var run = new ToyRun(device, new TwoLayerModel(), Full, method);
        double[] first = [.. method.Bandit.Probabilities];
        for (int step = 0; step < 12; step++)
        {
            using var plain = new ToyRun(device, new TwoLayerModel(), Full, new PlainMethod()) { Values = run.Values };
            plain.Step();
            double[] before = [.. method.Bandit.Probabilities];
            run.Step(0.01);
            int start = 0;
            double[] norms = [.. run.Model.Trainables!.Entries.Select(entry =>
            {
                Range range = start..(start += (int)entry.Value.Shape.Count);
                return Math.Sqrt(plain.Gradients[range].Sum(g => (double)g * g));
            })];
            bool[] active = [.. Enumerable.Range(0, norms.Length).Select(tensor => method.Active[tensor])];

            // Norms are float32's, good to some 1e-6, and stand in an exponent of the order of 1.
            Assert.All(
                Chances(before, active, norms, Share).Zip(method.Bandit.Probabilities),
                pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        }

        Assert.NotEqual(first, method.Bandit.Probabilities);
    }

    [Fact]
    public void The_bandits_update_is_the_published_one()
    {
        const int Tensors = 30;
        bool capped = false;
        foreach (double share in (double[])[0.1, 0.5, 0.8])
        {
            var bandit = new TensorBandit(Tensors, share);
            var active = new ActiveSet(new Variable[Tensors]);
            for (int step = 0; step < 100; step++)
            {
                bandit.Draw(new PhiloxGenerator(3, RandomStream.TensorSelection, (uint)step), active);
                float[] squares = Numbers.Values(step, Tensors, 4, 4);
                double[] expected = Chances(
                    [.. bandit.Probabilities], [.. Enumerable.Range(0, Tensors).Select(tensor => active[tensor])],
                    [.. squares.Select(square => Math.Sqrt(square))], share);
                bandit.Update(active, squares);

                // The published order of operations subtracts numbers of 1e7 from one another.
                Assert.All(expected.Zip(bandit.Probabilities), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
                capped |= bandit.Probabilities.Any(p => p == 1) && bandit.Probabilities.Any(p => p < 1);
            }
        }

        Assert.True(capped, "no chance ever reached 1, so that the cap was not seen");
    }

    [Fact]
    public void The_bandit_keeps_its_budget_and_bounds_and_favours_large_gradients()
    {
        const int Tensors = 40;
        foreach (double share in (double[])[0.05, 0.2, 0.9])
        {
            var bandit = new TensorBandit(Tensors, share);
            var active = new ActiveSet(new Variable[Tensors]);
            for (uint step = 0; step < 300; step++)
            {
                bandit.Draw(new PhiloxGenerator(1, RandomStream.TensorSelection, step), active);
                Assert.Contains(Enumerable.Range(0, Tensors), tensor => active[tensor]);
                bandit.Update(active, Numbers.Values((int)step, Tensors, 50, 50));

                // The floor of 1e-8 a tensor is what the sum may be off by.
                Assert.Equal(share * Tensors, bandit.Probabilities.Sum(), 1e-6);
                Assert.All(bandit.Probabilities, p => Assert.True(p > 0 && p <= 1));
            }
        }

        var all = new ActiveSet(new Variable[Tensors]);
        var fresh = new TensorBandit(Tensors, 0.5);
        fresh.Update(all, [.. Enumerable.Range(0, Tensors).Select(i => (float)(i * i))]);
        Assert.Equal(fresh.Probabilities.Order(), fresh.Probabilities);
        Assert.True(fresh.Probabilities[0] < fresh.Probabilities[^1]);
    }

    [Fact]
    public void A_bandit_with_the_whole_budget_always_draws_everything()
    {
        var bandit = new TensorBandit(7, 1);
        var active = new ActiveSet(new Variable[7]);
        for (uint step = 0; step < 50; step++)
        {
            bandit.Draw(new PhiloxGenerator(1, RandomStream.TensorSelection, step), active);
            bandit.Update(active, Numbers.Values((int)step, 7, 500, 500));
            Assert.All(bandit.Probabilities, p => Assert.Equal(1, p));
            Assert.All(Enumerable.Range(0, 7), tensor => Assert.True(active[tensor]));
        }
    }

    /// <summary>SL-SAM's update of the chances (arXiv 2602.09395), step by step as its authors' code has it.</summary>
    /// <param name="n">Gradient norms; only those of active tensors count.</param>
    private static double[] Chances(double[] p, bool[] active, double[] n, double share)
    {
        const double SmallestChance = 0.001, Rate = 0.001, Floor = 1e-8;
        int[] set = [.. Enumerable.Range(0, p.Length).Where(i => active[i])];
        double largest = set.Max(i => n[i]);
        var loss = new double[p.Length];
        foreach (int i in set)
        {
            loss[i] = -Math.Pow(n[i] / p[i], 2) + Math.Pow(largest / SmallestChance, 2);
        }

        double least = set.Min(i => loss[i]);
        double[] w = [.. p.Select((chance, i) => active[i] ? chance * Math.Exp(-Rate * (loss[i] - least) / chance) : chance)];
        var projected = new double[p.Length];
        double budget = share * p.Length;
        var left = new Queue<int>(Enumerable.Range(0, p.Length).OrderByDescending(i => w[i]));
        while (left.Count > 0 && w[left.Peek()] * budget > left.Sum(i => w[i]))
        {
            projected[left.Dequeue()] = 1;
            budget--;
        }

        double sum = left.Sum(i => w[i]);
        foreach (int i in left)
        {
            projected[i] = w[i] * budget / sum;
        }

        return [.. projected.Select(chance => Math.Clamp(chance, Floor, 1))];
    }

    private static double Dot(double[] x, double[] y) => x.Zip(y, (a, b) => a * b).Sum();

    private sealed class EveryThird() : SamAscent(new Sam(), 0.5)
    {
        public override string Name => "every-third";

        protected override IReadOnlyList<StepCourse> PerturbedCourses { get; } = [StepCourse.TwoPasses, StepCourse.OnePass];

        protected override StepCourse PerturbedCourse(long due) => due % 3 == 0 ? StepCourse.TwoPasses : StepCourse.OnePass;
    }
}
