using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Engine.Training.Tracking;

/// <summary>
/// Records of TensorFlow's event files: each is its length, a checksum of that, the bytes, a checksum of them (TFRecord); the bytes are an
/// <c>Event</c> of event.proto, of which wall_time (1, double), step (2, int64), file_version (3, string) and summary (5) are written, of a
/// summary its values (1) with tag (1) and simple_value (2, float).
/// </summary>
internal static class EventRecord
{
    private const int Varint = 0, Fixed64 = 1, LengthDelimited = 2, Fixed32 = 5;

    /// <summary>What a file starts with.</summary>
    public static byte[] Version(double wallTime)
    {
        MemoryStream message = new();
        Double(message, 1, wallTime);
        Bytes(message, 3, "brain.Event:2"u8);
        return message.ToArray();
    }

    /// <summary>Scalars of one step.</summary>
    public static byte[] Scalars(double wallTime, long step, IEnumerable<(string Tag, float Value)> scalars)
    {
        MemoryStream message = new(), summary = new();
        foreach ((string tag, float value) in scalars)
        {
            MemoryStream entry = new();
            Bytes(entry, 1, Encoding.UTF8.GetBytes(tag));
            Single(entry, 2, value);
            Bytes(summary, 1, entry.ToArray());
        }

        Double(message, 1, wallTime);
        Key(message, 2, Varint);
        WriteVarint(message, (ulong)step);
        Bytes(message, 5, summary.ToArray());
        return message.ToArray();
    }

    /// <summary>A record as it lies in a file.</summary>
    public static byte[] Framed(ReadOnlySpan<byte> record)
    {
        byte[] framed = new byte[12 + record.Length + 4];
        BinaryPrimitives.WriteUInt64LittleEndian(framed, (ulong)record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(framed.AsSpan(8), Checksum(framed.AsSpan(0, 8)));
        record.CopyTo(framed.AsSpan(12));
        BinaryPrimitives.WriteUInt32LittleEndian(framed.AsSpan(12 + record.Length), Checksum(record));
        return framed;
    }

    /// <summary>The records of a file; one that a kill cut off, and what follows a broken one, are left out.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> Read(ReadOnlyMemory<byte> file)
    {
        while (file.Length >= 16 && BinaryPrimitives.ReadUInt64LittleEndian(file.Span) is var length && length <= (ulong)(file.Length - 16))
        {
            ReadOnlyMemory<byte> record = file.Slice(12, (int)length);
            if (BinaryPrimitives.ReadUInt32LittleEndian(file.Span[(12 + (int)length)..]) != Checksum(record.Span))
            {
                yield break;
            }

            yield return record;
            file = file[(16 + (int)length)..];
        }
    }

    /// <summary>The step of an event that this class wrote; 0 where it has none.</summary>
    public static long StepOf(ReadOnlySpan<byte> record)
    {
        const int AfterWallTime = 1 + sizeof(double);
        return record.Length > AfterWallTime && record[AfterWallTime] == ((2 << 3) | Varint)
            ? (long)ReadVarint(record[(AfterWallTime + 1)..])
            : 0;
    }

    /// <summary>CRC-32C, masked as TFRecord has it, so that a checksum of data that holds checksums is still one.</summary>
    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return BitOperations.RotateRight(~crc, 15) + 0xA282EAD8;
    }

    private static void Key(Stream message, int field, int wireType) => message.WriteByte((byte)((field << 3) | wireType));

    private static void Single(Stream message, int field, float value)
    {
        Key(message, field, Fixed32);
        Span<byte> bytes = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(bytes, value);
        message.Write(bytes);
    }

    private static void Double(Stream message, int field, double value)
    {
        Key(message, field, Fixed64);
        Span<byte> bytes = stackalloc byte[sizeof(double)];
        BinaryPrimitives.WriteDoubleLittleEndian(bytes, value);
        message.Write(bytes);
    }

    private static void Bytes(Stream message, int field, ReadOnlySpan<byte> bytes)
    {
        Key(message, field, LengthDelimited);
        WriteVarint(message, (ulong)bytes.Length);
        message.Write(bytes);
    }

    private static void WriteVarint(Stream message, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            message.WriteByte((byte)(value | 0x80));
        }

        message.WriteByte((byte)value);
    }

    private static ulong ReadVarint(ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0, shift = 0; i < bytes.Length && shift < 64; i++, shift += 7)
        {
            value |= (ulong)(bytes[i] & 0x7F) << shift;
            if (bytes[i] < 0x80)
            {
                break;
            }
        }

        return value;
    }
}
