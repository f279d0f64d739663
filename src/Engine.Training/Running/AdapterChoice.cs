using Engine.Common;
using Engine.Common.Keys;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Forms;
using Engine.Model.HuggingFace;
using Engine.Model.Peft;
using Engine.Optim;
using Engine.Optim.Methods;
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
                    TaskKind.SequenceClassification or TaskKind.Regression or TaskKind.MultiLabelClassification
                        or TaskKind.MultipleChoice =>
                        AdapterConfig.SequenceClassification,
                    TaskKind.TokenClassification => AdapterConfig.TokenClassification,
                    TaskKind.QuestionAnswering => AdapterConfig.QuestionAnswering,
                    TaskKind.CausalLanguageModel => AdapterConfig.CausalLanguageModel,
                    TaskKind.SentenceSimilarity => AdapterConfig.FeatureExtraction,
                    _ => null,
                },
                BaseModelNameOrPath = run.Model,
                ModulesToSave = run.Task == TaskKind.QuestionAnswering ? PeftDefaults.AnswerHeads(model.ModelType) : [],
            }
            : AdapterConfig.Read(adapter.Init);
        AdapterConfig config = (start with
        {
            Form = Form(run.Method?.Form?.ForTasks(run.Tasks?.Count ?? 1), start, adapter.Init),
            Rank = adapter.R ?? start.Rank,
            LoraAlpha = adapter.LoraAlpha ?? start.LoraAlpha,
            LoraDropout = adapter.LoraDropout ?? start.LoraDropout,
            UseRslora = adapter.UseRslora ?? start.UseRslora,
            UseDora = adapter.UseDora ?? start.UseDora,
            InitLoraWeights = Start(adapter) ?? start.InitLoraWeights,
            RankPattern = adapter.RankPattern ?? start.RankPattern,
            AlphaPattern = adapter.AlphaPattern ?? start.AlphaPattern,
            TargetModules = adapter.TargetModules ?? start.TargetModules,
            ExcludeModules = adapter.ExcludeModules ?? start.ExcludeModules,
            LayersToTransform = adapter.LayersToTransform ?? start.LayersToTransform,
            LayersPattern = adapter.LayersPattern ?? start.LayersPattern,
            ModulesToSave = adapter.ModulesToSave ?? start.ModulesToSave,
            TrainableTokenIndices = adapter.TrainableTokenIndices ?? start.TrainableTokenIndices,
            EnsureWeightTying = adapter.EnsureWeightTying ?? start.EnsureWeightTying,
            HoldsBaseWeights = start.HoldsBaseWeights || run.Method?.BaseWeights == BaseWeightUse.Rewritten,
        }).ForModel(model);
        try
        {
            config.Validate();
        }
        catch (ArgumentException exception)
        {
            throw new ConfigurationException($"adapter.{exception.Message}", exception);
        }

        return config;
    }

    /// <summary>
    /// Refuses entries of the run file that match nothing in the model; those of the folder in <c>adapter.init</c> are returned, in words.
    /// </summary>
    /// <param name="run">A run with an adapter.</param>
    /// <param name="architecture">The model as the adapter needs it.</param>
    /// <param name="config">The adapter's configuration.</param>
    /// <exception cref="ConfigurationException">An entry has no effect; the message names the nearest module.</exception>
    public static IReadOnlyList<string> RequireMatches(RunConfiguration run, Architecture architecture, AdapterConfig config)
    {
        const int Shown = 12;
        AdapterConfiguration adapter = run.Adapter!;
        List<string> notes = [];
        foreach (IdleEntry idle in IdleEntries.Find(architecture, config))
        {
            if (!IsGiven(adapter, idle.Key))
            {
                notes.Add($"{adapter.Init}: {idle}.");
                continue;
            }

            string hint = idle.Known.Count == 0 ? "" : $"; {NearestName.Hint(idle.Name, idle.Known, Shown)}";
            throw new ConfigurationException($"{run.Places.Of($"adapter.{idle.Key}")}: '{idle.Entry}' {idle.Problem}{hint}.");
        }

        return notes;
    }

    /// <summary>What the adapters compute: what the method says, which a folder's adapter must be of, too.</summary>
    private static AdapterForm? Form(AdapterForm? ofMethod, AdapterConfig start, string? folder)
    {
        if (folder is null || start.Form == ofMethod?.AsStored)
        {
            return ofMethod;
        }

        throw new ConfigurationException(start.Form is { } stored
            ? $"{Setting.Of("adapter.init")}: {folder} holds an adapter of {stored}; go on with the same (method: {stored.Name}), or start "
                + "from another."
            : $"{Setting.Of("adapter.init")}: {folder} holds plain LoRA, which is no start for {ofMethod!.Name}; leave it out.");
    }

    /// <summary>Whether the run file has a key, or leaves it to its default.</summary>
    private static bool IsGiven(AdapterConfiguration adapter, string key) =>
        adapter.Init is null
        || SectionKey.Of(typeof(AdapterConfiguration)).Any(known => known.Name == key && known.Property.GetValue(adapter) is not null);

    /// <summary>What a new adapter starts from; an adapter of a folder has started.</summary>
    /// <exception cref="ConfigurationException">A start that is not made here; the message says why.</exception>
    private static string? Start(AdapterConfiguration adapter)
    {
        if (adapter.InitLoraWeights is { } given && AdapterInitialization.Problem(given) is { } problem)
        {
            throw new ConfigurationException(
                $"{Setting.Of("adapter.init_lora_weights")} is '{given}': {problem}. Known are {AdapterInitialization.Known}.");
        }

        return adapter is { Init: not null, InitLoraWeights: not (null or "true") }
            ? throw new ConfigurationException(
                $"{Setting.Of("adapter.init_lora_weights")} is '{adapter.InitLoraWeights}', but {Setting.Of("adapter.init")} names a "
                    + "folder whose factors are the start; "
                    + "leave one of them out.")
            : adapter.InitLoraWeights;
    }
}
