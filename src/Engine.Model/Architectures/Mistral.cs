namespace Engine.Model.Architectures;

/// <summary>Mistral (Jiang et al., arXiv 2310.06825): Llama's layers, in which a token sees a window of those before it.</summary>
internal static class Mistral
{
    public static DecoderFamily Family { get; } = new("mistral", "Mistral")
    {
        KeyValueHeads = 8,
        IsWindowed = (_, _) => true,
    };
}
