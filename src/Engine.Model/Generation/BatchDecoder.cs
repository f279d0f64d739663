using System.Runtime.InteropServices;
using Engine.Model.Execution;

namespace Engine.Model.Generation;

/// <summary>
/// Runs answers side by side: each row of the runner holds one text, and a text that ends makes room for the next. Rows of one model, that
/// is with one adapter, go on in one step; those of another in the next. A row whose tokens begin as those of a new prompt, as a chat's
/// next turn does, runs only the rest.
/// </summary>
internal sealed class BatchDecoder(DecodingRunner runner)
{
    private readonly List<int>[] held = [.. Enumerable.Range(0, runner.Rows).Select(_ => new List<int>())];
    private readonly RowTokens[] feeds = new RowTokens[runner.Rows];
    private readonly RunningText?[] busy = new RunningText?[runner.Rows];
    private readonly Queue<RunningText> queue = [];

    /// <summary>What each busy row reads next.</summary>
    private readonly ReadOnlyMemory<int>[] unread = new ReadOnlyMemory<int>[runner.Rows];
    private readonly float[] logits = new float[checked(runner.Rows * runner.Model.Architecture.OutputSize)];

    public DecodingRunner Runner => runner;

    /// <summary>Rows that no text has.</summary>
    public int FreeRows => busy.Count(text => text is null) - queue.Count;

    /// <summary>Runs the texts of calls to their ends; a call ends by itself where its caller wants or its callback fails.</summary>
    /// <param name="calls">The first is the caller's own; the others are guests on its thread.</param>
    /// <param name="next">Another call that has come meanwhile and fits; null for none.</param>
    public void Run(IReadOnlyList<GenerationCall> calls, Func<GenerationCall?> next)
    {
        GenerationCall host = calls[0];
        List<GenerationCall> active = [.. calls];
        busy.AsSpan().Clear();
        queue.Clear();
        calls.SelectMany(call => call.Texts).ToList().ForEach(queue.Enqueue);
        try
        {
            while (true)
            {
                while (next() is { } guest)
                {
                    active.Add(guest);
                    guest.Texts.ToList().ForEach(queue.Enqueue);
                }

                End(active);
                FillRows();
                TransformerModel[] models = [.. busy.OfType<RunningText>().Select(text => text.Model).Distinct()];
                if (models.Length == 0)
                {
                    return;
                }

                foreach (TransformerModel model in models)
                {
                    Step(model, host);
                }
            }
        }
        catch (Exception failure)
        {
            active.ForEach(call => call.Fail(failure));
        }
    }

    /// <summary>Ends the calls whose callers want that, and forgets those that are over.</summary>
    private void End(List<GenerationCall> active)
    {
        active.RemoveAll(call => call.IsOver);
        foreach (GenerationCall call in active.Where(call => call.Ending.IsCancellationRequested))
        {
            call.Fail(call.Ended());
        }

        for (int row = 0; row < busy.Length; row++)
        {
            busy[row] = busy[row] is { Call.IsOver: false } text ? text : null;
        }
    }

    private void FillRows()
    {
        for (int row = 0; row < busy.Length; row++)
        {
            while (busy[row] is null && queue.TryDequeue(out RunningText? text))
            {
                if (!text.Call.IsOver)
                {
                    busy[row] = text;
                    unread[row] = Unread(row, text);
                }
            }
        }
    }

    /// <summary>One token for each row of a model.</summary>
    private void Step(TransformerModel model, GenerationCall host)
    {
        int vocabulary = model.Architecture.OutputSize, count = 0;
        for (int row = 0; row < busy.Length; row++)
        {
            if (busy[row] is { Call.IsOver: false } text && text.Model == model)
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

            if (!text.Call.IsOver)
            {
                text.Call.Tell(piece, isGuest: text.Call != host);
            }
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
