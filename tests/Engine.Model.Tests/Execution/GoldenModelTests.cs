using Engine.Kernels.Tests;
using Engine.Model.Adapters;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>Tiny models held against Transformers and PEFT (goldens/models, goldens/later).</summary>
public sealed class GoldenModelTests
{
    private static readonly RunnerOptions Everything = new() { HiddenStates = true, EveryToken = true, VocabularyLogits = true };
    private static readonly RunnerOptions WithGradients = Everything with { Gradients = true };

    public static TheoryData<string> Models => [.. GoldenBatch.WithAllGradients, .. GoldenBatch.WithAdapterGradients];

    public static TheoryData<string> WithAllGradients => [.. GoldenBatch.WithAllGradients];

    public static TheoryData<string, string> OnDevices =>
        TestDevices.With<string>([.. GoldenBatch.WithAllGradients, .. GoldenBatch.WithAdapterGradients]);

    public static TheoryData<string, string> FullOnDevices => TestDevices.With<string>(GoldenBatch.WithAllGradients);

    public static TheoryData<string, string> SharedFullOnDevices =>
        TestDevices.With<string>([.. GoldenBatch.WithAdapterGradients, .. GoldenBatch.Shared]);

    public static TheoryData<string> SharedModels => [.. GoldenBatch.Shared];

    public static TheoryData<string> SharedWithAllGradients => [.. GoldenBatch.WithAdapterGradients, .. GoldenBatch.Shared];

    public static TheoryData<string, string> SharedOnDevices => TestDevices.With<string>(GoldenBatch.Shared);

    [Theory]
    [MemberData(nameof(FullOnDevices))]
    [SharedMemberData(nameof(SharedFullOnDevices))]
    public void Full_fine_tuning_has_the_logits_hidden_states_loss_and_gradients_of_transformers(string deviceName, string name)
    {
        using GoldenBatch golden = GoldenBatch.Whole(name);
        using var loaded = new LoadedModel(golden.Folder, null, train: true, golden.Capacity, deviceName);
        Assert.Empty(loaded.Report.Initialized);
        golden.CheckOutputs(loaded.Run(golden.Batch, WithGradients), "base", hiddenStates: true);
        golden.CheckGradients(loaded.Model.Trainables!, "base");
    }

    [Theory]
    [MemberData(nameof(OnDevices))]
    [SharedMemberData(nameof(SharedOnDevices))]
    public void Lora_has_the_logits_loss_and_gradients_of_peft(string deviceName, string name)
    {
        using var golden = new GoldenBatch(name);
        using var loaded = new LoadedModel(golden.Folder, golden.AdapterFolder, train: true, golden.Capacity, deviceName);
        golden.CheckOutputs(loaded.Run(golden.Batch, WithGradients), "lora", hiddenStates: false);
        golden.CheckGradients(loaded.Model.Trainables!, "lora");
    }

    /// <summary>Only what the loss reads is computed then: the last layer runs on the selected rows alone.</summary>
    [Theory]
    [MemberData(nameof(WithAllGradients))]
    [SharedMemberData(nameof(SharedWithAllGradients))]
    public void Gradients_are_the_same_when_only_the_rows_that_the_loss_reads_are_computed(string name)
    {
        using GoldenBatch golden = GoldenBatch.Whole(name);
        using var full = new LoadedModel(golden.Folder, null, train: true, golden.Capacity);
        full.Run(golden.Batch, new RunnerOptions { Gradients = true });
        golden.CheckGradients(full.Model.Trainables!, "base");
        using var lora = new LoadedModel(golden.Folder, golden.AdapterFolder, train: true, golden.Capacity);
        lora.Run(golden.Batch, new RunnerOptions { Gradients = true });
        golden.CheckGradients(lora.Model.Trainables!, "lora");
    }

    [Theory]
    [MemberData(nameof(Models))]
    [SharedMemberData(nameof(SharedModels))]
    public void A_frozen_model_with_an_adapter_evaluates_as_in_training(string name)
    {
        using var golden = new GoldenBatch(name);
        using var loaded = new LoadedModel(golden.Folder, golden.AdapterFolder, train: false, golden.Capacity);
        Assert.Null(loaded.Model.Trainables);
        golden.CheckOutputs(loaded.Run(golden.Batch, Everything), "lora", hiddenStates: false);
    }

    [Theory]
    [MemberData(nameof(Models))]
    [SharedMemberData(nameof(SharedModels))]
    public void A_loaded_adapter_is_saved_as_the_file_it_came_from(string name)
    {
        using var golden = new GoldenBatch(name);
        using var folder = new TemporaryFolder();
        using (var loaded = new LoadedModel(golden.Folder, golden.AdapterFolder, train: true, golden.Capacity))
        {
            ModelAdapters.Save(loaded.Model, loaded.AdapterConfig!, folder.Root);
        }

        using SafetensorsFile expected = SafetensorsFile.Open(Path.Combine(golden.AdapterFolder, AdapterFile.WeightsFileName)),
            actual = SafetensorsFile.Open(folder.File(AdapterFile.WeightsFileName));
        AssertSameTensors(expected, actual);
        using var again = new LoadedModel(golden.Folder, folder.Root, train: false, golden.Capacity);
        golden.CheckOutputs(again.Run(golden.Batch, Everything), "lora", hiddenStates: false);
    }

    [Theory]
    [MemberData(nameof(Models))]
    [SharedMemberData(nameof(SharedModels))]
    public void A_loaded_model_is_saved_as_the_file_it_came_from(string name)
    {
        using var golden = new GoldenBatch(name);
        using var folder = new TemporaryFolder();
        using var loaded = new LoadedModel(golden.Folder, null, train: true, golden.Capacity);
        ModelWeights.Save(loaded.Model, folder.File(Checkpoint.SingleFileName));
        using Checkpoint expected = Checkpoint.Open(golden.Folder), actual = Checkpoint.Open(folder.Root);
        AssertSameTensors(expected, actual);
    }

    private static void AssertSameTensors(TensorSource expected, TensorSource actual)
    {
        Assert.Equal(
            expected.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal),
            actual.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.All(expected.Tensors, tensor =>
        {
            Assert.Equal(tensor.Shape, actual[tensor.Name].Shape);
            Assert.Equal(tensor.ToFloat32(), actual[tensor.Name].ToFloat32());
        });
    }
}
