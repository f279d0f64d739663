using System.Globalization;
using System.Text.Json.Nodes;
using Engine.Common.Files;

namespace Engine.Training.Tracking;

/// <summary>
/// A file of TensorBoard's events: scalars <c>train/loss</c>, <c>eval/accuracy</c> and so on, by step. <c>tensorboard --logdir runs</c>
/// shows every run below a folder by its name.
/// </summary>
internal sealed class TensorBoardLog : MetricsLog
{
    /// <summary>TensorBoard takes any file with "tfevents" in its name.</summary>
    public const string FileName = "events.out.tfevents.engine";

    private readonly string path;

    public TensorBoardLog(string folder) => path = Path.Combine(folder, FileName);

    public override void Add(string group, JsonObject line)
    {
        long step = line["step"]!.GetValue<long>();
        (string Tag, float Value)[] scalars =
        [
            .. from cell in line
               let number = Number(cell.Value)
               where cell.Key != "step" && number is not null
               select ($"{group}/{cell.Key}", number.ToSingle(CultureInfo.InvariantCulture)),
        ];
        bool isNew = !File.Exists(path);
        using FileStream file = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
        if (isNew)
        {
            file.Write(EventRecord.Framed(EventRecord.Version(Now)));
        }

        file.Write(EventRecord.Framed(EventRecord.Scalars(Now, step, scalars)));
    }

    public override void Rewind(long step)
    {
        if (File.Exists(path))
        {
            byte[] content = File.ReadAllBytes(path);
            AtomicFile.Write(path, stream =>
            {
                foreach (ReadOnlyMemory<byte> record in EventRecord.Read(content))
                {
                    if (EventRecord.StepOf(record.Span) <= step)
                    {
                        stream.Write(EventRecord.Framed(record.Span));
                    }
                }
            });
        }
    }

    /// <summary>Seconds since 1970.</summary>
    private static double Now => (DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds;
}
