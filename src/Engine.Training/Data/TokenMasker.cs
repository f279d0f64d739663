using Engine.Devices;
using Engine.Model;
using Engine.Model.Batching;
using Engine.Optim;

namespace Engine.Training.Data;

/// <summary>
/// Masks for masked-language modelling (BERT, Devlin et al. 2019, section 3.1; drawn afresh each epoch as RoBERTa does). Each token that is
/// not special is chosen with a fixed probability; a chosen one becomes the mask token (80 %), a random token (10 %) or stays (10 %), and
/// is what the loss asks for. Draws depend on (seed, epoch, row, token) alone: neither batching nor resuming changes them.
/// </summary>
internal sealed class TokenMasker
{
    private const double MaskShare = 0.8;
    private const double RandomShare = 0.1;

    private readonly ulong seed;
    private readonly double probability;
    private readonly int maskTokenId;
    private readonly int vocabularySize;
    private readonly HashSet<int> specialIds;

    /// <param name="seed">Key of the draws.</param>
    /// <param name="probability">Chance of a token to be chosen; 0.15 in BERT and RoBERTa.</param>
    /// <param name="maskTokenId">The mask token.</param>
    /// <param name="vocabularySize">Random tokens come from 0 ... size - 1, as in Transformers.</param>
    /// <param name="specialIds">Tokens never chosen.</param>
    public TokenMasker(ulong seed, double probability, int maskTokenId, int vocabularySize, IEnumerable<int> specialIds)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(probability);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(probability, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vocabularySize);
        this.seed = seed;
        this.probability = probability;
        this.maskTokenId = maskTokenId;
        this.vocabularySize = vocabularySize;
        this.specialIds = [.. specialIds];
    }

    /// <summary>The batch with masked ids and token labels.</summary>
    /// <param name="batch">Unmasked tokens.</param>
    /// <param name="exampleIndices">[rows] The example each row holds, which keys its draws.</param>
    /// <param name="epoch">The epoch; evaluation passes the same one every time and so always asks the same.</param>
    public RaggedBatch Mask(RaggedBatch batch, IReadOnlyList<int> exampleIndices, uint epoch)
    {
        PhiloxGenerator generator = new(seed, RandomStream.TokenMask, epoch);
        int[] ids = [.. batch.InputIds];
        int[] labels = new int[batch.Capacity];
        Array.Fill(labels, RaggedBatch.IgnoredLabel);
        for (int token = 0; token < batch.TokenCount; token++)
        {
            if (!IsChosen(generator, exampleIndices[batch.Rows[token]], batch.Positions[token], ids[token], out PhiloxWords words))
            {
                continue;
            }

            labels[token] = ids[token];
            double action = PhiloxGenerator.ToUniform(words.Y);
            if (action < MaskShare)
            {
                ids[token] = maskTokenId;
            }
            else if (action < MaskShare + RandomShare)
            {
                ids[token] = (int)(((ulong)words.Z * (ulong)vocabularySize) >> 32);
            }
        }

        return batch with { InputIds = ids, TokenLabels = labels };
    }

    /// <summary>How many tokens of each example are chosen in an epoch.</summary>
    public int[] Counts(EncodedSet examples, uint epoch)
    {
        PhiloxGenerator generator = new(seed, RandomStream.TokenMask, epoch);
        return ParallelWork.Run(examples.Count, example =>
        {
            int count = 0;
            ReadOnlySpan<int> ids = examples.InputIds(example);
            for (int position = 0; position < ids.Length; position++)
            {
                count += IsChosen(generator, example, position, ids[position], out _) ? 1 : 0;
            }

            return count;
        });
    }

    private bool IsChosen(PhiloxGenerator generator, int example, int position, int id, out PhiloxWords words)
    {
        words = generator.Block(((ulong)example << 32) | (uint)position);
        return PhiloxGenerator.ToUniform(words.X) < probability && !specialIds.Contains(id);
    }
}
