using Engine.Model.Batching;
using Engine.Safetensors;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Bench;

/// <summary>
/// Writes the micro-batches of a run's first epoch, padded to each one's longest row, so that a peer trains on the same batches.
/// </summary>
internal static class BatchExport
{
    public static void Run(string runFile, string target)
    {
        using RunData data = RunData.Load(RunConfiguration.Load(runFile));
        var writer = new SafetensorsWriter();
        for (int index = 0; index < data.Train.BatchesPerEpoch; index++)
        {
            RaggedBatch batch = data.Train.Batch(epoch: 0, index);
            PaddedLayout layout = PaddedLayout.PadRight(batch, batch.LongestRow);
            int[] mask = new int[batch.TokenCount];
            mask.AsSpan().Fill(1);
            Add("input_ids", batch.InputIds);
            Add("token_type_ids", batch.TypeIds);
            Add("attention_mask", mask);
            if (batch.ClassLabels is { } classes)
            {
                writer.Add($"labels.{index}", [batch.RowCount], classes);
            }
            else
            {
                writer.Add(
                    $"labels.{index}", [batch.RowCount],
                    batch.Targets ?? throw new ArgumentException($"{runFile}: only classification and regression runs are exported."));
            }

            void Add(string name, int[] values)
            {
                int[] padded = new int[layout.Rows * layout.Length];
                layout.Scatter(values.AsSpan(0, batch.TokenCount), 1, padded, fill: 0);
                writer.Add($"{name}.{index}", [layout.Rows, layout.Length], padded);
            }
        }

        writer.Write(target);
    }
}
