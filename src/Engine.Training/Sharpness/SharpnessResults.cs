using System.Text.Json;
using System.Text.Json.Serialization;
using Engine.Common.Files;
using Engine.Optim.Sharpness;
using Engine.Training.Reports;

namespace Engine.Training.Sharpness;

/// <summary>Everything one analysis measured, as <c>sharpness.json</c> holds it; docs/sharpness.md documents its keys.</summary>
/// <param name="Device">The device.</param>
/// <param name="Model">The base model's folder.</param>
/// <param name="Data">The evaluation data's file.</param>
/// <param name="Options">What was asked for.</param>
/// <param name="Adapters">In the order in which they were given.</param>
public sealed record SharpnessResults(
    string Device, string Model, string Data, SharpnessOptions Options, IReadOnlyList<AdapterReport> Adapters)
{
    private static readonly JsonSerializerOptions Format = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower), new NumberOrNull() },
    };

    /// <summary>The results as JSON; a number that is not finite is null.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, Format);

    /// <summary>Writes a file, under a temporary name first.</summary>
    public void Write(string path) => AtomicFile.WriteAllBytes(path, System.Text.Encoding.UTF8.GetBytes(ToJson() + "\n"));

    /// <summary>The results as one HTML page that needs no other file: figures, curves, planes, layers side by side.</summary>
    public string ToHtml() => SharpnessPage.Of(this).ToString();

    /// <summary>Writes the page, under a temporary name first.</summary>
    public void WritePage(string path) => SharpnessPage.Of(this).Write(path);

    private sealed class NumberOrNull : JsonConverter<double>
    {
        public override double Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetDouble();

        public override void Write(Utf8JsonWriter writer, double value, JsonSerializerOptions options)
        {
            if (double.IsFinite(value))
            {
                writer.WriteNumberValue(value);
            }
            else
            {
                writer.WriteNullValue();
            }
        }
    }
}
