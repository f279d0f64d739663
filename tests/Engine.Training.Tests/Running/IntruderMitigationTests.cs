using Engine.Common.Files;
using Engine.Model.Peft;
using Engine.Optim.Sharpness;
using Engine.Safetensors;
using Engine.Tests;
using Engine.Training.Running;
using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.LinearAlgebra.Factorization;

namespace Engine.Training.Tests.Running;

/// <summary>
/// The mitigation of intruder dimensions held against its definition (arXiv 2410.21228; PEFT's <c>reduce_intruder_dimension</c>) over
/// Math.NET's whole decompositions in float64.
/// </summary>
public sealed class IntruderMitigationTests : IDisposable
{
    private const double Threshold = 0.5, Share = 0.75;
    private const int TopK = 10;

    /// <summary>
    /// Parts of a weight's largest element: what is stored is float32, and directions come from a Gram matrix's eigenvectors.
    /// </summary>
    private const double Tolerance = 2e-6;

    private readonly TemporaryFolder folder = new();
    private readonly string model = SharedFiles.Path("goldens/models/roberta-cls");

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Merged_weights_lose_a_quarter_of_each_intruder()
    {
        var mitigation = new IntruderMitigation();
        TrainedModel strong = Strong();
        strong.WriteMerged(folder.File("merged"), new MergeOptions { StorageType = SafetensorsType.Float32, Revision = mitigation.Revise });
        using Checkpoint merged = Checkpoint.Open(folder.File("merged"));
        int intruders = 0, changed = 0;
        foreach (Layer layer in Layers(strong.Adapter!))
        {
            RequireNear(layer.Mitigated, Read(merged[$"{layer.Module}.weight"]));
            intruders += layer.Intruders;
            changed += layer.Intruders > 0 ? 1 : 0;
        }

        Assert.True(intruders > 0);
        Assert.Equal((intruders, changed), (mitigation.Intruders, mitigation.Changed));
    }

    [Fact]
    public void An_adapter_of_the_same_rank_holds_what_is_left()
    {
        TrainedModel strong = Strong();
        strong.WriteAdapter(folder.File("mitigated"), new IntruderMitigation().Revise);
        using AdapterFile before = AdapterFile.Read(strong.Adapter!), after = AdapterFile.Read(folder.File("mitigated"));
        int rank = before.Config.Rank;
        foreach (Layer layer in Layers(strong.Adapter!))
        {
            LoraTensors old = before.Modules[layer.Module], tensors = after.Modules[layer.Module];
            if (layer.Intruders == 0)
            {
                Assert.Equal(old.A.ToFloat32(), tensors.A.ToFloat32());
                Assert.Equal(old.B.ToFloat32(), tensors.B.ToFloat32());
                continue;
            }

            Matrix<double> left = (layer.Mitigated - layer.Original) / before.Config.ScalingOf(layer.Module);
            Svd<double> svd = left.Svd();
            Matrix<double> truncated = svd.U.SubMatrix(0, left.RowCount, 0, rank)
                * Matrix<double>.Build.DenseOfDiagonalVector(svd.S.SubVector(0, rank)) * svd.VT.SubMatrix(0, rank, 0, left.ColumnCount);
            Matrix<double> a = Read(tensors.A), b = Read(tensors.B);
            RequireNear(truncated, b * a);
            for (int k = 0; k < rank; k++)
            {
                Assert.Equal(Math.Sqrt(svd.S[k]), a.Row(k).L2Norm(), 1e-5 * Math.Sqrt(svd.S[0]));
                Assert.Equal(Math.Sqrt(svd.S[k]), b.Column(k).L2Norm(), 1e-5 * Math.Sqrt(svd.S[0]));
            }
        }

        foreach ((string name, SafetensorsTensor saved) in before.SavedParameters)
        {
            Assert.Equal(saved.ToFloat32(), after.SavedParameters[name].ToFloat32());
        }
    }

    [Fact]
    public void An_adapter_that_is_no_product_is_refused()
    {
        TrainedModel dora = new(model, SharedFiles.Path("goldens/trajectories/roberta-cls/lora-dora.init"), null);
        string message =
            Assert.Throws<ModelFileException>(() => dora.WriteAdapter(folder.File("out"), new IntruderMitigation().Revise)).Message;
        Assert.Contains("merge this adapter instead", message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("out")));
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void A_share_beyond_zero_to_one_is_refused(double share) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new IntruderMitigation(share));

    /// <summary>The golden's adapter with a B so large that its directions lead.</summary>
    private TrainedModel Strong()
    {
        string source = Path.Combine(model, "adapter"), target = folder.File("strong");
        Directory.CreateDirectory(target);
        File.Copy(Path.Combine(source, AdapterConfig.FileName), Path.Combine(target, AdapterConfig.FileName));
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(source, AdapterFile.WeightsFileName));
        var writer = new SafetensorsWriter();
        foreach (SafetensorsTensor tensor in file.Tensors)
        {
            float factor = tensor.Name.Contains("lora_B", StringComparison.Ordinal)
                && !tensor.Name.Contains("layer.0.", StringComparison.Ordinal) ? 40 : 1;
            writer.Add(tensor.Name, [.. tensor.Shape], [.. tensor.ToFloat32().Select(value => factor * value)]);
        }

        writer.Write(Path.Combine(target, AdapterFile.WeightsFileName));
        return new TrainedModel(model, target, null);
    }

    private IEnumerable<Layer> Layers(string adapter)
    {
        using Checkpoint weights = Checkpoint.Open(model);
        using AdapterFile file = AdapterFile.Read(adapter);
        foreach (LoraTensors tensors in file.Modules.Values)
        {
            Matrix<double> original = Read(weights[$"{tensors.Module}.weight"]);
            Matrix<double> tuned = original + (file.Config.ScalingOf(tensors.Module) * Read(tensors.B) * Read(tensors.A));
            Svd<double> before = original.Svd(), after = tuned.Svd();
            int[] intruders = [.. Enumerable.Range(0, TopK)
                .Where(j => before.U.TransposeThisAndMultiply(after.U.Column(j)).AbsoluteMaximum() < Threshold)];
            Matrix<double> mitigated = intruders.Aggregate(
                tuned, (weight, j) => weight + ((Share - 1) * after.S[j] * after.U.Column(j).OuterProduct(after.VT.Row(j))));
            yield return new Layer(tensors.Module, original, mitigated, intruders.Length);
        }
    }

    private static Matrix<double> Read(SafetensorsTensor tensor)
    {
        double[] values = tensor.ToFloat64();
        int columns = (int)tensor.Shape[1];
        return Matrix<double>.Build.Dense((int)tensor.Shape[0], columns, (row, column) => values[(row * columns) + column]);
    }

    private static void RequireNear(Matrix<double> expected, Matrix<double> actual)
    {
        double scale = expected.Enumerate().Max(Math.Abs);
        Assert.InRange((expected - actual).Enumerate().Max(Math.Abs), 0, Tolerance * scale);
    }

    private sealed record Layer(string Module, Matrix<double> Original, Matrix<double> Mitigated, int Intruders);
}
