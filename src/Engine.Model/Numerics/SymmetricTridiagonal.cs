namespace Engine.Model.Numerics;

/// <summary>Eigenvalues of symmetric tridiagonal matrices by the implicit QL method (Wilkinson and Reinsch, Handbook for Automatic Computation, II/3).</summary>
public static class SymmetricTridiagonal
{
    private const int LargestRounds = 60;

    /// <summary>Eigenvalues, the largest first, and their eigenvectors.</summary>
    /// <param name="diagonal">[n]; used as scratch.</param>
    /// <param name="offDiagonal">Elements (i, i + 1) at i, [n], the last one unread; used as scratch.</param>
    /// <exception cref="ArithmeticException">The iteration does not end: an element is no finite number.</exception>
    public static (double[] Values, double[][] Vectors) Eigen(double[] diagonal, double[] offDiagonal)
    {
        int size = diagonal.Length;
        double[][] vectors = [.. Enumerable.Range(0, size).Select(row => Enumerable.Range(0, size).Select(column => row == column ? 1.0 : 0.0).ToArray())];
        for (int first = 0; first < size; first++)
        {
            for (int round = 0; ; round++)
            {
                int last = first;
                while (last + 1 < size && Math.Abs(offDiagonal[last]) > double.Epsilon + (1e-16 * (Math.Abs(diagonal[last]) + Math.Abs(diagonal[last + 1]))))
                {
                    last++;
                }

                if (last == first)
                {
                    break;
                }

                if (round == LargestRounds)
                {
                    throw new ArithmeticException("The eigenvalues of a tridiagonal matrix were not found; it holds a number that is not finite.");
                }

                Sweep(diagonal, offDiagonal, vectors, first, last);
            }
        }

        int[] order = [.. Enumerable.Range(0, size).OrderByDescending(i => diagonal[i])];
        return ([.. order.Select(i => diagonal[i])], [.. order.Select(i => vectors[i])]);
    }

    /// <summary>One implicit QL step with Wilkinson's shift on rows first to last; row i of the vectors belongs to diagonal element i.</summary>
    private static void Sweep(double[] diagonal, double[] offDiagonal, double[][] vectors, int first, int last)
    {
        double half = (diagonal[first + 1] - diagonal[first]) / (2 * offDiagonal[first]);
        double shifted = diagonal[last] - diagonal[first] + (offDiagonal[first] / (half + Math.CopySign(double.Hypot(half, 1), half)));
        double sine = 1, cosine = 1, carried = 0;
        for (int i = last - 1; i >= first; i--)
        {
            double turned = sine * offDiagonal[i], kept = cosine * offDiagonal[i];
            double radius = double.Hypot(turned, shifted);
            offDiagonal[i + 1] = radius;
            if (radius == 0)
            {
                diagonal[i + 1] -= carried;
                offDiagonal[last] = 0;
                return;
            }

            sine = turned / radius;
            cosine = shifted / radius;
            shifted = diagonal[i + 1] - carried;
            double mixed = ((diagonal[i] - shifted) * sine) + (2 * cosine * kept);
            carried = sine * mixed;
            diagonal[i + 1] = shifted + carried;
            shifted = (cosine * mixed) - kept;
            double[] upper = vectors[i], lower = vectors[i + 1];
            for (int k = 0; k < upper.Length; k++)
            {
                double value = lower[k];
                lower[k] = (sine * upper[k]) + (cosine * value);
                upper[k] = (cosine * upper[k]) - (sine * value);
            }
        }

        diagonal[first] -= carried;
        offDiagonal[first] = shifted;
        offDiagonal[last] = 0;
    }

}
