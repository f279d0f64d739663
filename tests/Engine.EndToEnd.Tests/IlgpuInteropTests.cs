using System.Globalization;

namespace Engine.EndToEnd.Tests;

/// <summary>samples/IlgpuInterop: a program's own ILGPU kernels and Engine's on the same memory.</summary>
public sealed class IlgpuInteropTests
{
    private const int Rows = 6;
    private const int Inputs = 16;
    private const int Classes = 5;

    [Fact]
    public void The_sample_computes_what_plain_arithmetic_does()
    {
        string[] lines = Run("--device cpu").Succeeded().OutputLines;
        Assert.StartsWith("CPUAccelerator as cpu (", lines[0]);
        Assert.Equal(1 + Rows, lines.Length);
        for (int row = 0; row < Rows; row++)
        {
            double[] expected = Scores(row);
            string[] words = lines[1 + row].Split(' ');
            Assert.Equal(["row", $"{row}:", "class", $"{Array.IndexOf(expected, expected.Max())},", "scores"], words[..5]);
            Assert.Equal(Classes, words.Length - 5);
            for (int i = 0; i < Classes; i++)
            {
                // Five places are printed, of sums of 16 products in float32.
                Assert.Equal(expected[i], double.Parse(words[5 + i], CultureInfo.InvariantCulture), 2e-5);
            }
        }
    }

    [Fact]
    public void The_sample_refuses_other_devices()
    {
        EngineResult result = Run("--device abacus");
        Assert.Equal(2, result.Code);
        Assert.Contains("--device cpu|opencl|cuda", result.Error);
    }

    private static EngineResult Run(string arguments) =>
        EngineProcess.Shell($"dotnet '{Path.Combine(AppContext.BaseDirectory, "IlgpuInterop.dll")}' {arguments}");

    private static double[] Scores(int row)
    {
        double[] x = [.. Enumerable.Range(0, Inputs).Select(column => (double)((((row * 7) + (column * 3) + (row * column)) % 11) - 5))];
        double mean = x.Average(), deviation = Math.Sqrt(x.Average(value => (value - mean) * (value - mean)) + 1e-5);
        return [.. Enumerable.Range(0, Classes)
            .Select(c => Gelu(
                (c / 10.0) + x.Select((value, i) => (value - mean) / deviation * (((((c * Inputs) + i) * 5 % 13) - 6) / 8.0)).Sum()))];
    }

    private static double Gelu(double x) => 0.5 * x * (1 + Erf(x / Math.Sqrt(2)));

    /// <summary>The series of erf around 0.</summary>
    private static double Erf(double x)
    {
        double sum = 0, power = x;
        for (int n = 0; n < 200; n++)
        {
            sum += power / ((2 * n) + 1);
            power *= -x * x / (n + 1);
        }

        return 2 / Math.Sqrt(Math.PI) * sum;
    }
}
