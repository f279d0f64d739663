using Engine.Training.Data.Formats.Columnar;

namespace Engine.Training.Data.Formats;

/// <summary>Apache Parquet.</summary>
internal sealed class ParquetFormat : ColumnarFormat
{
    public override string Name => "parquet";

    public override IReadOnlyList<string> Endings { get; } = [".parquet"];

    public override string Summary => "as Hugging Face datasets write it";

    public override string Description => "Parquet, as Hugging Face datasets, pandas and others write it, compressed or not; read a "
        + "row group at a time. "
        + "Columns of texts, numbers and truth values, lists and structs of them; others are passed over where nobody asks for them. "
        + "Columns that Hugging Face declares as `ClassLabel` are read as the names of their classes, and -1 as no label.";

    protected override bool IsFile(Stream file)
    {
        ReadOnlySpan<byte> magic = "PAR1"u8;
        byte[] read = new byte[magic.Length];
        bool begins = file.ReadAtLeast(read, magic.Length, throwOnEndOfStream: false) == magic.Length && magic.SequenceEqual(read);
        if (!begins || file.Length < 3 * magic.Length)
        {
            return false;
        }

        file.Position = file.Length - magic.Length;
        file.ReadExactly(read);
        return magic.SequenceEqual(read);
    }

    protected override ColumnarFile Open(Stream stream) => ParquetFile.Open(stream);
}
