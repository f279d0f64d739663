using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Training.Configuration;

namespace Engine.Training.Running;

/// <summary>Makes PEFT's adapter configuration from the run file's <c>adapter</c> section.</summary>
internal static class AdapterChoice
{
    /// <summary>The adapter's configuration, on top of that of <c>adapter.init</c> where there is one; null for full fine-tuning.</summary>
    /// <param name="model">The base model's configuration: its family decides what is adapted where the run file does not say.</param>
    public static AdapterConfig? Of(RunConfiguration run, ModelConfig model)
    {
        if (run.Adapter is not { } adapter)
        {
            return null;
        }

        AdapterConfig start = adapter.Init is null
            ? new AdapterConfig
            {
                TaskType = run.Task switch
                {
                    TaskKind.SequenceClassification or TaskKind.Regression => AdapterConfig.SequenceClassification,
                    TaskKind.CausalLanguageModel => AdapterConfig.CausalLanguageModel,
                    _ => null,
                },
                BaseModelNameOrPath = run.Model,
            }
            : AdapterConfig.Read(adapter.Init);
        AdapterConfig config = (start with
        {
            Rank = adapter.R ?? start.Rank,
            LoraAlpha = adapter.LoraAlpha ?? start.LoraAlpha,
            LoraDropout = adapter.LoraDropout ?? start.LoraDropout,
            UseRslora = adapter.UseRslora ?? start.UseRslora,
            TargetModules = Pattern(adapter.TargetModules) ?? start.TargetModules,
            ExcludeModules = Pattern(adapter.ExcludeModules) ?? start.ExcludeModules,
            ModulesToSave = adapter.ModulesToSave ?? start.ModulesToSave,
        }).ForModel(model);
        config.Validate();
        return config;
    }

    private static Model.Peft.ModulePattern? Pattern(Configuration.ModulePattern? pattern) => pattern switch
    {
        null => null,
        { Names: { } names } => Model.Peft.ModulePattern.Of(names),
        _ => Model.Peft.ModulePattern.OfExpression(pattern.Pattern!),
    };
}
