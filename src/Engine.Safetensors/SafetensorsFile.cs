using System.Buffers.Binary;
using System.IO.MemoryMappedFiles;
using Engine.Common.Files;

namespace Engine.Safetensors;

/// <summary>
/// An open safetensors file, mapped into memory. The header is checked in full when the file is opened (see
/// <see cref="SafetensorsHeader"/>), so that reading tensors afterwards cannot leave the file. Any number of threads may read; the file is
/// disposed when none of them reads any more. Format: https://github.com/huggingface/safetensors, section "Format".
/// </summary>
public sealed unsafe class SafetensorsFile : TensorSource
{
    private readonly MemoryMappedFile mapping;
    private readonly MemoryMappedViewAccessor view;
    private readonly byte* start;
    private bool disposed;

    private SafetensorsFile(string path, FileStream stream, SafetensorsHeader header, long dataStart)
        : base(path)
    {
        Metadata = header.Metadata;
        foreach (TensorEntry entry in header.Entries)
        {
            TryAdd(new SafetensorsTensor(this, entry, dataStart));
        }

        mapping = MemoryMappedFile.CreateFromFile(
            stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        view = mapping.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
    }

    /// <summary>The path, as it was given.</summary>
    public string FilePath => SourcePath;

    /// <summary>The strings of <c>__metadata__</c>; empty where the file has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="ModelFileException">The file is missing or breaks a rule of the format; the message names the tensor, what was
    /// expected and what was found.</exception>
    public static SafetensorsFile Open(string path)
    {
        if (!BitConverter.IsLittleEndian)
        {
            throw new PlatformNotSupportedException(
                "Safetensors files are little-endian and are read as they lie; this machine is big-endian.");
        }

        if (!File.Exists(path))
        {
            throw new ModelFileException(
                path, Directory.Exists(path) ? "this is a folder; a safetensors file was expected." : "there is no such file.");
        }

        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
        try
        {
            ReadOnlyMemory<byte> header = ReadHeader(path, stream);
            long dataStart = SafetensorsHeader.LengthFieldBytes + header.Length;
            return new SafetensorsFile(path, stream, SafetensorsHeader.Parse(path, header, stream.Length - dataStart), dataStart);
        }
        catch
        {
            stream.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (!disposed)
        {
            disposed = true;
            view.SafeMemoryMappedViewHandle.ReleasePointer();
            view.Dispose();
            mapping.Dispose();
        }
    }

    /// <summary>The bytes from <paramref name="offset"/> of the file on; the caller keeps within a tensor.</summary>
    internal ReadOnlySpan<byte> Bytes(long offset, int count)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return new ReadOnlySpan<byte>(start + offset, count);
    }

    private static ReadOnlyMemory<byte> ReadHeader(string path, FileStream stream)
    {
        if (StandIn.ProblemOfBinary(stream) is { } problem)
        {
            throw new ModelFileException(path, problem);
        }

        Span<byte> field = stackalloc byte[SafetensorsHeader.LengthFieldBytes];
        if (stream.Length < field.Length)
        {
            throw new ModelFileException(
                path, $"the file has {stream.Length} bytes; a safetensors file starts with an {field.Length}-byte header length.");
        }

        stream.ReadExactly(field);
        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(field);
        if (length > SafetensorsHeader.MaxLength)
        {
            throw new ModelFileException(
                path,
                $"the header claims {length:N0} bytes, more than the {SafetensorsHeader.MaxLength:N0} the format allows; "
                    + "this is not a safetensors file, or it is damaged.");
        }

        if ((long)length > stream.Length - field.Length)
        {
            throw new ModelFileException(
                path, $"the header claims {length:N0} bytes, but only {stream.Length - field.Length:N0} follow: the file is cut short.");
        }

        byte[] header = new byte[length];
        stream.ReadExactly(header);
        return header;
    }
}
