using ChatService;
using Engine.ChatClient;
using Engine.Devices;
using Engine.Model.Chat;
using Engine.Model.Generation;
using Microsoft.Extensions.AI;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);
ModelSettings settings = builder.Configuration.GetSection("Engine").Get<ModelSettings>() ?? new ModelSettings();

// One model serves every request; requests that wait together are answered side by side.
builder.Services.AddSingleton(_ => DeviceCatalog.Open(settings.Device));
builder.Services.AddSingleton(services => settings.Load(services.GetRequiredService<Device>()));
builder.Services.AddSingleton(services => new ChatGenerator(services.GetRequiredService<Generator>(), settings.ChatTemplate()));
builder.Services.AddSingleton<IChatClient>(services => new EngineChatClient(services.GetRequiredService<ChatGenerator>(), settings.Name));

builder.Services.ConfigureHttpJsonOptions(json =>
{
    json.SerializerOptions.RespectNullableAnnotations = true;
    json.SerializerOptions.RespectRequiredConstructorParameters = true;
});

WebApplication app = builder.Build();

// Load before the first request comes, and end here with a sentence if the model cannot be used.
app.Services.GetRequiredService<IChatClient>();

// What a request asks for and the model cannot do is answered with the reason.
app.Use(async (context, next) =>
{
    try
    {
        await next(context);
    }
    catch (Exception reason) when (reason is ArgumentException or NotSupportedException && !context.Response.HasStarted)
    {
        await Results.Problem(reason.Message, statusCode: StatusCodes.Status400BadRequest).ExecuteAsync(context);
    }
});

app.MapPost("/chat", async (ChatRequest request, IChatClient client, CancellationToken cancellation) =>
{
    ChatResponse response = await client.GetResponseAsync(request.ToMessages(), request.ToOptions(), cancellation);
    return Results.Ok(new { text = response.Text, finish = response.FinishReason?.Value, tokens = response.Usage?.OutputTokenCount });
});

app.MapPost("/chat/stream", async (ChatRequest request, IChatClient client, HttpResponse response, CancellationToken cancellation) =>
{
    response.ContentType = "text/plain; charset=utf-8";
    await foreach (ChatResponseUpdate update in client.GetStreamingResponseAsync(request.ToMessages(), request.ToOptions(), cancellation))
    {
        await response.WriteAsync(update.Text, cancellation);
        await response.Body.FlushAsync(cancellation);
    }
});

app.Run();
