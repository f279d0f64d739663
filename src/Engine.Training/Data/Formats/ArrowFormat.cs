using Engine.Training.Data.Formats.Columnar;

namespace Engine.Training.Data.Formats;

/// <summary>Apache Arrow's files, of both kinds: with a footer (Feather version 2), and streams.</summary>
internal sealed class ArrowFormat : ColumnarFormat
{
    public override string Name => "arrow";

    public override IReadOnlyList<string> Endings { get; } = [".arrow", ".feather"];

    public override string Summary => "as Hugging Face datasets save it";

    public override string Description => "Arrow, files and streams, such as `data-00000-of-00001.arrow` of Hugging Face's "
        + "`save_to_disk`; read a record batch at a time. "
        + "Columns as for `parquet`, and texts that are encoded by a dictionary.";

    protected override bool IsFile(Stream file) => ArrowFile.IsFooted(file) || ArrowFile.IsStream(file);

    protected override ColumnarFile Open(Stream stream) => ArrowFile.Open(stream);
}
