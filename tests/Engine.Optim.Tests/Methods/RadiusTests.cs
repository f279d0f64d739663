using Engine.Common;
using Engine.Kernels.Tests;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>Radii that follow from the rise of the loss.</summary>
public sealed class RadiusTests
{
    private const double Share = 0.05;
    private const int TotalSteps = 400;

    public static TheoryData<string, string> Ascents =>
        TestDevices.With<string>(["sam", "lora-sam", "asam", "esam", "sl-sam", "looksam", "logits-sam", "fm-lora", "efm-lora"]);

    /// <summary>
    /// A rise of a thousandth of the loss is small enough to be linear in the radius: what is measured is what was asked for, to the
    /// second-order term, which is that small beside it, and float32's last digits of the two losses.
    /// </summary>
    [Theory]
    [MemberData(nameof(Ascents))]
    public void To_first_order_the_loss_rises_by_its_share_in_every_step(string device, string name)
    {
        const double Small = 1e-3;
        using ToyRun run = Start(device, WithRho(name, Small));
        for (int step = 0; step < 6; step++)
        {
            StepReport report = run.Step(1e-3);
            double radius = run.Session.Numbers.Single(number => number.Key == "rho").Value;
            if (name == "efm-lora" && step == 0)
            {
                Assert.Equal(0, report.LossRise);
            }
            else if (name != "looksam" || step % 10 == 0)
            {
                double loss = name == "efm-lora" ? report.Loss - report.LossRise : report.Loss;
                Assert.InRange(report.LossRise / loss, 0.9 * Small, 1.1 * Small);
            }

            Assert.Equal(name != "looksam" || step % 10 == 0, radius > 0);
        }
    }

    /// <summary>A rise that no small radius makes stops at LE-SAM's rho_max; asam counts in tenths of it, as its radius does.</summary>
    [Theory]
    [InlineData("lora-sam", 0.2)]
    [InlineData("asam", 2)]
    [InlineData("fm-lora", 0.2)]
    public void A_rise_out_of_reach_leaves_the_radius_at_its_bound(string name, double bound)
    {
        using ToyRun run = Start("cpu", WithRho(name, share: 1e6));
        run.Step();
        Assert.Equal(bound, run.Session.Numbers.Single(number => number.Key == "rho").Value, 1e-7);
    }

    /// <summary>A number is the radius of every step, and none is reported.</summary>
    [Fact]
    public void A_radius_that_is_a_number_is_not_chosen()
    {
        using ToyRun run = Start("cpu", new LoraSam { Rho = 0.1 });
        run.Step(0.01);
        Assert.Empty(run.Session.Numbers);
        Assert.Equal(new LoraSam { Rho = new Radius { Value = 0.1 } }, new LoraSam { Rho = 0.1 });
    }

    /// <summary>
    /// The noise's mean rise on a quadratic is its square's: one measurement from an initial radius far off is within a factor of 4 a step,
    /// and then it is held. Single draws of few weights differ, so the mean of many measurements is compared.
    /// </summary>
    [Theory]
    [InlineData(0.001)]
    [InlineData(0.9)]
    public void Noise_comes_to_the_radius_whose_expected_rise_is_the_share(double initial)
    {
        using ToyRun run = Start("cpu", new FlatLora { Rho = new Radius { Rise = Share, Initial = initial, Max = 10 }, RiseEvery = 1 });
        double sum = 0;
        for (int step = 0; step < TotalSteps; step++)
        {
            StepReport report = run.Step();
            sum += step < 20 ? 0 : report.LossRise / (report.Loss - report.LossRise);
        }

        Assert.InRange(sum / (TotalSteps - 20), Share / 3, 3 * Share);
    }

    [Fact]
    public void Bi_loras_auxiliary_comes_to_the_share_once_the_radius_binds()
    {
        var method = new BiLora { Rho = new Radius { Rise = Share }, RiseEvery = 1, AuxiliaryLearningRate = 0.02 };
        using ToyRun run = Start("cpu", method, 1e-3);
        StepReport report = run.Step();
        for (int step = 0; step < 200; step++)
        {
            report = run.Step(1e-3);
        }

        double before = report.Loss - report.LossRise;
        Assert.InRange(report.LossRise / before, 0.5 * Share, 2 * Share);
        Assert.Contains(run.Session.Numbers, number => number.Key == "c_over_rho" && number.Value > 0.5);
    }

    /// <summary>
    /// The auxiliary's product starts at zero and so raises nothing: that its radius is too small is not learned from it.
    /// </summary>
    [Fact]
    public void Bi_loras_first_measurement_which_is_of_no_auxiliary_leaves_the_radius()
    {
        const double Initial = 1e-4;
        var method = new BiLora { Rho = new Radius { Rise = Share, Initial = Initial }, RiseEvery = 1, AuxiliaryLearningRate = 0.02 };
        using ToyRun run = Start("cpu", method, 1e-3);
        run.Step(1e-3);
        Assert.Contains(run.Session.Numbers, number => number.Key == "c_over_rho" && number.Value > 1);
        run.Step(1e-3);
        Assert.Contains(run.Session.Numbers, number => number.Key == "rho" && number.Value == Initial);
    }

    /// <summary>While the auxiliary is small, the radius holds nothing back and must not run away.</summary>
    [Fact]
    public void A_radius_that_does_not_bind_is_not_raised()
    {
        var radius = new MeasuredRadius(new Radius { Rise = Share, Initial = 0.1 }, power: 1, largest: 1);
        radius.Measure(share: 0.001, reach: 0.2);
        Assert.Equal(0.1, radius.Current);
        radius.Measure(share: 0.025, reach: 1);
        Assert.Equal(0.2, radius.Current, 1e-12);
        radius.Measure(share: 0.0001, reach: 3);
        Assert.Equal(0.8, radius.Current, 1e-12);
        radius.Measure(share: -1);
        Assert.Equal(1, radius.Current);
        radius.Measure(share: 0.1, reach: 0.5);
        Assert.Equal(0.25, radius.Current, 1e-12);
        radius.Measure(double.NaN);
        Assert.Equal(0.25, radius.Current, 1e-12);
    }

    /// <summary>
    /// sigma_t / (||g|| + c) below the cap, which binds where the gradient is small; sigma falls from its anneal_start on.
    /// </summary>
    [Fact]
    public void Le_sams_rise_is_sigma_and_falls_at_the_end()
    {
        var method = new Sam { Sigma = 0.01, AnnealStart = 0.5, RhoMax = 10 };
        Assert.Equal([0.01, 0.01, 0.005, 0], ((long[])[0, 10, 15, 20]).Select(step => Math.Round(method.SigmaAt(step, 20), 12)));
        using ToyRun run = Start("cpu", method);
        StepReport report = run.Step();
        Assert.Equal(0.01, report.LossRise, 5e-4);
        using ToyRun capped = Start("cpu", method with { RhoMax = 1e-5 });
        capped.Step();
        Assert.Equal(1e-5, capped.Session.Numbers.Single().Value, 1e-11);
    }

    [Fact]
    public void Settings_that_contradict_each_other_are_refused()
    {
        Refused(new FlatLora { Rho = new Radius { Rise = 0.1 }, RiseEvery = 0 }, "method.rise_every is '0'");
        Refused(new BiLora { Rho = new Radius { Rise = 0.1 }, Clip = AuxiliaryClip.None }, "method.rho is 'a map'");
        Refused(new FmLora { Rho = new Radius { Rise = 0.1 }, RhoMin = 0.01 }, "method.rho_min is '0.01'");
        Refused(new FmLora { Sigma = 0.1, RhoMin = 0.01 }, "method.rho_min is '0.01'");
        Refused(new Sam { Sigma = 0.1, Rho = new Radius { Rise = 0.1 } }, "method.sigma is '0.1'");
        Refused(new Sam { AnnealStart = 0.5 }, "method.anneal_start is '0.5'");
        Refused(new Sam { C = 1e-6 }, "method.c is '1E-06'");
        Refused(new Sam { RhoMax = 0.5 }, "method.rho_max is '0.5'");
        Refused(new Sam { Rho = new Radius { Rise = 0 } }, "method.rho.rise is '0'");
        Refused(new Sam { Rho = -1 }, "method.rho is '-1'");
        Refused(new Sam { Start = 1.5 }, "method.start is '1.5'; expected the number of a step");
        Refused(new LoraSamLesam { Sigma = null }, "method.sigma is ''");

        static void Refused(Method method, string expected) =>
            Assert.StartsWith(expected, Assert.Throws<ConfigurationException>(method.CreatePlugIn).Message);
    }

    private static Method WithRho(string name, double share)
    {
        var rho = new Radius { Rise = share };
        return MethodCatalog.Create(name) switch
        {
            Sam sam => sam with { Rho = rho },
            LoraSam sam => sam with { Rho = rho },
            Asam sam => sam with { Rho = rho },
            Esam sam => sam with { Rho = rho },
            SlSam sam => sam with { Rho = rho },
            LookSam sam => sam with { Rho = rho },
            LogitsSam sam => sam with { Rho = rho },
            EfmLora ascent => ascent with { Rho = rho, Beta = 1, RiseEvery = 1 },
            var ascent => (FmLora)ascent with { Rho = rho },
        };
    }

    private static ToyRun Start(string device, Method method, double learningRate = 0.01) => new(
        device, new TwoLayerModel(), ToyRun.UndroppedAdapters, method.CreatePlugIn(), new AdamWOptions { LearningRate = learningRate },
        totalSteps: TotalSteps);
}
