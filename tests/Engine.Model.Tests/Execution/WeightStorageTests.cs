using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Devices.Kernels;
using Engine.Graph;
using Engine.Kernels.Tests;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Model.Loading;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>Frozen matrices in 16 bits: the same numbers as the rounded weights give in float32, in half the memory.</summary>
public sealed class WeightStorageTests
{
    private static readonly RunnerOptions WithGradients = new() { HiddenStates = true, EveryToken = true, Gradients = true };

    public static TheoryData<string, (string Model, ElementType Type)> Cases => TestDevices.With<(string, ElementType)>(
        ("roberta-cls", ElementType.BFloat16), ("roberta-mlm", ElementType.Float16), ("qwen2", ElementType.Float16));

    public static TheoryData<string, (string Model, ElementType Type)> SharedCases => TestDevices.With<(string, ElementType)>(
        ("gpt2", ElementType.BFloat16), ("modernbert-cls", ElementType.Float16));

    [Theory]
    [MemberData(nameof(Cases))]
    [SharedMemberData(nameof(SharedCases))]
    public void A_rounded_checkpoint_gives_the_same_bits_stored_as_it_is_and_as_float32(
        string device, (string Model, ElementType Type) problem)
    {
        using var golden = new GoldenBatch(problem.Model);
        using var folder = new TemporaryFolder();
        string rounded = Rounded(golden.Folder, folder.Root, problem.Type);
        using var wide = new LoadedModel(rounded, golden.AdapterFolder, train: true, golden.Capacity, device, WeightType.Float32);
        using var stored = new LoadedModel(rounded, golden.AdapterFolder, train: true, golden.Capacity, device);
        Assert.Equal(ElementType.Float32, wide.Model.WeightType);
        Assert.Equal(problem.Type, stored.Model.WeightType);
        ModelRun expected = wide.Run(golden.Batch, WithGradients), actual = stored.Run(golden.Batch, WithGradients);
        Assert.Equal(expected.Loss, actual.Loss);

        foreach ((float[] wideStates, float[] storedStates) in expected.HiddenStates.Zip(actual.HiddenStates))
        {
            Assert.Equal(wideStates, storedStates);
        }

        foreach (((string name, Variable value), (_, Variable other)) in wide.Model.Trainables!.Entries.Zip(
            stored.Model.Trainables!.Entries))
        {
            Assert.True(value.Gradient!.View<float>().ToArray().AsSpan().SequenceEqual(other.Gradient!.View<float>().ToArray()), name);
        }

        // Weights rounded to 8 or 11 bits move logits by their share of some layers; logits that nothing computed are 1 away.
        ModelRun evaluated = wide.Run(golden.Batch, new RunnerOptions { EveryToken = true, VocabularyLogits = true });
        Assert.InRange(golden.Distance(evaluated, "lora"), 0, 0.1);
    }

    [Fact]
    public void Matrices_are_stored_as_asked_and_what_is_trained_or_a_vector_is_float32()
    {
        using var golden = new GoldenBatch("roberta-cls");
        using var trained =
            new LoadedModel(golden.Folder, golden.AdapterFolder, train: true, golden.Capacity, weightType: WeightType.BFloat16);
        using var frozen = new LoadedModel(
            golden.Folder, golden.AdapterFolder, train: false, golden.Capacity, weightType: WeightType.BFloat16);
        foreach (TransformerModel model in (TransformerModel[])[trained.Model, frozen.Model])
        {
            string[] saved = [.. model.SavedParameters.Select(parameter => parameter.Name)];
            Assert.NotEmpty(saved);
            Assert.All(model.Architecture.Parameters, spec => Assert.Equal(
                spec.Shape.Rank > 1 && !saved.Contains(spec.Name) ? ElementType.BFloat16 : ElementType.Float32,
                model.Parameter(spec.Name).Type));
            Assert.All(model.Adapters, adapter => Assert.Equal(ElementType.Float32, adapter.A.Type));
        }
    }

    /// <summary>
    /// The golden is float32 arithmetic on bfloat16 weights. Every operand of every product is off by up to 2^-8 of itself, by 2^-9.8 of it
    /// in the root mean square; a sum of many such terms is off by as much of its norm, and a few layers of seven products each add up to
    /// some times that: 2e-2 allows for twenty. Below 1e-3 nothing was rounded.
    /// </summary>
    [Fact]
    public void Products_in_bfloat16_stay_within_their_rounding_of_the_golden()
    {
        using var golden = new GoldenBatch("qwen2-bfloat16");
        using var loaded = new LoadedModel(
            golden.Folder, null, train: false, golden.Capacity, "cpu-matrix-units", products: ElementType.BFloat16);
        Assert.InRange(
            golden.Distance(loaded.Run(golden.Batch, new RunnerOptions { EveryToken = true, VocabularyLogits = true }), "base"),
            1e-3, 2e-2);
    }

    [Fact]
    public void A_model_in_16_bits_is_saved_as_the_file_it_came_from()
    {
        using var golden = new GoldenBatch("qwen2-bfloat16");
        using var folder = new TemporaryFolder();
        using var loaded = new LoadedModel(golden.Folder, null, train: false, golden.Capacity);
        ModelWeights.Save(loaded.Model, folder.File(Checkpoint.SingleFileName));
        using Checkpoint expected = Checkpoint.Open(golden.Folder), actual = Checkpoint.Open(folder.Root);
        foreach (ParameterSpec spec in golden.Architecture.Parameters)
        {
            SafetensorsTensor tensor = actual[spec.Name];
            Assert.Equal(spec.Shape.Rank > 1 ? SafetensorsType.BFloat16 : SafetensorsType.Float32, tensor.Type);
            Assert.Equal(expected[spec.Name].ToFloat32(), tensor.ToFloat32());
        }
    }

    [Fact]
    public void A_number_beyond_float16_is_refused_with_its_tensor()
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("w.safetensors");
        new SafetensorsWriter().Add("w", [1, 2], new[] { 1f, 70000f }).Write(path);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using var device = new CpuDevice(new CpuOptions { Threads = 1 });
        using var block = new StorageBlock("test");
        Variable half = block.Reserve("h", new Shape(1, 2), ElementType.Float16),
            brain = block.Reserve("b", new Shape(1, 2), ElementType.BFloat16);
        block.Allocate(device);
        string message = Assert.Throws<ModelFileException>(() => ModelWeights.Upload(file["w"], half)).Message;
        Assert.Contains("'w' holds 70000, which float16 cannot", message, StringComparison.Ordinal);
        ModelWeights.Upload(file["w"], brain);
        Assert.Equal([(BFloat16)1f, (BFloat16)70000f], brain.View<BFloat16>().ToArray());
    }

    [Fact]
    public void Variables_behind_an_odd_number_of_halves_are_aligned()
    {
        using var block = new StorageBlock("test");
        block.Reserve("halves", new Shape(3), ElementType.Float16);
        Variable floats = block.Reserve("floats", new Shape(2)), more = block.Reserve("more", new Shape(1), ElementType.BFloat16);
        Assert.Equal((8L, 16L, 18L), (floats.ByteOffset, more.ByteOffset, block.Bytes));
    }

    /// <summary>A copy of a model folder whose tensors are stored in another type.</summary>
    private static string Rounded(string source, string target, ElementType type)
    {
        File.Copy(Path.Combine(source, "config.json"), Path.Combine(target, "config.json"));
        using Checkpoint checkpoint = Checkpoint.Open(source);
        var writer = new SafetensorsWriter();
        foreach (SafetensorsTensor tensor in checkpoint.Tensors)
        {
            writer.AddFloat32As(
                type == ElementType.BFloat16 ? SafetensorsType.BFloat16 : SafetensorsType.Float16, tensor.Name, [.. tensor.Shape],
                (first, part) => tensor.ReadFloat32(part, first));
        }

        writer.Write(Path.Combine(target, Checkpoint.SingleFileName));
        return target;
    }
}
