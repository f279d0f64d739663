using Engine.Model.Batching;
using System.Globalization;

namespace Engine.Training.Data;

/// <summary>
/// Which batches a prebatched file holds: tensors <c>input_ids.T</c>, <c>attention_mask.T</c>, <c>labels.T</c> for T = 0, 1, ...; other
/// tensors may lie beside them.
/// </summary>
internal static class PrebatchedIndex
{
    private const string InputIds = "input_ids.";

    private static readonly string[] Companions = ["attention_mask.", "labels."];

    /// <summary>The number of batches.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="tensorNames">The names of its tensors.</param>
    /// <exception cref="DataFileException">No batch, a gap in the numbers, or a batch without its mask or labels.</exception>
    public static int CountBatches(string path, IEnumerable<string> tensorNames)
    {
        HashSet<string> names = [.. tensorNames];
        int count = names.Count(name => name.StartsWith(InputIds, StringComparison.Ordinal));
        if (count == 0)
        {
            throw new DataFileException(
                path,
                "there is no tensor input_ids.0; a prebatched file holds input_ids.T, attention_mask.T and labels.T for T = 0, 1, ...");
        }

        for (int batch = 0; batch < count; batch++)
        {
            string number = batch.ToString(CultureInfo.InvariantCulture);
            if (!names.Contains(InputIds + number))
            {
                throw new DataFileException(
                    path, $"there are {count} tensors input_ids.T, but none is input_ids.{number}; T must count 0, 1, ... without gaps.");
            }

            foreach (string companion in Companions)
            {
                if (!names.Contains(companion + number))
                {
                    throw new DataFileException(path, $"the tensor {companion}{number} is missing beside input_ids.{number}.");
                }
            }
        }

        return count;
    }
}
