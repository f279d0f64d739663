using Engine.Model.Batching;
using System.Buffers.Binary;
using System.Text.Json;
using Engine.Tests;
using Engine.Training.Data;

namespace Engine.Training.Tests.Data;

public sealed class PrebatchedIndexTests
{
    [Theory]
    [InlineData("flat-lora", 12)]
    [InlineData("lora-accumulate2", 12)]
    public void Batches_of_a_trajectory_are_counted(string run, int batches)
    {
        byte[] file = File.ReadAllBytes(SharedFiles.Path($"goldens/trajectories/roberta-cls/{run}.safetensors"));
        using JsonDocument header = JsonDocument.Parse(file.AsMemory(8, (int)BinaryPrimitives.ReadUInt64LittleEndian(file)));
        Assert.Equal(batches, PrebatchedIndex.CountBatches(run, header.RootElement.EnumerateObject().Select(tensor => tensor.Name)));
    }

    [Theory]
    [InlineData("no tensor input_ids.0", "losses")]
    [InlineData("none is input_ids.1", "input_ids.0", "attention_mask.0", "labels.0", "input_ids.2", "attention_mask.2", "labels.2")]
    [InlineData("labels.0 is missing", "input_ids.0", "attention_mask.0")]
    [InlineData("none is input_ids.0", "input_ids.00", "attention_mask.00", "labels.00")]
    public void Gaps_and_missing_tensors_are_refused(string expected, params string[] names)
        => Assert.Contains(expected, Assert.Throws<DataFileException>(() => PrebatchedIndex.CountBatches("f", names)).Message);
}
