namespace Engine.Training.Data.Formats;

/// <summary>Batches that are tokenised already, which <see cref="Running.PrebatchedFile"/> reads.</summary>
internal sealed class PrebatchedFormat : DataFormat
{
    public override string Name => "prebatched";

    public override IReadOnlyList<string> Endings { get; } = [".safetensors"];

    public override string Summary => "safetensors with input_ids.T, attention_mask.T, labels.T";

    public override string Description => "A safetensors file, only one, with `input_ids.T`, `attention_mask.T`, `labels.T` and "
        + "optionally `token_type_ids.T` for "
        + "T = 0, 1, ..., each used once in that order. Padding may stand after a row's tokens, for decoders before them too. For "
            + "causal-lm the labels are those of "
        + "Transformers, aligned with the ids; a row's first token is predicted by nothing, so its label is left out (in a row "
            + "padded at the left Transformers "
        + "predicts it from the last padding token).";

    internal override DataContents Holds => DataContents.Batches;
}
