using Engine.Common;
using Engine.Common.Keys;
using Engine.Optim.Methods;
using Engine.Training.Data.Formats;
using Engine.Training.Federated;
using static Engine.Training.Configuration.RunRules;

namespace Engine.Training.Configuration;

/// <summary>Checks of the keys of <c>task: sentence-similarity</c>.</summary>
internal static class SentenceRules
{
    /// <summary>Columns, which an evaluation reads, too.</summary>
    /// <exception cref="ConfigurationException">A column is missing or would not be read.</exception>
    public static void CheckColumns(RunConfiguration run, MapNode? file)
    {
        DataConfiguration data = run.Data;
        if (run.Task != TaskKind.SentenceSimilarity)
        {
            string problem = $"it is for {Setting.Of("task", "sentence-similarity")}; leave it out.";
            RefuseIf(data.TextNegatives is not null, file, "data.text_negatives", problem);
            RefuseIf(data.LabelDivisor != 1, file, "data.label_divisor", problem);
            return;
        }

        RefuseIf(
            data.IsPrebatched, file, "data.format", "prebatched data has a text a row, and sentence-similarity several; give the texts.");
        RefuseIf(
            data.TextPair is null, file, "data",
            MissingColumn("data.text_pair", "text that belongs to the first one"));
        RefuseIf(
            data.TextNegatives is not null && data.Label is not null, file, "data.text_negatives",
            $"{Setting.Of("data.label")} says how alike two texts are, and no other is compared with them; leave out one of the two.");
        RefuseIf(
            data.TextNegatives is not null && data.Formats.Any(format => !format.HoldsAny(DataContents.Records)), file,
            "data.text_negatives",
            $"more than two texts a row are read from {DataFormats.Names(DataFormats.Holding(DataContents.Records), "and")} files only.");
    }

    /// <summary>What a run is trained by.</summary>
    /// <exception cref="ConfigurationException">A value that would not be read, or a loss that a method cannot take apart.</exception>
    public static void Check(RunConfiguration run, MapNode? file)
    {
        bool ranks = run.Task == TaskKind.SentenceSimilarity && run.Data.Label is null;
        RefuseIf(
            run.SimilarityScale != 20 && !ranks, file, "similarity_scale",
            $"it is for {Setting.Of("task", "sentence-similarity")} without {Setting.Of("data.label")}; leave it out.");
        RefuseIf(
            ranks && run.PerDeviceTrainBatchSize == 1, file, "per_device_train_batch_size",
            "each text's own is told from those of the batch's other rows, and 1 row has no other; set it to 2 or more.");
        bool takesApart = PrivacyLedger.LaLoraOf(run) is { ClipNorm: > 0 } || Together.Of(run.Method).OfType<Esam>().Any();
        RefuseIf(
            ranks && takesApart, file, "method",
            $"it runs rows apart from their batch, and the loss of sentence-similarity without {Setting.Of("data.label")} tells a row's "
                + "texts from those of the others; take another method, or give labels.");
        if (run.Task != TaskKind.SentenceSimilarity)
        {
            return;
        }

        RefuseIf(
            run.ResizeTokenEmbeddings, file, "resize_token_embeddings", "it is not built for sentence-similarity; leave it out.");
        RefuseIf(
            run.LabelSmoothingFactor > 0, file, "label_smoothing_factor", "sentence-similarity has no classes to smooth; leave it out.");
    }
}
