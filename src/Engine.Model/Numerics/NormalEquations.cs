using MathNet.Numerics.LinearAlgebra;

namespace Engine.Model.Numerics;

/// <summary>Small least-squares problems by their normal equations.</summary>
internal static class NormalEquations
{
    /// <summary>The shortest x for which G x is nearest to b.</summary>
    /// <param name="gram">G [n, n], inner products of what is combined.</param>
    /// <param name="products">b [n], their inner products with the target.</param>
    /// <exception cref="ArithmeticException">An element is no finite number.</exception>
    public static double[] Solve(double[,] gram, double[] products)
    {
        if (!gram.Cast<double>().Concat(products).All(double.IsFinite))
        {
            throw new ArithmeticException("Inner products that are not finite cannot be solved for.");
        }

        return (Matrix<double>.Build.DenseOfArray(gram).PseudoInverse() * Vector<double>.Build.DenseOfArray(products)).ToArray();
    }
}
