using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Model.Forms;

/// <summary>The forms whose adapter folders are not PEFT's LoRA, by the <c>peft_type</c> that such a folder has.</summary>
internal static class AdapterForms
{
    private static readonly Dictionary<string, Func<JsonSection, AdapterForm>> Readers = new(StringComparer.Ordinal)
    {
        [GoatForm.PeftType] = GoatForm.Read,
        [EffiForm.PeftType] = EffiForm.Read,
    };

    public static IReadOnlyCollection<string> Types => Readers.Keys;

    /// <summary>The form of an <c>adapter_config.json</c>; null for LoRA.</summary>
    /// <exception cref="ModelFileException">A value is missing or wrong.</exception>
    public static AdapterForm? Read(JsonSection config) =>
        config.OptionalString("peft_type") is { } type && Readers.TryGetValue(type, out Func<JsonSection, AdapterForm>? read)
            ? read(config)
            : null;

    /// <summary>The keys that a form adds to a configuration.</summary>
    public static IEnumerable<string> Keys(AdapterForm? form)
    {
        JsonObject keys = [];
        form?.Write(keys);
        return keys.Select(pair => pair.Key);
    }
}
