using Engine.Model.Batching;
using Engine.Training.Data;

namespace Engine.Training.Tests.Data;

public sealed class PaddedLayoutTests
{
    private static readonly int[] Mask =
    [
        1, 1, 0, 0,
        0, 1, 1, 1,
        0, 1, 0, 0,
    ];

    [Fact]
    public void Padding_on_either_side_is_dropped_and_positions_start_at_the_first_token()
    {
        PaddedLayout layout = PaddedLayout.FromMask("f", Mask, 3, 4);
        RaggedBatch batch = layout.ToRagged([10, 11, 1, 1, 1, 12, 13, 14, 1, 15, 1, 1], [0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0]);
        Assert.Equal([10, 11, 12, 13, 14, 15], batch.InputIds);
        Assert.Equal([0, 1, 0, 1, 2, 0], batch.Positions);
        Assert.Equal([0, 0, 1, 1, 1, 2], batch.Rows);
        Assert.Equal([0, 1, 0, 1, 1, 0], batch.TypeIds);
        Assert.Equal([0, 2, 5, 6], batch.RowStart);
    }

    [Fact]
    public void Scatter_undoes_gather_and_fills_padding()
    {
        PaddedLayout layout = PaddedLayout.FromMask("f", Mask, 3, 4);
        float[] padded = [.. Enumerable.Range(0, 24).Select(i => Mask[i / 2] * (i + 1f))];
        float[] ragged = new float[layout.TokenCount * 2];
        layout.Gather<float>(padded, 2, ragged);
        Assert.Equal([1, 2, 3, 4, 11, 12, 13, 14, 15, 16, 19, 20], ragged);
        float[] back = new float[24];
        Array.Fill(back, float.NaN);
        layout.Scatter(ragged, 2, back, fill: 0f);
        Assert.Equal(padded, back);
    }

    [Fact]
    public void A_ragged_batch_is_padded_on_the_right()
    {
        RaggedBatch batch = RaggedBatch.FromRows([([5, 6], null), ([7], null)]).PadTo(64);
        int[] padded = new int[6];
        PaddedLayout.PadRight(batch, 3).Scatter<int>(batch.InputIds, 1, padded, fill: 1);
        Assert.Equal([5, 6, 1, 7, 1, 1], padded);
    }

    [Theory]
    [InlineData("hole at column 1", 1, 0, 1, 0)]
    [InlineData("padding only", 0, 0, 0, 0)]
    [InlineData("column 2 is 2", 1, 1, 2, 0)]
    public void Masks_that_ragged_rows_cannot_follow_are_refused(string expected, params int[] mask)
    {
        string message = Assert.Throws<DataFileException>(() => PaddedLayout.FromMask("in.safetensors", mask, 1, 4)).Message;
        Assert.Contains("in.safetensors: attention_mask: row 0", message);
        Assert.Contains(expected, message);
    }

    [Fact]
    public void Labels_at_padding_are_refused()
    {
        PaddedLayout layout = PaddedLayout.FromMask("f", [0, 1, 1, 0], 1, 4);
        Assert.Equal([7, -100], layout.TokenLabels([-100, 7, -100, -100]));
        Assert.Contains("row 0, column 3 is 5", Assert.Throws<DataFileException>(() => layout.TokenLabels([-100, 7, -100, 5])).Message);
        Assert.Throws<DataFileException>(() => layout.TokenLabels([1, 2]));
        Assert.Throws<DataFileException>(() => PaddedLayout.FromMask("f", [1, 1], 1, 4));
    }
}
