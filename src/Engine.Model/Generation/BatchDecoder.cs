using System.Runtime.InteropServices;
using Engine.Model.Execution;

namespace Engine.Model.Generation;

/// <summary>
/// Runs answers side by side: each row of the runner holds one text, and a text that ends makes room for the next. Rows of one model, that is with one
/// adapter, go on in one step; those of another in the next. A row whose tokens begin as those of a new prompt, as a chat's next turn does, runs only the
/// rest.
/// </summary>
internal sealed class BatchDecoder(DecodingRunner runner)
{
    private readonly List<int>[] held = [.. Enumerable.Range(0, runner.Rows).Select(_ => new List<int>())];
    private readonly RowTokens[] feeds = new RowTokens[runner.Rows];
    private readonly RunningText?[] busy = new RunningText?[runner.Rows];

    /// <summary>What each busy row reads next.</summary>
    private readonly ReadOnlyMemory<int>[] unread = new ReadOnlyMemory<int>[runner.Rows];
    private readonly float[] logits = new float[checked(runner.Rows * runner.Model.Architecture.OutputSize)];

    public DecodingRunner Runner => runner;

    /// <summary>Runs every text to its end.</summary>
    /// <param name="progress">Told of every token.</param>
    /// <exception cref="OperationCanceledException">Cancelled between two tokens.</exception>
    public void Run(IReadOnlyList<RunningText> texts, Action<GeneratedPiece>? progress, CancellationToken cancellation)
    {
        busy.AsSpan().Clear();
        TransformerModel[] models = [.. texts.Select(text => text.Model).Distinct()];
        int waiting = 0;
        do
        {
            for (int row = 0; row < busy.Length && waiting < texts.Count; row++)
            {
                if (busy[row] is null)
                {
                    busy[row] = texts[waiting];
                    unread[row] = Unread(row, texts[waiting++]);
                }
            }

            foreach (TransformerModel model in models)
            {
                cancellation.ThrowIfCancellationRequested();
                Step(model, progress);
            }
        }
        while (waiting < texts.Count || busy.Any(text => text is not null));
    }

    /// <summary>One token for each row of a model.</summary>
    private void Step(TransformerModel model, Action<GeneratedPiece>? progress)
    {
        int vocabulary = model.Architecture.OutputSize, count = 0;
        for (int row = 0; row < busy.Length; row++)
        {
            if (busy[row]?.Model == model)
            {
                feeds[count++] = new RowTokens(row, unread[row]);
            }
        }

        if (count == 0)
        {
            return;
        }

        runner.Run(feeds.AsSpan(0, count), logits, model);
        for (int i = 0; i < count; i++)
        {
            (int row, ReadOnlyMemory<int> ids) = feeds[i];
            held[row].AddRange(ids.Span);
            RunningText text = busy[row]!;
            GeneratedPiece piece = text.Advance(logits.AsSpan(i * vocabulary, vocabulary));
            unread[row] = text.Next;
            if (text.Finish is not null)
            {
                busy[row] = null;
            }

            progress?.Invoke(piece);
        }
    }

    /// <summary>The part of a prompt that the row does not hold already, at least the last token, whose logits are wanted.</summary>
    private ReadOnlyMemory<int> Unread(int row, RunningText text)
    {
        int known = Math.Min(held[row].Count, runner.Length(row, text.Model));
        int common = CollectionsMarshal.AsSpan(held[row])[..known].CommonPrefixLength(text.Prompt.AsSpan(0, text.Prompt.Length - 1));
        runner.Truncate(row, common);
        held[row].RemoveRange(common, held[row].Count - common);
        return text.Prompt.AsMemory(common);
    }
}
