using System.Text.Encodings.Web;
using System.Text.Json;

namespace Engine.Training.Data.Formats.Columnar;

/// <summary>Writes values of a <see cref="ColumnarFile"/> as JSON.</summary>
internal static class ColumnarValues
{
    public static JsonWriterOptions WriterOptions { get; } = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    /// <summary>Writes a value; numbers that are not finite as Python writes them.</summary>
    public static void Write(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null:
                writer.WriteNullValue();
                break;
            case string text:
                writer.WriteStringValue(text);
                break;
            case bool flag:
                writer.WriteBooleanValue(flag);
                break;
            case long number:
                writer.WriteNumberValue(number);
                break;
            case ulong number:
                writer.WriteNumberValue(number);
                break;
            case float number when float.IsFinite(number):
                writer.WriteNumberValue(number);
                break;
            case double number when double.IsFinite(number):
                writer.WriteNumberValue(number);
                break;
            case float number:
                WriteNotFinite(writer, number);
                break;
            case double number:
                WriteNotFinite(writer, number);
                break;
            case object?[] list:
                writer.WriteStartArray();
                foreach (object? item in list)
                {
                    Write(writer, item);
                }

                writer.WriteEndArray();
                break;
            case KeyValuePair<string, object?>[] members:
                writer.WriteStartObject();
                foreach ((string name, object? member) in members)
                {
                    writer.WritePropertyName(name);
                    Write(writer, member);
                }

                writer.WriteEndObject();
                break;
            default:
                throw new ArgumentException($"A value of the type {value.GetType()} has no form in JSON.", nameof(value));
        }
    }

    private static void WriteNotFinite(Utf8JsonWriter writer, double number) =>
        writer.WriteRawValue(double.IsNaN(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity", skipInputValidation: true);
}
