using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Engine.Cli.Console;

/// <summary>Writes JSON lines, each as soon as it is whole, so that a program at the other end of a pipe can answer it.</summary>
internal sealed class JsonLines : IDisposable
{
    private readonly Stream output;
    private readonly ArrayBufferWriter<byte> line = new();

    public JsonLines(Stream output)
    {
        this.output = output;
        Writer = new Utf8JsonWriter(line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }

    /// <summary>Takes the value of the line that is written now.</summary>
    public Utf8JsonWriter Writer { get; }

    /// <summary>Writes a property that is a list of numbers.</summary>
    public void WriteNumbers(string name, IEnumerable<int> numbers)
    {
        Writer.WriteStartArray(name);
        foreach (int number in numbers)
        {
            Writer.WriteNumberValue(number);
        }

        Writer.WriteEndArray();
    }

    /// <summary>Ends the line and hands it on.</summary>
    public void End()
    {
        Writer.Flush();
        line.Write("\n"u8);
        output.Write(line.WrittenSpan);
        output.Flush();
        line.ResetWrittenCount();
        Writer.Reset();
    }

    public void Dispose() => Writer.Dispose();
}
