using Engine.Devices;
using Engine.FineTuning;
using Microsoft.Extensions.AI;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
IConfiguration settings = builder.Configuration.GetSection("Engine");
string model = settings["Model"] ?? throw new InvalidOperationException("No model is named; give its folder: --Engine:Model=FOLDER.");

// One model serves every request; requests that wait together are answered side by side.
builder.Services.AddSingleton(_ => DeviceCatalog.Open(settings["Device"] ?? DeviceCatalog.Default));
builder.Services.AddSingleton<IChatClient>(services =>
    LanguageModel.Open(model, settings["Adapter"], services.GetRequiredService<Device>()));
builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.RespectRequiredConstructorParameters = true);
WebApplication app = builder.Build();

// Load before the first request comes, and end here with a sentence if the model cannot be used.
app.Services.GetRequiredService<IChatClient>();

app.MapPost("/chat", async (ChatRequest request, IChatClient client, CancellationToken cancellation) =>
{
    try
    {
        ChatResponse response = await client.GetResponseAsync(request.ToMessages(), request.ToOptions(), cancellation);
        return Results.Ok(new { text = response.Text, finish = response.FinishReason?.Value, tokens = response.Usage?.OutputTokenCount });
    }
    catch (Exception reason) when (reason is ArgumentException or NotSupportedException)
    {
        // What a request asks for and the model cannot do.
        return Results.Problem(reason.Message, statusCode: StatusCodes.Status400BadRequest);
    }
});

app.MapPost("/chat/stream", (ChatRequest request, IChatClient client, CancellationToken cancellation) => Results.ServerSentEvents(
    client.GetStreamingResponseAsync(request.ToMessages(), request.ToOptions(), cancellation).Select(update => update.Text), "text"));

app.Run();

/// <summary>What a caller sends: <c>{"messages": [{"role": "user", "content": "..."}], "maxTokens": 100, "temperature": 0.7}</c>.</summary>
internal sealed record ChatRequest(IReadOnlyList<ChatTurn> Messages, int? MaxTokens = null, float? Temperature = null, long? Seed = null)
{
    public IEnumerable<ChatMessage> ToMessages() => Messages.Select(turn => new ChatMessage(new ChatRole(turn.Role), turn.Content));

    public ChatOptions ToOptions() => new() { MaxOutputTokens = MaxTokens, Temperature = Temperature, Seed = Seed };
}

internal sealed record ChatTurn(string Role, string Content);
