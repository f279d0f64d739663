using System.Diagnostics.CodeAnalysis;
using Engine.Model.Batching;
using Engine.Model.Forms;

namespace Engine.Model.Peft;

/// <summary>What a key of an adapter file stands for.</summary>
internal enum AdapterKeyKind
{
    LoraA,
    LoraB,
    Magnitude,
    SavedParameter,
    TokenRows,

    /// <summary>A tensor of an adapter's form (<see cref="Forms.AdapterForm"/>).</summary>
    FormPart,

    /// <summary>What a module that is trained whole was before, which nothing uses.</summary>
    Original,
}

/// <summary>A key of an adapter file, taken apart: a module and its part, or the name of a parameter that is stored whole.</summary>
internal readonly record struct AdapterKey(AdapterKeyKind Kind, string Name);

/// <summary>
/// The key names of <c>adapter_model.safetensors</c>. PEFT wraps the model twice, hence the prefix <c>base_model.model.</c>; in files it
/// drops the adapter's name (<c>default</c>) from the keys it has in memory, which are understood here too.
/// </summary>
internal static class AdapterKeys
{
    /// <summary>What PEFT puts before each name of the model.</summary>
    public const string Prefix = "base_model.model.";

    private const string LoraAPart = "lora_A";
    private const string LoraBPart = "lora_B";
    private const string MagnitudePart = "lora_magnitude_vector";
    private const string SavedPart = ".modules_to_save.";
    private const string OriginalPart = ".original_module.";
    private const string TokenAdapterPart = ".token_adapter";
    private const string TokenRowsPart = $"{TokenAdapterPart}.trainable_tokens_delta";
    private const string BaseLayerPart = ".base_layer";

    /// <summary>The key of A [rank, in] of a module.</summary>
    public static string LoraA(string module) => $"{Prefix}{module}.{LoraAPart}.weight";

    /// <summary>The key of B [out, rank] of a module.</summary>
    public static string LoraB(string module) => $"{Prefix}{module}.{LoraBPart}.weight";

    /// <summary>The key of DoRA's magnitudes [out] of a module.</summary>
    public static string Magnitude(string module) => $"{Prefix}{module}.{MagnitudePart}";

    /// <summary>The key of a parameter that is stored whole (<c>modules_to_save</c>, or an embedding of a vocabulary that grew).</summary>
    public static string Saved(string parameter) => Prefix + parameter;

    /// <summary>
    /// The key of a parameter that is stored whole and whose module has an adapter on it: the adapter wraps what was there.
    /// </summary>
    /// <param name="tokens">The adapter is one of token rows, not of low rank.</param>
    public static string SavedUnderAdapter(string parameter, bool tokens)
    {
        int dot = parameter.LastIndexOf('.');
        return Prefix + parameter[..dot] + (tokens ? TokenAdapterPart : "") + BaseLayerPart + parameter[dot..];
    }

    /// <summary>The key of a module's trained token rows [tokens, columns] (<c>trainable_token_indices</c>).</summary>
    public static string TokenRows(string module) => Prefix + module + TokenRowsPart;

    /// <summary>
    /// Whether a key is of the copy that a module in <c>modules_to_save</c> trains, under its name in memory. PEFT writes it beside the
    /// plain key, which it reads, where it also saves embeddings.
    /// </summary>
    internal static bool IsCopyInMemory(string key) => key.Contains(SavedPart, StringComparison.Ordinal);

    /// <summary>Takes a key apart; <paramref name="problem"/> says why it cannot be.</summary>
    /// <param name="form">The form that the adapter's folder says; null: LoRA, of which a file may hold BeamLoRA's gates, too.</param>
    internal static bool TryParse(string key, AdapterForm? form, out AdapterKey parsed, [NotNullWhen(false)] out string? problem)
    {
        parsed = default;
        problem = null;
        if (!key.StartsWith(Prefix, StringComparison.Ordinal))
        {
            problem = $"it does not start with {Prefix}, as the keys PEFT writes do.";
            return false;
        }

        string name = key[Prefix.Length..];
        if (form is null ? name.EndsWith($".{BeamForm.Gate}", StringComparison.Ordinal) : name.Contains(".lora_", StringComparison.Ordinal))
        {
            parsed = new AdapterKey(AdapterKeyKind.FormPart, name);
            return true;
        }

        foreach ((string part, AdapterKeyKind kind) in (ReadOnlySpan<(string, AdapterKeyKind)>)
            [(LoraAPart, AdapterKeyKind.LoraA), (LoraBPart, AdapterKeyKind.LoraB), (MagnitudePart, AdapterKeyKind.Magnitude)])
        {
            int start = name.IndexOf($".{part}", StringComparison.Ordinal);
            if (start > 0 && IsWeightOfAdapter(name[(start + 1 + part.Length)..], weightRequired: kind != AdapterKeyKind.Magnitude))
            {
                parsed = new AdapterKey(kind, name[..start]);
                return true;
            }
        }

        if (name.Contains(".lora_", StringComparison.Ordinal))
        {
            problem =
                "it is a part of LoRA that is not supported; supported are lora_A.weight, lora_B.weight and lora_magnitude_vector "
                    + "of linear layers"
                    + (name.Contains(".lora_embedding_", StringComparison.Ordinal)
                        ? ". An embedding is trained whole (modules_to_save) or in some of its rows (trainable_token_indices)."
                        : ".");
            return false;
        }

        int rows = name.IndexOf(TokenRowsPart, StringComparison.Ordinal);
        parsed = rows > 0 ? new AdapterKey(AdapterKeyKind.TokenRows, name[..rows])
            : name.Contains(OriginalPart, StringComparison.Ordinal) ? new AdapterKey(AdapterKeyKind.Original, name)
            : new AdapterKey(AdapterKeyKind.SavedParameter, WithoutWrapper(name));
        return true;
    }

    /// <summary>
    /// Whether a tail is <c>.weight</c> or <c>.default.weight</c> (of whatever adapter name); magnitudes also come without it.
    /// </summary>
    private static bool IsWeightOfAdapter(string tail, bool weightRequired)
    {
        string[] parts = tail.Split('.');
        return parts[0].Length == 0 && parts.Length switch
        {
            1 => !weightRequired,
            2 => parts[1] == "weight" || !weightRequired,
            3 => parts[2] == "weight",
            _ => false,
        };
    }

    /// <summary>
    /// <c>classifier.modules_to_save.default.weight</c> is <c>classifier.weight</c>, without the adapter's name too, and so is what an
    /// adapter wraps:
    /// <c>lm_head.base_layer.weight</c>, <c>embed_tokens.token_adapter.base_layer.weight</c>.
    /// </summary>
    private static string WithoutWrapper(string name)
    {
        name = name.Replace($"{TokenAdapterPart}{BaseLayerPart}.", ".", StringComparison.Ordinal)
            .Replace($"{BaseLayerPart}.", ".", StringComparison.Ordinal);
        int start = name.IndexOf(SavedPart, StringComparison.Ordinal);
        if (start < 0)
        {
            return name;
        }

        int adapterEnd = name.IndexOf('.', start + SavedPart.Length);
        return name[..start] + name[(adapterEnd < 0 ? start + SavedPart.Length - 1 : adapterEnd)..];
    }
}
