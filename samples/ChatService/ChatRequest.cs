using Microsoft.Extensions.AI;

namespace ChatService;

/// <summary>What a caller sends: <c>{"messages": [{"role": "user", "content": "..."}], "maxTokens": 100, "temperature": 0.7}</c>.</summary>
internal sealed record ChatRequest(IReadOnlyList<ChatTurn> Messages, int? MaxTokens = null, float? Temperature = null, long? Seed = null)
{
    public IEnumerable<ChatMessage> ToMessages() => Messages.Select(turn => new ChatMessage(new ChatRole(turn.Role), turn.Content));

    public ChatOptions ToOptions() => new() { MaxOutputTokens = MaxTokens, Temperature = Temperature, Seed = Seed };
}

/// <summary>One turn.</summary>
internal sealed record ChatTurn(string Role, string Content);
