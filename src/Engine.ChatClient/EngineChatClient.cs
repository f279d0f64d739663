using System.Runtime.CompilerServices;
using Engine.Model.Chat;
using Engine.Model.Generation;
using Microsoft.Extensions.AI;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace Engine.ChatClient;

/// <summary>
/// A model as an <see cref="IChatClient"/>. Safe for use by several threads: calls wait without a thread, and run side by side. <see
/// cref="ChatOptions.ModelId"/> chooses the request's adapter: the name of a loaded one, or the client's own name for what <see
/// cref="Engine.Model.Generation.Generator.UseAdapter"/> chose. The model's chat template is told of <see cref="ChatOptions.Tools"/>, which
/// are functions, and of the additional properties <c>documents</c> and <c>chat_template_kwargs</c> (its variables, such as
/// <c>enable_thinking</c>). Answers are text; calls of tools are found in it where the template has the form of Hermes and Qwen,
/// <c>&lt;tool_call&gt;{...}&lt;/tool_call&gt;</c>. Options that the model cannot honour are refused by name: a required tool, response
/// formats other than text, frequency and presence penalties, conversations kept by the service.
/// </summary>
/// <param name="chat">The model; not disposed with the client.</param>
/// <param name="modelId">The name under which the model answers.</param>
public sealed class EngineChatClient(ChatGenerator chat, string modelId) : IChatClient
{
    private readonly ChatClientMetadata metadata = new("engine", providerUri: null, modelId);

    /// <inheritdoc/>
    public Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    /// <summary>Answers token by token; the last update has the reason for which the answer ended, and the tokens used.</summary>
    /// <exception cref="NotSupportedException">An option, or a kind of content, that the model cannot honour.</exception>
    /// <exception cref="ArgumentException">The conversation does not fit the context, or an option is out of its range.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        string? adapter = RequestOptions.Adapter(options, modelId, chat.Generator.AdapterNames);
        Conversation conversation = ConversationReader.Read(messages, options);
        GenerationRequest request = chat.Request(conversation, RequestOptions.Read(options, chat.Defaults), adapter);
        bool mayCall = conversation.Tools is not null && chat.Template?.Mentions(ToolCallReader.Open) == true;
        ToolCallReader? calls = mayCall ? new ToolCallReader() : null;
        string id = Guid.NewGuid().ToString("N");
        bool isFirst = true;
        await foreach (GeneratedPiece piece in chat.Generator.StreamAsync(request, cancellationToken).ConfigureAwait(false))
        {
            string text = chat.Shown(piece.Text, isFirst);
            isFirst &= text.Length == 0;
            List<AIContent> contents = calls is null ? text.Length > 0 ? [new TextContent(text)] : [] : [.. calls.Read(text)];
            if (piece.Finish is { } finish)
            {
                contents.AddRange(calls?.End() ?? []);
                contents.Add(Usage(request.PromptIds.Count, piece.Tokens));
                yield return Update(contents, id, adapter ?? modelId, Reason(finish, calls?.HasCalls == true));
            }
            else if (contents.Count > 0)
            {
                yield return Update(contents, id, adapter ?? modelId, null);
            }
        }
    }

    /// <summary>
    /// This client, its <see cref="ChatClientMetadata"/>, its <see cref="ChatGenerator"/> or its <see cref="Generator"/>.
    /// </summary>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        object[] services = [this, metadata, chat, chat.Generator];
        return serviceKey is null ? services.FirstOrDefault(serviceType.IsInstanceOfType) : null;
    }

    /// <summary>Nothing: the model belongs to whoever opened it.</summary>
    public void Dispose()
    {
    }

    private static ChatFinishReason Reason(FinishReason finish, bool hasCalls) =>
        finish == FinishReason.Length ? ChatFinishReason.Length : hasCalls ? ChatFinishReason.ToolCalls : ChatFinishReason.Stop;

    private static UsageContent Usage(int promptTokens, int tokens) => new(new UsageDetails
    {
        InputTokenCount = promptTokens,
        OutputTokenCount = tokens,
        TotalTokenCount = promptTokens + tokens,
    });

    private static ChatResponseUpdate Update(List<AIContent> contents, string id, string model, ChatFinishReason? reason) =>
        new(ChatRole.Assistant, contents)
        {
            ResponseId = id,
            MessageId = id,
            ModelId = model,
            CreatedAt = DateTimeOffset.UtcNow,
            FinishReason = reason,
        };
}
