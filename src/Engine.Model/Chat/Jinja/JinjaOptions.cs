namespace Engine.Model.Chat.Jinja;

/// <summary>What a rendering needs beside its variables.</summary>
public sealed record JinjaOptions
{
    internal const long DefaultMaxWork = 50_000_000;

    /// <summary>The time that <c>strftime_now</c> prints.</summary>
    public DateTime Now { get; init; } = DateTime.Now;

    /// <summary>Steps, and characters or items made, after which a rendering ends with an error: templates come from strangers.</summary>
    public long MaxWork { get; init; } = DefaultMaxWork;
}
