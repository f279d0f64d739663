using Engine.Model.Generation;
using Microsoft.Extensions.AI;

namespace Engine.ChatClient;

/// <summary>The options of a request as the generator knows them.</summary>
internal static class RequestOptions
{
    /// <summary>
    /// Where the request is silent the model's defaults hold; any option of drawing makes tokens be drawn, and temperature 0 takes the most
    /// probable one.
    /// </summary>
    /// <exception cref="NotSupportedException">An option that would change the answer and is not built.</exception>
    public static GenerationOptions Read(ChatOptions? options, GenerationOptions defaults)
    {
        if (options is null)
        {
            return defaults;
        }

        Refuse(options.ConversationId is not null, nameof(options.ConversationId), "conversations are not kept; send all messages");
        Refuse(options.ToolMode is RequiredChatToolMode, nameof(options.ToolMode), "no call can be required of the model");
        Refuse(options.ResponseFormat is not (null or ChatResponseFormatText), nameof(options.ResponseFormat), "answers are text");
        Refuse(options.FrequencyPenalty is not (null or 0), nameof(options.FrequencyPenalty), "it is not built");
        Refuse(options.PresencePenalty is not (null or 0), nameof(options.PresencePenalty), "it is not built");
        Refuse(options.ContinuationToken is not null, nameof(options.ContinuationToken), "answers cannot be resumed");
        bool draws = options.Temperature is not null || options.TopP is not null || options.TopK is not null || options.Seed is not null;
        return defaults with
        {
            MaxNewTokens = options.MaxOutputTokens ?? defaults.MaxNewTokens,
            Sample = draws || defaults.Sample,
            Temperature = options.Temperature ?? defaults.Temperature,
            TopP = options.TopP ?? defaults.TopP,
            TopK = options.TopK ?? defaults.TopK,
            Seed = unchecked((ulong?)options.Seed) ?? defaults.Seed,
            StopStrings = [.. defaults.StopStrings, .. options.StopSequences ?? []],
        };
    }

    /// <summary>The adapter that a request names as its model; null where it names the client's own model, or none.</summary>
    /// <param name="adapters">The adapters that are loaded.</param>
    /// <exception cref="NotSupportedException">The name is neither.</exception>
    public static string? Adapter(ChatOptions? options, string modelId, IReadOnlyCollection<string> adapters)
    {
        if (options?.ModelId is not { } name || name == modelId)
        {
            return null;
        }

        Refuse(
            !adapters.Contains(name),
            nameof(options.ModelId),
            $"'{name}' is not here; this client answers as '{modelId}'"
                + (adapters.Count == 0 ? "" : $", and with the adapters {string.Join(", ", adapters)}"));
        return name;
    }

    private static void Refuse(bool asked, string option, string why)
    {
        if (asked)
        {
            throw new NotSupportedException($"The option {option} cannot be honoured: {why}.");
        }
    }
}
