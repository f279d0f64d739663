namespace Engine.Training.Comparing;

/// <summary>Student's t distribution, of which intervals of the mean of few runs are made.</summary>
internal static class StudentT
{
    /// <summary>Terms of the continued fraction at most; it converges in some tens for the arguments of few degrees of freedom.</summary>
    private const int MostTerms = 10_000;

    /// <summary>Halvings of an interval of doubles: more do not change it.</summary>
    private const int Halvings = 200;

    /// <summary>A factor this near to 1 changes nothing that a double shows.</summary>
    private const double Converged = 1e-15;

    /// <summary>The probability that |T| is at most <paramref name="t"/>.</summary>
    /// <param name="t">At least 0.</param>
    /// <param name="freedom">Degrees of freedom, at least 1.</param>
    public static double TwoSided(double t, int freedom)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(t);
        ArgumentOutOfRangeException.ThrowIfLessThan(freedom, 1);
        return 1 - IncompleteBeta(freedom / (freedom + (t * t)), freedom / 2.0, 0.5);
    }

    /// <summary>The t that |T| stays within with a probability: 2.776 for 0.95 and 4 degrees of freedom.</summary>
    /// <param name="probability">Above 0 and below 1.</param>
    /// <param name="freedom">Degrees of freedom, at least 1.</param>
    public static double Bound(double probability, int freedom)
    {
        ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(probability, 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(probability, 1);
        double low = 0, high = 1;
        while (TwoSided(high, freedom) < probability)
        {
            (low, high) = (high, 2 * high);
        }

        for (int i = 0; i < Halvings && low < high; i++)
        {
            double middle = low + ((high - low) / 2);
            (low, high) = TwoSided(middle, freedom) < probability ? (middle, high) : (low, middle);
        }

        return high;
    }

    /// <summary>I_x(a, b), the regularised incomplete beta function, by its continued fraction (DLMF 8.17.22).</summary>
    private static double IncompleteBeta(double x, double a, double b)
    {
        if (x is 0 or 1)
        {
            return x;
        }

        // The fraction converges fast for x below (a + 1) / (a + b + 2); above it, I_x(a, b) = 1 - I_(1-x)(b, a) (DLMF 8.17.4).
        return x > (a + 1) / (a + b + 2) ? 1 - Fraction(1 - x, b, a) : Fraction(x, a, b);
    }

    /// <summary>x^a (1 - x)^b / (a B(a, b)) over the continued fraction, evaluated by Lentz's method.</summary>
    private static double Fraction(double x, double a, double b)
    {
        double front = Math.Exp((a * Math.Log(x)) + (b * Math.Log(1 - x)) + LogGamma(a + b) - LogGamma(a) - LogGamma(b)) / a;
        double c = 1, d = 1 / NotZero(1 - ((a + b) * x / (a + 1))), product = d;
        for (int m = 1; m < MostTerms; m++)
        {
            double even = m * (b - m) * x / ((a + (2 * m) - 1) * (a + (2 * m)));
            double odd = -(a + m) * (a + b + m) * x / ((a + (2 * m)) * (a + (2 * m) + 1));
            product *= Next(even);
            double factor = Next(odd);
            product *= factor;
            if (Math.Abs(factor - 1) < Converged)
            {
                break;
            }
        }

        return front * product;

        double Next(double term)
        {
            d = 1 / NotZero(1 + (term * d));
            c = NotZero(1 + (term / c));
            return c * d;
        }
    }

    private static double NotZero(double value) => value == 0 ? 1e-300 : value;

    /// <summary>ln Gamma of k/2, k = 1, 2, ...: exact by recurrence from Gamma(1/2) = sqrt(pi) and Gamma(1) = 1.</summary>
    private static double LogGamma(double halves)
    {
        double value = halves % 1 == 0 ? 0 : Math.Log(Math.PI) / 2;
        for (double at = halves % 1 == 0 ? 1 : 0.5; at < halves; at++)
        {
            value += Math.Log(at);
        }

        return value;
    }
}
