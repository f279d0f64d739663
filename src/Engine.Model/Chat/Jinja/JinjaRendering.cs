namespace Engine.Model.Chat.Jinja;

/// <summary>A rendered template.</summary>
/// <param name="Text">What it printed.</param>
/// <param name="Spans">What its <c>generation</c> blocks printed, [start, end) in Unicode code points, as Transformers records it.</param>
public sealed record JinjaRendering(string Text, IReadOnlyList<(int Start, int End)> Spans);
