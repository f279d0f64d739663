using System.IO.Compression;
using System.Text;
using Engine.Model.Batching;

namespace Engine.Training.Data;

/// <summary>
/// What is inside a gzip file; several members, one behind another, are one text. <see cref="GZipStream"/> takes the end of a file that was
/// cut short for the end of its content. It is therefore given one member more behind the file, which comes out at the end where every
/// member before it was whole.
/// </summary>
internal sealed class GzipFile : ForwardStream
{
    // What a file that was cut short and the member behind it come out as is no content. It is less than this, a thousand times what is
    // compressed.
    private const int HeldBack = 64 * 1024;

    // Long enough not to come out of other bytes by chance, and shorter when it is compressed, so that the compressed bytes do not hold it.
    private static readonly byte[] End = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("\u0001end of a file that is "
        + "whole\u0002", 4)));

    private readonly string path;
    private readonly GZipStream inner;
    private readonly byte[] held = new byte[2 * HeldBack];
    private int start, count;
    private bool isAtEnd;

    /// <param name="path">The file, for messages.</param>
    /// <param name="file">Its bytes, which are disposed of with this stream.</param>
    public GzipFile(string path, Stream file)
    {
        this.path = path;
        inner = new GZipStream(new FollowedStream(file, Compressed(End)), CompressionMode.Decompress);
    }

    /// <summary>Whether a file's name says that it is compressed.</summary>
    public static bool IsNamed(string path) => path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase);

    /// <exception cref="DataFileException">The file is no gzip file, is damaged or was cut short.</exception>
    public override int Read(Span<byte> buffer)
    {
        while (count <= HeldBack && !isAtEnd)
        {
            Fill();
        }

        int taken = Math.Min(buffer.Length, isAtEnd ? count : count - HeldBack);
        held.AsSpan(start, taken).CopyTo(buffer);
        start += taken;
        count -= taken;
        return taken;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Fill()
    {
        held.AsSpan(start, count).CopyTo(held);
        start = 0;
        int read;
        try
        {
            read = inner.Read(held, count, held.Length - count);
        }
        catch (InvalidDataException error)
        {
            throw new DataFileException(path, "the file is not gzip, or is damaged; bring it here again, or take .gz off its name "
                + "if it is not compressed.", error);
        }

        count += read;
        isAtEnd = read == 0;
        if (isAtEnd)
        {
            count -= held.AsSpan(0, count).EndsWith(End)
                ? End.Length
                : throw new DataFileException(path, "the gzip file ends before its content does: it was cut short; bring it here again.");
        }
    }

    private static byte[] Compressed(byte[] content)
    {
        MemoryStream result = new();
        using (GZipStream gzip = new(result, CompressionLevel.Optimal))
        {
            gzip.Write(content);
        }

        return result.ToArray();
    }

    /// <summary>The bytes of a stream, and further ones behind them.</summary>
    private sealed class FollowedStream(Stream first, byte[] behind) : ForwardStream
    {
        private int taken;

        public override int Read(Span<byte> buffer)
        {
            int read = first.Read(buffer);
            if (read > 0)
            {
                return read;
            }

            ReadOnlySpan<byte> rest = behind.AsSpan(taken);
            int more = Math.Min(rest.Length, buffer.Length);
            rest[..more].CopyTo(buffer);
            taken += more;
            return more;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                first.Dispose();
            }

            base.Dispose(disposing);
        }
    }
}
