using System.Text;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Engine.ChatClient;

/// <summary>
/// Finds calls of tools in an answer that comes in pieces: <c>&lt;tool_call&gt;{"name": ..., "arguments": {...}}&lt;/tool_call&gt;</c>, as
/// Hermes and Qwen write them. Whatever is not of this form stays text, and so does a call that is cut off. White space around calls
/// belongs to them.
/// </summary>
internal sealed class ToolCallReader
{
    public const string Open = "<tool_call>";

    private const string Close = "</tool_call>";

    private readonly StringBuilder held = new();

    /// <summary>Whether there was a call.</summary>
    public bool HasCalls { get; private set; }

    /// <summary>What is settled once this piece has come.</summary>
    public IEnumerable<AIContent> Read(string piece)
    {
        held.Append(piece);
        while (true)
        {
            string text = held.ToString();
            int open = text.IndexOf(Open, StringComparison.Ordinal);
            if (open < 0)
            {
                int settled = Settled(text);
                held.Remove(0, settled);
                if (settled > 0)
                {
                    yield return new TextContent(text[..settled]);
                }

                yield break;
            }

            int close = text.IndexOf(Close, open, StringComparison.Ordinal);
            if (close < 0)
            {
                yield break;
            }

            int end = close + Close.Length;
            held.Remove(0, end);
            if (Parse(text[(open + Open.Length)..close]) is { } call)
            {
                string before = HasCalls ? text[..open].Trim() : text[..open].TrimEnd();
                HasCalls = true;
                if (before.Length > 0)
                {
                    yield return new TextContent(before);
                }

                yield return call;
            }
            else
            {
                yield return new TextContent(text[..end]);
            }
        }
    }

    /// <summary>What is left at the end of the answer.</summary>
    public IEnumerable<AIContent> End()
    {
        string rest = HasCalls ? held.ToString().Trim() : held.ToString();
        return rest.Length > 0 ? [new TextContent(rest)] : [];
    }

    /// <summary>The text up to what may belong to a call: white space and the beginning of a mark at its end.</summary>
    private static int Settled(string text)
    {
        int settled = text.Length;
        for (int length = Math.Min(Open.Length - 1, text.Length); length > 0; length--)
        {
            if (text.EndsWith(Open[..length], StringComparison.Ordinal))
            {
                settled -= length;
                break;
            }
        }

        return text.AsSpan(0, settled).TrimEnd().Length;
    }

    private static FunctionCallContent? Parse(string json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            return document.RootElement is { ValueKind: JsonValueKind.Object } root
                && root.TryGetProperty("name", out JsonElement name) && name.ValueKind == JsonValueKind.String
                && root.TryGetProperty("arguments", out JsonElement arguments) && arguments.ValueKind == JsonValueKind.Object
                ? new FunctionCallContent(
                    $"call_{Guid.NewGuid():N}",
                    name.GetString()!,
                    arguments.EnumerateObject().ToDictionary(argument => argument.Name, object? (argument) => argument.Value.Clone()))
                : null;
        }
        catch (JsonException)
        {
            // The model wrote something else; it is text.
            return null;
        }
    }
}
