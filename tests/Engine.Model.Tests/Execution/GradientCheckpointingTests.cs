using Engine.Kernels.Tests;
using Engine.Model.Execution;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>Activations computed again in the backward pass instead of kept.</summary>
public sealed class GradientCheckpointingTests
{
    public static TheoryData<string, string> OnDevices =>
        TestDevices.QuickWith<string>("roberta-cls", "roberta-mlm", "bert-cls", "qwen2", "qwen3", "llama", "qwen2-cls");

    public static TheoryData<string, string> OthersOnDevices => TestDevices.QuickWith<string>(GoldenBatch.OtherDecoders);

    /// <summary>
    /// With dropout of embeddings, attention, layers, head and the adapter's inputs, and with the last layer on every token or on the
    /// selected ones.
    /// </summary>
    [Theory]
    [MemberData(nameof(OnDevices))]
    [SharedMemberData(nameof(OthersOnDevices))]
    public void Loss_and_gradients_are_those_of_kept_activations_to_the_bit(string deviceName, string name)
    {
        using var golden = new GoldenBatch(name);
        using TemporaryFolder folder = DropoutTests.WithDropout(golden.Folder);
        using TemporaryFolder adapterFolder = DropoutTests.WithLoraDropout(golden.AdapterFolder);
        foreach (string? adapter in (string?[])[null, adapterFolder.Root])
        {
            using var loaded = new LoadedModel(folder.Root, adapter, train: true, golden.Capacity, deviceName);
            foreach (bool everyToken in (bool[])[false, true])
            {
                var options = new RunnerOptions { Gradients = true, Dropout = true, EveryToken = everyToken, HiddenStates = everyToken };
                (float Loss, float[] Gradients, int Launches) kept = Run(options),
                    repeated = Run(options with { GradientCheckpointing = true });
                Assert.Equal(kept.Loss, repeated.Loss);
                Assert.Equal(kept.Gradients, repeated.Gradients);
                Assert.Contains(kept.Gradients, value => value != 0);
                Assert.True(repeated.Launches > kept.Launches, $"{repeated.Launches} launches with checkpointing, {kept.Launches} without");
            }

            (float Loss, float[] Gradients, int Launches) Run(RunnerOptions options)
            {
                TrainableParameters trainables = loaded.Model.Trainables!;
                trainables.GradientBlock.Buffer.Clear();
                ModelRun run = loaded.Run(golden.Batch, options);
                return (run.Loss, trainables.Gradients.View<float>().ToArray(), run.Plan.Launches);
            }
        }
    }
}
