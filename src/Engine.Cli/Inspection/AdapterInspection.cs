using System.Globalization;
using Engine.Cli.Console;
using Engine.Model.Peft;
using Engine.Safetensors;
using Spectre.Console;

namespace Engine.Cli.Inspection;

/// <summary>Shows a PEFT adapter folder.</summary>
internal static class AdapterInspection
{
    public static void Show(AdapterFile adapter, IAnsiConsole console)
    {
        AdapterConfig config = adapter.Config;
        long elements = adapter.Modules.Values.Sum(module => module.A.ElementCount + module.B.ElementCount + (module.Magnitude?.ElementCount ?? 0))
            + adapter.SavedParameters.Values.Concat(adapter.TokenRows.Values).Concat(adapter.FormTensors.Values).Sum(tensor => tensor.ElementCount);
        Grid facts = Tables.Facts();
        facts.Fact("adapter", Kind(config));
        facts.Fact("rank", string.Create(CultureInfo.InvariantCulture, $"r {config.Rank}, lora_alpha {config.LoraAlpha}, lora_dropout {config.LoraDropout}"));
        facts.Fact("target_modules", config.TargetModules?.ToString() ?? "PEFT's choice for the model type");
        facts.Fact("task_type", config.TaskType ?? "none");
        facts.Fact("trained on", config.BaseModelNameOrPath ?? "not said");
        string rowsOfTokens = adapter.TokenRows.Count > 0 ? $", rows of single tokens in {adapter.TokenRows.Count}" : "";
        facts.Fact("parameters", $"{elements:N0} in {Amounts.Of(adapter.Modules.Count, "adapted layer")} and {Amounts.Of(adapter.SavedParameters.Count, "tensor")} saved whole{rowsOfTokens}");
        console.Write(facts);

        FittingTable table = Tables.Create("module", ">rank", ">scale", "A", "B");
        foreach (LoraTensors module in adapter.Modules.Values.OrderBy(module => module.Module, NaturalOrder.Comparer))
        {
            table.Row(
                module.Module,
                module.Rank.ToString(CultureInfo.InvariantCulture),
                config.ScalingOf(module.Module).ToString("0.####", CultureInfo.InvariantCulture),
                FileInspection.Shape(module.A),
                FileInspection.Shape(module.B));
        }

        console.Write(table);
        if (adapter.FormTensors.Count > 0)
        {
            FittingTable parts = Tables.Create("tensor", "type", "shape");
            foreach ((string name, SafetensorsTensor tensor) in adapter.FormTensors.OrderBy(pair => pair.Key, NaturalOrder.Comparer))
            {
                parts.Row(name, tensor.Type.HeaderName(), FileInspection.Shape(tensor));
            }

            console.Write(parts);
        }

        if (adapter.SavedParameters.Count > 0)
        {
            FittingTable saved = Tables.Create("saved whole", "type", "shape");
            foreach ((string name, SafetensorsTensor tensor) in adapter.SavedParameters)
            {
                saved.Row(name, tensor.Type.HeaderName(), FileInspection.Shape(tensor));
            }

            console.Write(saved);
        }

        if (adapter.TokenRows.Count > 0)
        {
            FittingTable rows = Tables.Create("rows of tokens (trainable_token_indices)", "type", "shape");
            foreach ((string module, SafetensorsTensor tensor) in adapter.TokenRows)
            {
                rows.Row(module, tensor.Type.HeaderName(), FileInspection.Shape(tensor));
            }

            console.Write(rows);
        }
    }

    private static string Kind(AdapterConfig config) =>
        config.HoldsBaseWeights ? $"{Form(config)} with the base weights it belongs to" : Form(config);

    private static string Form(AdapterConfig config) => config.Form?.Name ?? (config.UseDora, config.UseRslora) switch
    {
        (true, true) => "DoRA with rsLoRA's scale",
        (true, false) => "DoRA",
        (false, true) => "rsLoRA",
        _ => "LoRA",
    };
}
