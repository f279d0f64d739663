using Engine.FineTuning;
using Engine.Training.Running;

WebApplicationBuilder builder = WebApplication.CreateBuilder(args);

// One model serves every request; requests that come together wait for one another, without a thread.
builder.Services.AddSingleton(_ => TextClassifier.Open(builder.Configuration["model"] ?? "runs/tickets"));
WebApplication app = builder.Build();

// A singleton is made when it is first asked for: here, so that the first request finds it loaded and warm, and that a model that cannot be
// used ends the program with a sentence.
app.Services.GetRequiredService<TextClassifier>().Predict("Hello");

app.MapPost("/classify", async (ClassifyRequest request, TextClassifier classifier, CancellationToken cancellation) =>
{
    if (string.IsNullOrWhiteSpace(request.Text))
    {
        return Results.Problem("text is missing or empty.", statusCode: StatusCodes.Status400BadRequest);
    }

    Prediction prediction = await classifier.PredictAsync(request.Text, textPair: null, cancellation);
    return Results.Ok(new { label = prediction.Label, probability = prediction.Probability });
});

app.Run();

/// <summary>What a request asks for.</summary>
/// <param name="Text">The text to label.</param>
public sealed record ClassifyRequest(string? Text);
