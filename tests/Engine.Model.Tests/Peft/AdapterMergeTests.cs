using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Model.Tests.Execution;
using Engine.Tests;

namespace Engine.Model.Tests.Peft;

/// <summary>Merged models held against PEFT's merge and unload.</summary>
public sealed class AdapterMergeTests
{
    public static TheoryData<string> Models =>
        ["roberta-cls", "roberta-regression", "roberta-mlm", "bert-cls", "qwen2", "qwen3", "llama", "qwen2-cls", "qwen2-bfloat16"];

    [Theory]
    [MemberData(nameof(Models))]
    public void A_merged_model_has_the_logits_of_the_model_that_peft_merges(string name)
    {
        using var golden = new GoldenBatch(name);
        using var folder = new TemporaryFolder();

        // Storing in float32 keeps the merged numbers; the tolerance is then that of the forward pass.
        Assert.Empty(
            Merge(golden.Folder, golden.AdapterFolder, folder.File("merged"), new MergeOptions { StorageType = SafetensorsType.Float32 }));
        using var loaded = new LoadedModel(folder.File("merged"), null, train: false, golden.Capacity);
        Assert.Empty(loaded.Report.Initialized);
        Assert.Empty(loaded.Report.Unused);
        golden.CheckLogits(loaded.Run(golden.Batch, new RunnerOptions { EveryToken = true, VocabularyLogits = true }), "merged");
        Assert.Equal(golden.Architecture.Name, Assert.Single(ModelConfig.Read(folder.File("merged")).Architectures));
    }

    public static TheoryData<string> Others => [.. GoldenBatch.OtherDecoders];

    [SharedTheory]
    [MemberData(nameof(Others))]
    public void A_merged_model_has_the_logits_of_the_model_with_its_adapter(string name)
    {
        using var golden = new GoldenBatch(name);
        using var folder = new TemporaryFolder();
        Merge(golden.Folder, golden.AdapterFolder, folder.File("merged"), new MergeOptions { StorageType = SafetensorsType.Float32 });
        using var loaded = new LoadedModel(folder.File("merged"), null, train: false, golden.Capacity);
        golden.CheckLogits(loaded.Run(golden.Batch, new RunnerOptions { EveryToken = true, VocabularyLogits = true }), "lora");
    }

    /// <summary>Merged in float32, so that what rounding adds is some 1e-7 of the weight in every direction.</summary>
    [Fact]
    public void What_merging_adds_to_a_weight_has_the_adapters_rank()
    {
        string source = SharedFiles.Path("goldens/models/roberta-cls");
        using var folder = new TemporaryFolder();
        Merge(source, Path.Combine(source, "adapter"), folder.File("merged"), new MergeOptions { StorageType = SafetensorsType.Float32 });
        using Checkpoint original = Checkpoint.Open(source), merged = Checkpoint.Open(folder.File("merged"));
        using AdapterFile adapter = AdapterFile.Read(Path.Combine(source, "adapter"));
        int seen = 0;
        foreach (string name in adapter.Modules.Keys.Select(module => $"{module}.weight").Where(merged.Contains))
        {
            double[] before = original[name].ToFloat64(), after = merged[name].ToFloat64();
            var added = MathNet.Numerics.LinearAlgebra.Matrix<double>.Build.Dense(
                (int)merged[name].Shape[0], (int)merged[name].Shape[1],
                (row, column) => after[(row * (int)merged[name].Shape[1]) + column] - before[(row * (int)merged[name].Shape[1]) + column]);
            double[] singular = [.. added.Svd(computeVectors: false).S];
            double rounding = 1e-6 * before.Max(Math.Abs) * Math.Sqrt(singular.Length);
            Assert.True(
                singular[adapter.Config.Rank - 1] > 10 * rounding,
                $"{name}: the adapter's last direction, {singular[adapter.Config.Rank - 1]}, cannot be told from rounding");
            Assert.All(singular.Skip(adapter.Config.Rank), value => Assert.InRange(value, 0, rounding));
            seen++;
        }

        Assert.True(seen > 1);
    }

    [Fact]
    public void Weights_keep_the_type_of_the_base_and_those_without_adapter_their_bits()
    {
        string source = SharedFiles.Path("goldens/models/qwen2-bfloat16");
        using var folder = new TemporaryFolder();
        Merge(source, Path.Combine(source, "adapter"), folder.File("merged"), new MergeOptions());
        using Checkpoint original = Checkpoint.Open(source), merged = Checkpoint.Open(folder.File("merged"));
        using AdapterFile adapter = AdapterFile.Read(Path.Combine(source, "adapter"));
        foreach (SafetensorsTensor tensor in merged.Tensors)
        {
            Assert.Equal(SafetensorsType.BFloat16, tensor.Type);
            bool adapted = adapter.Modules.ContainsKey(tensor.Name.Replace(".weight", "", StringComparison.Ordinal));
            Assert.Equal(!adapted, tensor.ToFloat32().SequenceEqual(original[tensor.Name].ToFloat32()));
        }

        Assert.Equal(Devices.ElementType.BFloat16, ModelConfig.Read(folder.File("merged")).StorageType);
    }

    [Fact]
    public void Another_type_is_written_to_weights_and_configuration()
    {
        string source = SharedFiles.Path("goldens/models/roberta-cls");
        using var folder = new TemporaryFolder();
        Merge(source, Path.Combine(source, "adapter"), folder.File("merged"), new MergeOptions { StorageType = SafetensorsType.Float16 });
        using Checkpoint merged = Checkpoint.Open(folder.File("merged"));
        Assert.All(merged.Tensors, tensor => Assert.Equal(SafetensorsType.Float16, tensor.Type));
        Assert.Equal(Devices.ElementType.Float16, ModelConfig.Read(folder.File("merged")).StorageType);
    }

    [Fact]
    public void A_large_model_is_cut_into_shards_that_load_as_the_single_file_does()
    {
        string source = SharedFiles.Path("goldens/models/llama");
        using var folder = new TemporaryFolder();
        Merge(source, Path.Combine(source, "adapter"), folder.File("single"), new MergeOptions());
        Merge(source, Path.Combine(source, "adapter"), folder.File("shards"), new MergeOptions { MaxShardBytes = 100_000 });
        using Checkpoint single = Checkpoint.Open(folder.File("single")), shards = Checkpoint.Open(folder.File("shards"));
        Assert.Single(single.Files);
        Assert.InRange(shards.Files.Count, 3, 20);
        Assert.All(shards.Files, file => Assert.True(file.TotalBytes <= 100_000 || file.Tensors.Count == 1));
        Assert.Equal(
            single.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal),
            shards.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.All(single.Tensors, tensor => Assert.Equal(tensor.ToFloat32(), shards[tensor.Name].ToFloat32()));
    }

    [Fact]
    public void A_folder_that_holds_something_is_not_written_over()
    {
        string source = SharedFiles.Path("goldens/models/roberta-cls");
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("notes.txt"), "mine");
        Assert.Contains(
            "holds files already",
            Assert.Throws<IOException>(() => Merge(source, Path.Combine(source, "adapter"), folder.Root, new MergeOptions())).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Dora_scales_each_row_to_its_magnitude()
    {
        string source = SharedFiles.Path("goldens/models/roberta-cls");
        using Checkpoint original = Checkpoint.Open(source);
        using AdapterFile adapter = AdapterFile.Read(Path.Combine(source, "adapter"));
        LoraTensors tensors = adapter.Modules.Values.First();
        SafetensorsTensor weight = original[$"{tensors.Module}.weight"];
        int rows = (int)weight.Shape[0], columns = (int)weight.Shape[1];
        void Read(long first, Span<float> destination) => weight.ReadFloat32(destination, first);
        using var folder = new TemporaryFolder();
        float[] lengths = [.. Enumerable.Range(0, rows).Select(row => 0.5f + row)];
        new SafetensorsWriter().Add("m", [rows], lengths).Write(folder.File("m.safetensors"));
        using SafetensorsFile magnitudes = SafetensorsFile.Open(folder.File("m.safetensors"));
        float[] plain = new float[rows * columns], dora = new float[rows * columns];
        new MergedWeight(Read, tensors, 2f).Fill(0, plain);

        // In two parts that meet within a row.
        var merged = new MergedWeight(Read, tensors with { Magnitude = magnitudes["m"] }, 2f);
        merged.Fill(0, dora.AsSpan(0, columns + 3));
        merged.Fill(columns + 3, dora.AsSpan(columns + 3));
        for (int row = 0; row < rows; row++)
        {
            double norm = Math.Sqrt(plain.Skip(row * columns).Take(columns).Sum(x => (double)x * x));
            for (int j = 0; j < columns; j++)
            {
                double expected = plain[(row * columns) + j] / norm * lengths[row];
                Assert.InRange(dora[(row * columns) + j], expected - (1e-5 * lengths[row]), expected + (1e-5 * lengths[row]));
            }
        }
    }

    private static IReadOnlyList<string> Merge(string model, string adapter, string output, MergeOptions options) =>
        AdapterMerge.Write(ModelFolder.Open(model), adapter, output, options);
}
