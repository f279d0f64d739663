using Engine.Training.Federated;

namespace Engine.Training.Tests.Federated;

public sealed class PrivacyAccountantTests
{
    /// <summary>Mironov 2017 (arXiv 1702.07476), proposition 7.</summary>
    [Theory]
    [InlineData(1, 2)]
    [InlineData(0.7, 1.5)]
    [InlineData(5, 64)]
    public void A_whole_batch_has_the_divergence_of_the_gaussian_mechanism(double sigma, double order) =>
        Assert.Equal(order / (2 * sigma * sigma), PrivacyAccountant.Divergence(sigma, 1, order), 1e-15);

    /// <summary>Values that TensorFlow Privacy's own tests hold its accountant against, to the digits printed there.</summary>
    [Theory]
    [InlineData(0.1, 2, 10, 5, 0.07737, 1e-5)]
    [InlineData(0.01, 2.5, 50, 1.5, 0.00065, 1e-5)]
    [InlineData(0.01, 2.5, 50, 2.5, 0.001085, 1e-5)]
    [InlineData(0.01, 2.5, 50, 5, 0.00218075, 1e-5)]
    [InlineData(0.01, 2.5, 50, 50, 0.023846, 1e-5)]
    [InlineData(0.01, 2.5, 50, 100, 167.416307, 1e-5)]
    public void Divergences_are_those_that_are_published(
        double rate, double sigma, int steps, double order, double expected, double tolerance) =>
        Assert.Equal(expected, steps * PrivacyAccountant.Divergence(sigma, rate, order), tolerance);

    /// <summary>Opacus' own tests hold its RDP accountant between 7.3291 and 7.3292 here.</summary>
    [Fact]
    public void Epsilon_is_the_published_one()
    {
        var accountant = new PrivacyAccountant();
        accountant.Add(1.5, 0.04, 2250);
        Assert.InRange(accountant.Epsilon(1e-5), 7.3291, 7.3292);
    }

    /// <summary>
    /// Two ways to one number: the sum over binomial terms and the integral; what is left is rounding of some thousand terms in float64.
    /// </summary>
    [Theory]
    [InlineData(1.5, 0.04, 5)]
    [InlineData(0.4, 0.3, 7)]
    [InlineData(5, 0.01, 3)]
    [InlineData(1, 0.001, 2)]
    public void Whole_orders_agree_with_the_integral(double sigma, double rate, int order) =>
        Assert.Equal(PrivacyAccountant.LogMomentOfWhole(sigma, rate, order), PrivacyAccountant.LogMoment(sigma, rate, order), 1e-11);

    /// <summary>Steps of sigma^2 / 5 would be some ten thousand millions; subsampling never adds to a whole batch's divergence.</summary>
    [Fact]
    public void A_noise_that_hides_nothing_has_the_whole_batchs_bound_at_once()
    {
        Assert.Equal(1.5 / (2 * 1e-4 * 1e-4), PrivacyAccountant.Divergence(1e-4, 0.1, 1.5), 1e-3);
        Assert.Equal(0, PrivacyAccountant.Divergence(1e-4, 0, 1.5));
        Assert.InRange(PrivacyAccountant.Divergence(0.02, 0.1, 1.5), 0, 1.5 / (2 * 0.02 * 0.02));
    }

    [Fact]
    public void Steps_add_up_and_privacy_only_gets_lost()
    {
        PrivacyAccountant once = new(), twice = new();
        Assert.Equal(0, once.Epsilon(1e-5));
        once.Add(1, 0.02, 300);
        twice.Add(1, 0.02, 100);
        double before = twice.Epsilon(1e-5);
        twice.Add(1, 0.02, 200);
        Assert.Equal(once.Epsilon(1e-5), twice.Epsilon(1e-5), 1e-12);
        Assert.True(before < twice.Epsilon(1e-5));
        Assert.True(twice.Epsilon(1e-5) < twice.Epsilon(1e-6));
    }

    [Fact]
    public void What_cannot_be_accounted_for_is_refused()
    {
        var accountant = new PrivacyAccountant();
        Assert.Throws<ArgumentOutOfRangeException>(() => accountant.Add(0, 0.1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => accountant.Add(1, 1.1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => accountant.Add(1, 0.1, -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => accountant.Epsilon(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => accountant.Epsilon(0));
    }
}
