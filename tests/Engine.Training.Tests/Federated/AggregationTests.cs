using System.Text.Json.Nodes;
using Engine.Devices;
using Engine.Safetensors;
using Engine.Tests;
using Engine.Training.Federated;

namespace Engine.Training.Tests.Federated;

/// <summary>
/// LoRA-FAIR's closed form against <c>goldens/related/fair</c>, which was made in float64 by a program of its own and stored in float32.
/// </summary>
public sealed class AggregationTests
{
    private const string Golden = "goldens/related/fair";
    private const int Rank = 4, In = 20, Out = 24;

    [SharedTheory]
    [InlineData("0")]
    [InlineData("0.01")]
    [InlineData("0.1")]
    [InlineData("1")]
    [InlineData("1e+06")]
    public void B_is_corrected_as_in_the_golden(string mu)
    {
        JsonNode settings = JsonNode.Parse(File.ReadAllText(SharedFiles.Path($"{Golden}.json")))!;
        double[] weights = [.. settings["weights"]!.AsArray().Select(weight => weight!.GetValue<double>())];
        using SafetensorsFile file = SafetensorsFile.Open(SharedFiles.Path($"{Golden}.safetensors"));
        (float[] A, float[] B)[] clients =
        [
            .. Enumerable.Range(0, weights.Length)
                .Select(k => (file[$"client.{k}.lora_A"].ToFloat32(), file[$"client.{k}.lora_B"].ToFloat32())),
        ];
        double[] a = Aggregation.Average([.. clients.Select(client => client.A)], weights);
        double[] b = Aggregation.Average([.. clients.Select(client => client.B)], weights);
        RequireClose(file["average.lora_A"].ToFloat32(), a);
        RequireClose(file["average.lora_B"].ToFloat32(), b);
        Correct(clients, weights, a, b, double.Parse(mu, System.Globalization.CultureInfo.InvariantCulture));
        RequireClose(file[$"mu{mu}.lora_B"].ToFloat32(), b);
    }

    /// <summary>The sums of both sides are then the same, term by term.</summary>
    [Fact]
    public void One_client_gets_its_own_weights_back_to_the_bit()
    {
        (float[] A, float[] B) only = Client(0);
        double[] a = Aggregation.Average([only.A], [1.0]), b = Aggregation.Average([only.B], [1.0]);
        Correct([only], [1.0], a, b, 0.1);
        Assert.Equal(only.A, a.Select(value => (float)value));
        Assert.Equal(only.B, b.Select(value => (float)value));
    }

    /// <summary>Where all A are alike, the average of the factors is that of the products; what is left is rounding in float64.</summary>
    [Fact]
    public void Clients_with_one_A_leave_nothing_to_correct()
    {
        float[] shared = Client(0).A;
        (float[] A, float[] B)[] clients = [(shared, Client(1).B), (shared, Client(2).B)];
        double[] weights = [0.25, 0.75];
        double[] a = Aggregation.Average([shared, shared], weights);
        double[] b = Aggregation.Average([clients[0].B, clients[1].B], weights), before = [.. b];
        Correct(clients, weights, a, b, 0.1);
        Assert.All(b.Zip(before), pair => Assert.Equal(pair.Second, pair.First, 1e-12));
    }

    /// <summary>At the least of a convex quadratic every change of B raises it, by finite differences.</summary>
    [Fact]
    public void The_correction_is_the_least_of_its_objective()
    {
        const double Mu = 0.3;
        (float[] A, float[] B)[] clients = [Client(0), Client(1), Client(2)];
        double[] weights = [0.2, 0.5, 0.3];
        double[] a = Aggregation.Average([.. clients.Select(client => client.A)], weights);
        double[] average = Aggregation.Average([.. clients.Select(client => client.B)], weights), b = [.. average];
        Correct(clients, weights, a, b, Mu);
        double least = Objective(b);
        Assert.True(least < Objective(average));
        for (int i = 0; i < b.Length; i += 7)
        {
            foreach (double change in (double[])[-1e-3, 1e-3])
            {
                double[] moved = [.. b];
                moved[i] += change;
                Assert.True(Objective(moved) > least);
            }
        }

        double Objective(double[] changed)
        {
            double sum = 0;
            for (int row = 0; row < Out; row++)
            {
                for (int column = 0; column < In; column++)
                {
                    double difference = -Enumerable.Range(0, Rank).Sum(i => changed[(row * Rank) + i] * a[(i * In) + column]);
                    for (int k = 0; k < clients.Length; k++)
                    {
                        (float[] own, float[] factor) = clients[k];
                        difference += weights[k] * Enumerable.Range(0, Rank)
                            .Sum(i => (double)factor[(row * Rank) + i] * own[(i * In) + column]);
                    }

                    sum += difference * difference;
                }
            }

            return sum + (Mu * changed.Zip(average).Sum(pair => (pair.First - pair.Second) * (pair.First - pair.Second)));
        }
    }

    [Fact]
    public void Nothing_bounds_the_correction_where_A_is_singular_and_mu_zero()
    {
        (float[] A, float[] B) flat = (new float[Rank * In], Client(0).B);
        double[] a = new double[Rank * In], b = [.. flat.B.Select(value => (double)value)];
        Assert.Throws<ArithmeticException>(() => Correct([flat], [1.0], a, b, 0));
    }

    private static void Correct(
        IReadOnlyList<(float[] A, float[] B)> clients, double[] weights, double[] a, double[] b, double mu) => Aggregation.Correct(
            [.. clients.Select(client => ((ReadOnlyMemory<float>)client.A, (ReadOnlyMemory<float>)client.B))], weights, a, b, Rank, mu);

    private static (float[] A, float[] B) Client(uint client) => (Normals(Rank * In, client), Normals(Out * Rank, client + 100));

    private static float[] Normals(int count, uint stream)
    {
        double[] values = new double[count];
        new PhiloxGenerator(3, stream, 0).FillNormals(values);
        return [.. values.Select(value => (float)value)];
    }

    /// <summary>
    /// The golden's inputs and outputs are rounded to float32 (6e-8 of each), and mu = 0 has the condition of A A^T, below 100.
    /// </summary>
    private static void RequireClose(float[] expected, double[] actual)
    {
        double difference = Math.Sqrt(expected.Zip(actual).Sum(pair => (pair.First - pair.Second) * (pair.First - pair.Second)));
        Assert.True(difference < 2e-6 * Math.Sqrt(expected.Sum(value => (double)value * value)), $"{difference}");
    }
}
