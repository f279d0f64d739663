using System.Runtime.InteropServices;
using Engine.Model.Execution;

namespace Engine.Model.Generation;

/// <summary>
/// Runs answers side by side: each row of the runner holds one text, and a text that ends makes room for the next. A row whose tokens begin
/// as those of a new prompt, as a chat's next turn does, runs only the rest.
/// </summary>
internal sealed class BatchDecoder(DecodingRunner runner)
{
    private readonly List<int>[] held = [.. Enumerable.Range(0, runner.Rows).Select(_ => new List<int>())];
    private readonly RowTokens[] feeds = new RowTokens[runner.Rows];
    private readonly RunningText?[] busy = new RunningText?[runner.Rows];
    private readonly float[] logits = new float[checked(runner.Rows * runner.Model.Architecture.OutputSize)];

    public DecodingRunner Runner => runner;

    /// <summary>Runs every text to its end.</summary>
    /// <param name="progress">Told of every token.</param>
    /// <exception cref="OperationCanceledException">Cancelled between two tokens.</exception>
    public void Run(IReadOnlyList<RunningText> texts, Action<GeneratedPiece>? progress, CancellationToken cancellation)
    {
        busy.AsSpan().Clear();
        int waiting = 0, vocabulary = runner.Model.Architecture.OutputSize;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = 0;
            for (int row = 0; row < busy.Length; row++)
            {
                if (busy[row] is { } running)
                {
                    feeds[count++] = new RowTokens(row, running.Next);
                }
                else if (waiting < texts.Count)
                {
                    busy[row] = texts[waiting];
                    feeds[count++] = new RowTokens(row, Unread(row, texts[waiting++].Prompt));
                }
            }

            if (count == 0)
            {
                return;
            }

            runner.Run(feeds.AsSpan(0, count), logits);
            for (int i = 0; i < count; i++)
            {
                (int row, ReadOnlyMemory<int> ids) = feeds[i];
                held[row].AddRange(ids.Span);
                RunningText text = busy[row]!;
                GeneratedPiece piece = text.Advance(logits.AsSpan(i * vocabulary, vocabulary));
                progress?.Invoke(piece);
                if (text.Finish is not null)
                {
                    busy[row] = null;
                }
            }
        }
    }

    /// <summary>The part of a prompt that the row does not hold already, at least the last token, whose logits are wanted.</summary>
    private ReadOnlyMemory<int> Unread(int row, int[] prompt)
    {
        int known = Math.Min(held[row].Count, runner.Length(row));
        int common = CollectionsMarshal.AsSpan(held[row])[..known].CommonPrefixLength(prompt.AsSpan(0, prompt.Length - 1));
        runner.Truncate(row, common);
        held[row].RemoveRange(common, held[row].Count - common);
        return prompt.AsMemory(common);
    }
}
