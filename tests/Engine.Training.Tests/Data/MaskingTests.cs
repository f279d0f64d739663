using Engine.Model.Batching;
using Engine.Training.Data;

namespace Engine.Training.Tests.Data;

public sealed class MaskingTests
{
    private const int MaskId = 4;
    private const int VocabularySize = 1000;

    [Fact]
    public void Masks_have_the_published_shares_and_spare_special_tokens()
    {
        RaggedBatch batch = Batch(rows: 500, length: 100);
        RaggedBatch masked = Masker().Mask(batch, [.. Enumerable.Range(0, 500)], epoch: 0);
        int total = 0, chosen = 0, mask = 0, same = 0;
        for (int token = 0; token < batch.TokenCount; token++)
        {
            bool special = batch.InputIds[token] is 0 or 2;
            total += special ? 0 : 1;
            if (masked.TokenLabels![token] == RaggedBatch.IgnoredLabel)
            {
                Assert.Equal(batch.InputIds[token], masked.InputIds[token]);
                continue;
            }

            Assert.False(special);
            Assert.Equal(batch.InputIds[token], masked.TokenLabels[token]);
            chosen++;
            mask += masked.InputIds[token] == MaskId ? 1 : 0;
            same += masked.InputIds[token] == batch.InputIds[token] ? 1 : 0;
            Assert.InRange(masked.InputIds[token], 0, VocabularySize - 1);
        }

        // Five standard deviations of the binomials: 0.8 %, 2.4 % and 1.8 % of about 49000 and 7350 draws.
        Assert.Equal(0.15, (double)chosen / total, 0.008);
        Assert.Equal(0.8, (double)mask / chosen, 0.024);
        Assert.Equal(0.1, (double)same / chosen, 0.018);
    }

    [Fact]
    public void A_rows_mask_depends_on_seed_epoch_and_row_alone()
    {
        RaggedBatch batch = Batch(rows: 3, length: 50);
        RaggedBatch together = Masker().Mask(batch, [10, 11, 12], epoch: 2);
        EncodedSet rows = new(
            [.. Enumerable.Range(0, 3).Select(row => (batch.InputIds[batch.RowStart[row]..batch.RowStart[row + 1]], (int[]?)null))]);
        RaggedBatch alone = Masker().Mask(rows.Batch([1]).PadTo(64), [11], epoch: 2);
        Assert.Equal(together.InputIds[50..100], alone.InputIds[..50]);
        Assert.Equal(together.TokenLabels![50..100], alone.TokenLabels![..50]);
        Assert.NotEqual(together.TokenLabels, Masker().Mask(batch, [10, 11, 12], epoch: 3).TokenLabels);
    }

    [Fact]
    public void Chunks_lose_no_token_and_stay_within_the_length()
    {
        int[][] texts = [[10, 11, 12, 13, 14], [], [20], [30, 31]];
        Assert.Equal([[0, 10, 11, 12, 2], [0, 13, 14, 2], [0, 20, 2], [0, 30, 31, 2]], TextChunks.LineByLine(texts, 5, [0], [2]));
        Assert.Equal([[0, 10, 11, 12, 2], [0, 13, 14, 9, 2], [0, 20, 9, 30, 2], [0, 31, 2]], TextChunks.Packed(texts, 5, [0], [2], [9]));
        Assert.Throws<ArgumentOutOfRangeException>(() => TextChunks.LineByLine(texts, 2, [0], [2]));
    }

    private static TokenMasker Masker() => new(seed: 9, probability: 0.15, MaskId, VocabularySize, specialIds: [0, 2]);

    private static RaggedBatch Batch(int rows, int length) => RaggedBatch.FromRows(
        [.. Enumerable.Range(0, rows)
            .Select(row => ((int[])[0, .. Enumerable.Range(0, length - 2).Select(i => 5 + (((row * 37) + (i * 11)) % 990)), 2],
                (int[]?)null))]);
}
