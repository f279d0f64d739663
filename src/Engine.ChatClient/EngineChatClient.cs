using System.Runtime.CompilerServices;
using Engine.Model.Chat;
using Engine.Model.Generation;
using Microsoft.Extensions.AI;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace Engine.ChatClient;

/// <summary>
/// A model as an <see cref="IChatClient"/>. Safe for use by several threads: calls wait for one another, without a thread. <see cref="ChatOptions.ModelId"/>
/// chooses the request's adapter: the name of a loaded one, or the client's own name for what <see cref="Engine.Model.Generation.Generator.UseAdapter"/>
/// chose. Options that the model cannot honour are refused by name: tools, response formats other than text, frequency and presence penalties, conversations
/// kept by the service.
/// </summary>
/// <param name="chat">The model; not disposed with the client.</param>
/// <param name="modelId">The name under which the model answers.</param>
public sealed class EngineChatClient(ChatGenerator chat, string modelId) : IChatClient
{
    private readonly ChatClientMetadata metadata = new("engine", providerUri: null, modelId);

    /// <inheritdoc/>
    public Task<ChatResponse> GetResponseAsync(IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default) =>
        GetStreamingResponseAsync(messages, options, cancellationToken).ToChatResponseAsync(cancellationToken);

    /// <summary>Answers token by token; the last update has the reason for which the answer ended, and the tokens used.</summary>
    /// <exception cref="NotSupportedException">An option, or a kind of content, that the model cannot honour.</exception>
    /// <exception cref="ArgumentException">The conversation does not fit the context, or an option is out of its range.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        string? adapter = RequestOptions.Adapter(options, modelId, chat.Generator.AdapterNames);
        GenerationRequest request = chat.Request(Conversation.Read(messages, options?.Instructions), RequestOptions.Read(options, chat.Defaults), adapter);
        string id = Guid.NewGuid().ToString("N");
        bool isFirst = true;
        await foreach (GeneratedPiece piece in chat.Generator.StreamAsync(request, cancellationToken).ConfigureAwait(false))
        {
            string text = chat.Shown(piece.Text, isFirst);
            isFirst &= text.Length == 0;
            if (text.Length > 0 || piece.Finish is not null)
            {
                yield return Update(piece, text, request.PromptIds.Count, id, adapter ?? modelId);
            }
        }
    }

    /// <summary>This client, its <see cref="ChatClientMetadata"/>, its <see cref="ChatGenerator"/> or its <see cref="Generator"/>.</summary>
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

    private static ChatResponseUpdate Update(GeneratedPiece piece, string text, int promptTokens, string id, string model)
    {
        var update = new ChatResponseUpdate(ChatRole.Assistant, text)
        {
            ResponseId = id,
            MessageId = id,
            ModelId = model,
            CreatedAt = DateTimeOffset.UtcNow,
        };
        if (piece.Finish is { } finish)
        {
            update.FinishReason = finish == FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop;
            update.Contents.Add(new UsageContent(new UsageDetails
            {
                InputTokenCount = promptTokens,
                OutputTokenCount = piece.Tokens,
                TotalTokenCount = promptTokens + piece.Tokens,
            }));
        }

        return update;
    }
}
