using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>What every perturbing method has: a first step, steps left out, and the rise of the loss.</summary>
public sealed class PerturbationTests
{
    private const int TotalSteps = 20;

    /// <summary>Losses are float32 sums of a few terms near 1, taken by launches that may add in another order.</summary>
    private const double LossTolerance = 1e-6;

    public static TheoryData<string, string> Methods => TestDevices.With<string>([.. Perturbations()]);

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_run_that_starts_at_its_end_is_plain_lora_to_the_bit(string device, string name)
    {
        using ToyRun plain = Start(device, new Plain()), late = Start(device, Named(name) with { Start = TotalSteps });
        RequireSame(plain, late, TotalSteps);
    }

    /// <summary>
    /// Three of twenty steps plain, the rest of the run perturbed; a share of the run is the same as the step it stands for.
    /// </summary>
    [Theory]
    [MemberData(nameof(Methods))]
    public void A_late_start_is_plain_before_it_and_perturbed_from_it_on(string device, string name)
    {
        using ToyRun plain = Start(device, new Plain()), late = Start(device, Named(name) with { Start = 3 });
        using ToyRun share = Start(device, Named(name) with { Start = 0.11 });
        RequireSame(plain, late, 3);
        for (int step = 3; step < 8; step++)
        {
            plain.Step(0.01);
            late.Step(0.01);
        }

        Assert.NotEqual(plain.Values, late.Values);
        for (int step = 0; step < 8; step++)
        {
            share.Step(0.01);
        }

        Assert.Equal(late.Values, share.Values);
    }

    /// <summary>
    /// A plain step makes the launches of plain LoRA, a perturbed one those of the method. Methods that draw tensors draw all of them
    /// here, and LookSAM's steps are all SAM's; how many launches an update takes is each method's own affair.
    /// </summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void The_cost_follows_the_steps_that_are_perturbed(string name)
    {
        Perturbation method = ByPlan(Named(name));
        (long plain, long perturbed) = (Launches(new Plain(), 3), Launches(method, 3));
        Assert.Equal(
            [perturbed, plain, plain, perturbed], Enumerable.Range(0, 4).Select(step => Launches(method with { Every = 3 }, step)));
        Assert.Equal([plain, perturbed], ((int[])[2, 3]).Select(step => Launches(method with { Start = 3 }, step)));
        Assert.True(perturbed > plain, $"{name}: {perturbed} launches, plain LoRA {plain}");
    }

    public static TheoryData<string> Names => [.. Perturbations()];

    [Theory]
    [MemberData(nameof(Methods))]
    public void The_rise_of_the_loss_is_what_the_perturbation_adds_to_it(string device, string name)
    {
        var recorder = new Recorder();
        using ToyRun run = Start(device, Named(name), recorder), plain = Start(device, new Plain());
        bool inOnePass = Named(name) is OnePassPerturbation;
        double largest = 0;
        for (int step = 0; step < 6; step++)
        {
            plain.Values = run.Values;
            StepReport report = run.Step(0.05), clean = plain.Step();
            if (double.IsNaN(report.LossRise))
            {
                continue;
            }

            // The weights themselves are perturbed, or what the training passes make of them.
            double before = clean.Loss;
            double after = inOnePass ? report.Loss : LossAt(device, recorder.Seen, step);
            Assert.Equal(after - before, report.LossRise, LossTolerance);
            Assert.Equal(inOnePass ? after : before, report.Loss, LossTolerance);
            largest = Math.Max(largest, report.LossRise);
        }

        Assert.True(largest > 10 * LossTolerance, $"{name} raised the loss by {largest} at most");
    }

    [Fact]
    public void Without_probes_a_method_of_one_pass_knows_no_rise()
    {
        Method[] silent = [new FlatLora { RiseEvery = 0 }, new BiLora { RiseEvery = 0 }, new EfmLora { RiseEvery = 0 }, new Plain()];
        foreach (Method method in silent)
        {
            using ToyRun run = Start("cpu", method);
            Assert.True(double.IsNaN(run.Step(0.01).LossRise));
        }

        using ToyRun sparse = Start("cpu", new FlatLora { RiseEvery = 3, Every = 2 });
        Assert.Equal([0, 6, 12], Enumerable.Range(0, 14).Where(_ => double.IsFinite(sparse.Step(0.01).LossRise)));
    }

    /// <summary>A method that has no schedule of its own leaves the perturbation's alone, wherever it stands in the list.</summary>
    [Fact]
    public void The_order_of_a_combination_changes_nothing()
    {
        using ToyRun first = Start("cpu", new Together(new LoraPlus(), new FlatLora { Rho = 0.3 }));
        using ToyRun last = Start("cpu", new Together(new FlatLora { Rho = 0.3 }, new LoraPlus()));
        using ToyRun alone = Start("cpu", new LoraPlus());
        for (int step = 0; step < 4; step++)
        {
            Assert.Equal(first.Step(0.01), last.Step(0.01));
            alone.Step(0.01);
        }

        Assert.Equal(first.Values, last.Values);
        Assert.NotEqual(alone.Values, last.Values);
    }

    [Fact]
    public void In_a_plain_step_the_others_of_a_combination_go_on()
    {
        using ToyRun balance = Start("cpu", new NBar()), both = Start("cpu", new Together(new FlatLora { Start = TotalSteps }, new NBar()));
        RequireSame(balance, both, 4);
    }

    private static IEnumerable<string> Perturbations() => MethodCatalog.Names.Where(name => MethodCatalog.Create(name) is Perturbation);

    /// <summary>Every step's rise is measured, and each perturbation is strong enough to be seen.</summary>
    private static Perturbation Named(string name) => MethodCatalog.Create(name) switch
    {
        OnePassPerturbation method => method with { RiseEvery = 1 },
        var method => (Perturbation)method,
    };

    private static Perturbation ByPlan(Perturbation method) => method switch
    {
        OnePassPerturbation one => one with { RiseEvery = 0 },
        Esam esam => esam with { Beta = 1 },
        SlSam bandit => bandit with { SFrac = 1 },
        LookSam look => look with { K = 1 },
        _ => method,
    };

    private static ToyRun Start(string device, Method method, Recorder? recorder = null)
    {
        TrainingMethod plugIn = recorder is null ? method.CreatePlugIn() : recorder.Beside(method.CreatePlugIn());
        return new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, plugIn, totalSteps: TotalSteps);
    }

    /// <summary>The loss of a step without a method at other trainable values.</summary>
    private static double LossAt(string device, float[] values, int step)
    {
        using ToyRun run = Start(device, new Plain());
        for (int i = 0; i < step; i++)
        {
            run.Step();
        }

        run.Values = values;
        return run.Step().Loss;
    }

    private static long Launches(Method method, int step)
    {
        using ToyRun run = Start("cpu", method);
        for (int i = 0; i < step; i++)
        {
            run.Step();
        }

        run.Session.Profile = new Profile();
        run.Step();
        return run.Session.Profile.Rows.Where(row => row.Operator != "AdamW").Sum(row => row.Calls);
    }

    private static void RequireSame(ToyRun expected, ToyRun actual, int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            Assert.Equal(expected.Step(0.01), actual.Step(0.01));
        }

        Assert.Equal(expected.Values, actual.Values);
    }
}
