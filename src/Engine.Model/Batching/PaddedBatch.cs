using Engine.Model.Architectures;
using Engine.Safetensors;

namespace Engine.Model.Batching;

/// <summary>A batch in the padded layout of Transformers, beside its tokens without the padding.</summary>
/// <param name="Layout">Where the tokens lie in [rows, length].</param>
/// <param name="Ragged">The tokens, with their labels where the file has some.</param>
/// <param name="HasLabels">Whether there are labels, so that a loss means something.</param>
internal sealed record PaddedBatch(PaddedLayout Layout, RaggedBatch Ragged, bool HasLabels)
{
    /// <summary>Whether any label is not ignored, so that the loss is a mean over something.</summary>
    public bool AnyLabelCounts =>
        HasLabels && ((Ragged.ClassLabels ?? Ragged.TokenLabels ?? Ragged.SpanLabels) is not { } labels
            || labels.AsSpan().ContainsAnyExcept(RaggedBatch.IgnoredLabel));

    /// <summary>
    /// Reads <c>input_ids</c> and <c>attention_mask</c> [rows, length], where they are there <c>token_type_ids</c> [rows, length] and
    /// <c>labels</c>: class numbers [rows], numbers [rows] for regression, 0 or 1 [rows, classes] where a text has any number of classes,
    /// token ids [rows, length] for language models (-100: ignored), each at the token it names, and likewise class numbers of tokens. For
    /// question answering they are <c>start_positions</c> and <c>end_positions</c> [rows], which as in Transformers count for nothing
    /// behind the last column.
    /// </summary>
    /// <param name="file">The tensors.</param>
    /// <param name="architecture">The model the batch is for.</param>
    /// <param name="suffix">What follows each name, such as <c>.3</c> for the fourth batch of a file.</param>
    /// <exception cref="DataFileException">A shape or a value is not as described.</exception>
    /// <exception cref="Engine.Common.Files.ModelFileException">A tensor is missing or of another type.</exception>
    /// <param name="keepsPadding">The ragged batch keeps the padding, which then stands behind its rows.</param>
    public static PaddedBatch Read(TensorSource file, Architecture architecture, string suffix = "", bool keepsPadding = false)
    {
        SafetensorsTensor ids = file[$"input_ids{suffix}"];
        if (ids.Shape.Count != 2 || ids.Shape.Any(size => size is < 1 or > int.MaxValue))
        {
            throw new DataFileException(
                file.SourcePath, $"{ids.Name} has shape [{string.Join(", ", ids.Shape)}]; [rows, length], both at least 1, was expected.");
        }

        long[] shape = [.. ids.Shape];
        string source = suffix.Length == 0 ? file.SourcePath : $"{file.SourcePath}, batch {suffix.TrimStart('.')}";
        SafetensorsTensor mask = file[$"attention_mask{suffix}"].RequireShape(shape);
        PaddedLayout layout = PaddedLayout.FromMask(source, mask.ToInt32(), (int)shape[0], (int)shape[1]);
        if (keepsPadding && !architecture.ComputesPadding)
        {
            // Rows of one length have no padding to keep.
            keepsPadding = layout.TokenCount < layout.Rows * layout.Length
                ? throw new DataFileException(
                    source, $"{mask.Name} has padding, which this run would compute, and what {architecture.Name} makes of it is not "
                    + "built; give rows of one length.")
                : false;
        }

        if ((keepsPadding || architecture.NeedsTextFirst) && layout.FirstRowPaddedBefore is { } row)
        {
            throw new DataFileException(
                source, $"{mask.Name}: row {row} has padding before its tokens, and "
                + (keepsPadding ? "this run computes padding, behind them"
                    : $"to {architecture.Name} the columns of a text count from its first token") + "; pad after the tokens.");
        }

        int[] types = file.TryGet($"token_type_ids{suffix}", out SafetensorsTensor? typeIds) ? typeIds.RequireShape(shape).ToInt32() : [];
        RaggedBatch ragged = keepsPadding ? layout.WithPadding(ids.ToInt32(), types) : layout.ToRagged(ids.ToInt32(), types);
        if (keepsPadding && architecture.IsCausal)
        {
            ragged = ragged with { LastVisible = [.. ragged.LastVisible!.Zip(ragged.Positions, Math.Min)] };
        }

        if (architecture.Head == HeadKind.QuestionAnswering)
        {
            return file.TryGet($"start_positions{suffix}", out SafetensorsTensor? starts)
                ? new PaddedBatch(
                    layout, ragged with { SpanLabels = Spans(starts, file[$"end_positions{suffix}"], layout) }, HasLabels: true)
                : new PaddedBatch(layout, ragged, HasLabels: false);
        }

        return file.TryGet($"labels{suffix}", out SafetensorsTensor? labels)
            ? new PaddedBatch(layout, WithLabels(ragged, layout, labels, architecture, source), HasLabels: true)
            : new PaddedBatch(layout, ragged, HasLabels: false);
    }

    private static int[] Spans(SafetensorsTensor starts, SafetensorsTensor ends, PaddedLayout layout)
    {
        int[] first = starts.RequireShape(layout.Rows).ToInt32(), last = ends.RequireShape(layout.Rows).ToInt32();
        return [.. first.Zip(last, (start, end) => new[] { Place(start), Place(end) }).SelectMany(places => places)];

        int Place(int place) => place >= layout.Length ? RaggedBatch.IgnoredLabel : Math.Max(0, place);
    }

    private static RaggedBatch WithLabels(
        RaggedBatch batch, PaddedLayout layout, SafetensorsTensor labels, Architecture architecture, string source)
    {
        HeadKind head = architecture.Head;
        if (head.PredictsTokens())
        {
            int[] padded = labels.RequireShape(layout.Rows, layout.Length).ToInt32(), real = layout.TokenLabels(padded);
            int[] tokenLabels = batch.LastVisible is null ? real : padded;
            return head == HeadKind.CausalLm ? batch.WithNextTokenLabels(tokenLabels) : batch with { TokenLabels = tokenLabels };
        }

        int columns = architecture.Head == HeadKind.MultiLabelClassification ? architecture.OutputSize : 1;
        if (labels.ElementCount != (long)batch.RowCount * columns)
        {
            throw new DataFileException(
                source, $"{labels.Name} has shape [{string.Join(", ", labels.Shape)}]; "
                    + (columns == 1 ? $"[{batch.RowCount}], one label a row," : $"[{batch.RowCount}, {columns}], a number for each class,")
                    + " was expected.");
        }

        if (head == HeadKind.SequenceClassification)
        {
            return batch with { ClassLabels = labels.ToInt32() };
        }

        float[] targets = labels.ToFloat32();
        int strange = Array.FindIndex(targets, target => !float.IsFinite(target));
        return strange < 0
            ? batch with { Targets = targets }
            : throw new DataFileException(
                source, $"{labels.Name}: row {strange / columns} has {targets[strange]}; a finite number was expected.");
    }
}
