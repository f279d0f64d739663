using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Model.Peft;
using Engine.Optim.Methods;

namespace Engine.Optim.Tests.Methods;

/// <summary>Plain LoRA's invariants: what is about the factors and not about files or kernels.</summary>
public sealed class LoraTests
{
    private const float Scale = 4f;

    public static TheoryData<string> Devices => TestDevices.Names;

    /// <summary>A power of two scales without rounding.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void A_scale_moved_from_a_to_b_changes_no_bit_of_the_loss_and_scales_the_gradients_the_other_way(string device)
    {
        using var one = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new PlainMethod());
        using var other = new ToyRun(device, new TwoLayerModel(), ToyRun.Adapters, new PlainMethod());
        foreach (LoraLinear layer in other.Model.Adapters)
        {
            layer.A.View<float>().Write([.. layer.A.View<float>().ToArray().Select(value => value / Scale)]);
            layer.B.View<float>().Write([.. layer.B.View<float>().ToArray().Select(value => value * Scale)]);
        }

        Assert.Equal(one.Step().Loss, other.Step().Loss);
        foreach ((LoraLinear plain, LoraLinear moved) in one.Model.Adapters.Zip(other.Model.Adapters))
        {
            Assert.Equal(plain.A.Gradient!.View<float>().ToArray().Select(g => g * Scale), moved.A.Gradient!.View<float>().ToArray());
            Assert.Equal(plain.B.Gradient!.View<float>().ToArray().Select(g => g / Scale), moved.B.Gradient!.View<float>().ToArray());
        }
    }

    /// <summary>
    /// DoRA's row norms c are constants in the backward pass, as PEFT has it. With c moving, a row's gradient loses its part along the row,
    /// since W' does not see the row's length: G_B - s mag dmag / c^2 V A^T, which is what differences of the loss see; they move B and so
    /// c. With c constant that part is there.
    /// </summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Doras_gradient_is_that_of_constant_row_norms_and_without_the_part_along_each_row_that_of_the_loss(string device)
    {
        const double Difference = 1e-2;
        using ToyRun run = Dora();
        run.Step();
        LoraLinear layer = run.Model.Adapters[0];
        float[] b = layer.B.View<float>().ToArray(), mag = layer.Magnitude!.View<float>().ToArray();
        float[] gradient = layer.B.Gradient!.View<float>().ToArray(), magnitudes = layer.Magnitude.Gradient!.View<float>().ToArray();
        double[,] a = LowRankReference.Matrix(layer.A.View<float>().ToArray(), layer.Rank, layer.A.Shape.Columns);
        double[,] v = LowRankReference.Add(
            LowRankReference.Matrix(layer.Weight.View<float>().ToArray(), layer.Weight.Shape.Rows, layer.Weight.Shape.Columns),
            LowRankReference.Scale(
                LowRankReference.Multiply(LowRankReference.Matrix(b, layer.Weight.Shape.Rows, layer.Rank), a), layer.Scale));
        double[,] along = LowRankReference.Multiply(v, LowRankReference.Transpose(a));
        double largest = 0;
        for (int i = 0; i < b.Length; i++)
        {
            (int row, int column) = (i / layer.Rank, i % layer.Rank);
            double square = Enumerable.Range(0, layer.Weight.Shape.Columns).Sum(j => v[row, j] * v[row, j]);
            double part = layer.Scale * mag[row] * magnitudes[row] / square * along[row, column];
            double slope = (LossAt(i, Difference) - LossAt(i, -Difference)) / (2 * Difference);

            // Central differences are off by h^2 times the third derivative; float32 losses by 1e-7 / h.
            Assert.Equal(gradient[i] - part, slope, 2e-3 * gradient.Max(Math.Abs));
            largest = Math.Max(largest, Math.Abs(part));
        }

        Assert.True(largest > 0.05 * gradient.Max(Math.Abs), "the parts along the rows are too small to be told from rounding");

        ToyRun Dora()
        {
            var made = new ToyRun(
                device, new TwoLayerModel(), new Tuning.Lora([new LoraTarget("first", 2, 2f, 0f, UseDora: true)], []), new PlainMethod());
            AdapterInitialization.Start(made.Model, seed: 3);
            Variable b = made.Model.Adapters[0].B;
            b.View<float>().Write(Numbers.Values(4, b.Shape.Count, 0.5));
            return made;
        }

        double LossAt(int element, double by)
        {
            using ToyRun moved = Dora();
            float[] values = moved.Model.Adapters[0].B.View<float>().ToArray();
            values[element] += (float)by;
            moved.Model.Adapters[0].B.View<float>().Write(values);
            return moved.Step().Loss;
        }
    }

    [Fact]
    public void Rslora_of_rank_one_is_lora()
    {
        var config = new AdapterConfig
        {
            Rank = 1,
            LoraAlpha = 3,
            TargetModules = ModulePattern.Of("query"),
            TaskType = AdapterConfig.SequenceClassification
        };
        Assert.Equal(config.ScalingOf("query"), (config with { UseRslora = true }).ScalingOf("query"));
        AdapterConfig wide = config with { Rank = 4 };
        Assert.NotEqual(wide.ScalingOf("query"), (wide with { UseRslora = true }).ScalingOf("query"));
    }
}
