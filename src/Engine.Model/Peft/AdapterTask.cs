using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Model.HuggingFace;
using Engine.Safetensors;

namespace Engine.Model.Peft;

/// <summary>What an adapter's <c>task_type</c> says of the head it was trained with.</summary>
internal static class AdapterTask
{
    /// <summary>The head; null where the adapter leaves it open. A classifier's may also predict a number: the labels say which.</summary>
    /// <exception cref="ModelFileException">A task whose head is not built.</exception>
    public static HeadKind? Read(string adapterFolder) => AdapterConfig.Read(adapterFolder).TaskType switch
    {
        AdapterConfig.SequenceClassification => HeadKind.SequenceClassification,
        AdapterConfig.TokenClassification => HeadKind.TokenClassification,
        AdapterConfig.QuestionAnswering => HeadKind.QuestionAnswering,
        AdapterConfig.CausalLanguageModel => HeadKind.CausalLm,
        null or AdapterConfig.FeatureExtraction => null,
        _ =>
            throw Other(
                adapterFolder,
                $"{AdapterConfig.SequenceClassification}, {AdapterConfig.TokenClassification}, {AdapterConfig.QuestionAnswering}, "
                    + $"{AdapterConfig.CausalLanguageModel} or none was expected"),
    };

    /// <summary>
    /// Rows of the output layer that an adapter holds, which is how many labels its classifier has; null where it holds none.
    /// </summary>
    public static int? Outputs(string adapterFolder, Architecture classifier)
    {
        using AdapterFile file = AdapterFile.Read(adapterFolder);
        return file.SavedParameters.TryGetValue($"{classifier.OutputModule}.weight", out SafetensorsTensor? weight)
            && weight.Shape is [> 0 and <= LabelSet.MaxLabels, _]
            ? (int)weight.Shape[0]
            : null;
    }

    /// <summary>The refusal of an adapter that is for another task.</summary>
    public static ModelFileException Other(string adapterFolder, string expected) =>
        new(Path.Combine(adapterFolder, AdapterConfig.FileName), $"task_type is {AdapterConfig.Read(adapterFolder).TaskType}; {expected}.");
}
