using Engine.Model;
using Engine.Model.Batching;
using Engine.Tokenizers;
using Engine.Training.Data;

namespace Engine.Training.Running;

/// <summary>
/// Turns texts that come word by word into token ids, on all processors. A word's class is that of its first token; its further tokens, and
/// special ones, have none, as in Transformers' example of token classification (<c>run_ner.py</c>).
/// </summary>
internal static class WordEncoding
{
    /// <summary>White space between the words of a text that comes whole.</summary>
    private static readonly char[] Blanks = [' ', '\t', '\r', '\n'];

    /// <summary>The words of a text.</summary>
    public static string[] Split(string text) => text.Split(Blanks, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Encodes words with the text's special tokens, truncated to <paramref name="maxLength"/> tokens.</summary>
    /// <param name="classes">Classes of each row's words; null: all 0, for texts without labels.</param>
    public static EncodedSet Encode(Tokenizer tokenizer, ExampleSet examples, int maxLength, IReadOnlyList<int[]>? classes)
    {
        (int[] before, int[] after) = tokenizer.SpecialTokensAround();
        int room = Math.Max(0, maxLength - before.Length - after.Length);
        Row[] rows = ParallelWork.Run(examples.Count, i => Encode(examples.Examples[i].Words!, classes?[i]));
        return new EncodedSet([.. rows.Select(row => (row.Ids, (int[]?)null))])
        {
            TokenClasses = [.. rows.Select(row => row.Classes)],
            WordTokens = [.. rows.Select(row => row.WordTokens)],
            CutRows = [.. Enumerable.Range(0, rows.Length).Where(i => rows[i].IsCut)],
        };

        Row Encode(IReadOnlyList<string> words, int[]? own)
        {
            List<int> ids = [.. before], labels = [.. before.Select(_ => RaggedBatch.IgnoredLabel)];
            int[] first = new int[words.Count];
            bool isCut = false;
            for (int word = 0; word < words.Count; word++)
            {
                // With a blank before it every word is encoded as inside a text, the first one too.
                int[] tokens = tokenizer.Encode(" " + words[word], null, null, addSpecialTokens: false).Ids;
                int left = room + before.Length - ids.Count;
                isCut |= tokens.Length > left;
                int read = Math.Min(tokens.Length, left);
                first[word] = read > 0 ? ids.Count : -1;
                for (int i = 0; i < read; i++)
                {
                    ids.Add(tokens[i]);
                    labels.Add(i == 0 ? own?[word] ?? 0 : RaggedBatch.IgnoredLabel);
                }
            }

            return new Row([.. ids, .. after], [.. labels, .. after.Select(_ => RaggedBatch.IgnoredLabel)], first, isCut);
        }
    }

    private sealed record Row(int[] Ids, int[] Classes, int[] WordTokens, bool IsCut);
}
