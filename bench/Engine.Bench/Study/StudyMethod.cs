namespace Engine.Bench.Study;

/// <summary>A method of the study with the settings that are searched.</summary>
/// <param name="Name">As <c>engine compare</c> takes it.</param>
/// <param name="TwoPasses">Whether a perturbed step takes two passes; its loss in metrics.jsonl is then that of the unperturbed
/// weights.</param>
/// <param name="Settings">Parameters as <c>engine compare</c> takes them in braces; the first are the paper's numbers, one empty:
/// none.</param>
internal sealed record StudyMethod(string Name, bool TwoPasses, IReadOnlyList<string> Settings)
{
    /// <summary>What the others are held against.</summary>
    public const string Reference = "lora";

    /// <summary>
    /// The methods of the study, LoRA first. nBAR perturbs nothing, so that no rise of the loss can be asked of it: in place of radii it
    /// has the strengths of its paper and of Bi-LoRA's. EFMLoRA's schedule is that of public code, which its paper leaves open.
    /// </summary>
    public static IReadOnlyList<StudyMethod> All { get; } =
    [
        new(Reference, false, [string.Empty]),
        new("flat-lora", false, ["rho=0.05", .. Rises]),
        new("bi-lora", false, ["rho=0.05", .. Rises]),
        new("efm-lora", false, ["rho=0.05,rho_min=0.02", .. Rises]),
        new("nbar", false, ["mu=0.5", "mu=0.25", "mu=1"]),
        new("lora-sam", true, ["rho=0.05", .. Rises]),
        new("fm-lora", true, ["rho=0.05", .. Rises]),
    ];

    /// <summary>Radii by the share of itself that the loss is to rise by.</summary>
    private static IEnumerable<string> Rises => ["rho={rise: 0.05}", "rho={rise: 0.2}", "rho={rise: 0.01}"];

    /// <summary>The method with a setting, as <c>engine compare</c> takes it.</summary>
    public string Text(string setting) => setting.Length == 0 ? Name : $"{Name}{{{setting}}}";
}
