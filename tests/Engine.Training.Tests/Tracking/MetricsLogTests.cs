using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using Engine.Devices;
using Engine.Training.Configuration;
using Engine.Training.Running;
using Engine.Training.Tests.Running;
using Engine.Training.Tracking;
using Tensorboard;

namespace Engine.Training.Tests.Tracking;

/// <summary>
/// What a run writes for other programs' viewers. TensorBoard's file is read back with the classes that protoc made of event.proto
/// (TorchSharp has them).
/// </summary>
public sealed class MetricsLogTests : IDisposable
{
    private readonly TinyRun tiny = new();

    public void Dispose() => tiny.Dispose();

    [Fact]
    public void TensorBoard_and_spreadsheets_have_the_numbers_of_the_runs_own_files()
    {
        string output = Train("run", "report_to: [tensorboard, csv]").Folder;

        JsonObject[] steps = Lines(output, "metrics.jsonl"), evaluations = Lines(output, "evaluations.jsonl");
        Event[] events = Events(output);
        Assert.Equal("brain.Event:2", events[0].FileVersion);
        Assert.Equal(
            steps.Select(line => ((long)line["step"]!, (float)(double)line["loss"]!, (float)(double)line["learning_rate"]!)),
            events.Where(entry => Tags(entry).ContainsKey("train/loss"))
                .Select(entry => (entry.Step, Tags(entry)["train/loss"], Tags(entry)["train/learning_rate"])));
        Assert.Equal(
            evaluations.Select(line => ((long)line["step"]!, (float)(double)line["accuracy"]!)),
            events.Where(entry => Tags(entry).ContainsKey("eval/accuracy")).Select(entry => (entry.Step, Tags(entry)["eval/accuracy"])));
        Assert.All(
            events,
            entry => Assert.InRange(DateTime.UtcNow - DateTime.UnixEpoch.AddSeconds(entry.WallTime), TimeSpan.Zero, TimeSpan.FromHours(1)));

        string[] table = File.ReadAllLines(Path.Combine(output, "metrics.csv"));
        Assert.Equal("step,epoch,loss,learning_rate,gradient_norm,seconds,tokens,loss_rise", table[0]);
        Assert.Equal(
            steps.Select(line => (double)line["loss"]!),
            table[1..].Select(row => double.Parse(row.Split(',')[2], System.Globalization.CultureInfo.InvariantCulture)));
        Assert.Equal(evaluations.Length + 1, File.ReadAllLines(Path.Combine(output, "evaluations.csv")).Length);
    }

    [Fact]
    public void Resumed_run_has_each_step_once()
    {
        string whole = Train("whole", "report_to: [tensorboard, csv]").Folder;
        using var cancellation = new CancellationTokenSource();
        Assert.True(Train("stopped", "report_to: [tensorboard, csv]", stopAt: 4, cancellation: cancellation).Outcome.Interrupted);
        string stopped = Train("stopped", "report_to: [csv, tensorboard]", resume: true).Folder;

        Assert.Equal(Losses(whole), Losses(stopped));
        Assert.Equal(Column(whole, 0), Column(stopped, 0));
        Assert.Equal(Column(whole, 2), Column(stopped, 2));
    }

    [Fact]
    public void Rewinding_keeps_the_steps_before_and_drops_a_record_that_a_kill_cut_off()
    {
        var log = new TensorBoardLog(tiny.Folder);
        for (long step = 1; step <= 3; step++)
        {
            log.Add(MetricsLog.Train, new JsonObject { ["step"] = step, ["loss"] = 1.0 / step, ["gradient_norm"] = null });
        }

        string path = tiny.File(TensorBoardLog.FileName);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^5]);
        log.Rewind(2);

        Assert.Equal([0, 1, 2], Events(tiny.Folder).Select(entry => entry.Step));
        Assert.Equal(["train/loss"], Tags(Events(tiny.Folder)[2]).Keys);
    }

    /// <summary>
    /// RFC 3720, appendix B.4: the CRC-32C of 32 zero bytes is 8A9136AA. TFRecord turns it right by 15 bits and adds A282EAD8
    /// (record_writer.cc).
    /// </summary>
    [Fact]
    public void Records_carry_the_masked_checksum_of_TFRecord()
    {
        const uint Crc = 0x8A9136AA;
        uint masked = unchecked(((Crc >> 15) | (Crc << 17)) + 0xA282EAD8);

        Assert.Equal(masked, BitConverter.ToUInt32(EventRecord.Framed(new byte[32]).AsSpan()[^4..]));
    }

    [Fact]
    public void Listeners_of_the_meter_and_of_activities_hear_of_steps_and_evaluations()
    {
        List<(string Name, double Value)> heard = [];
        List<string> activities = [];
        string output = tiny.File("heard");
        bool IsOfRun(ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            tags.ToArray().Any(tag => tag is { Key: "engine.run", Value: string run } && run == output);
        using var meter = new MeterListener
        {
            InstrumentPublished =
            (instrument, self) => { if (instrument.Meter.Name == TrainingTelemetry.Name) { self.EnableMeasurementEvents(instrument); } }
        };
        meter.SetMeasurementEventCallback<long>(
            (instrument, value, tags, _) => { if (IsOfRun(tags)) { heard.Add((instrument.Name, value)); } });
        meter.SetMeasurementEventCallback<double>(
            (instrument, value, tags, _) => { if (IsOfRun(tags)) { heard.Add((instrument.Name, value)); } });
        meter.Start();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == TrainingTelemetry.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped =
                activity => { if ((string?)activity.GetTagItem("engine.run") == output) { activities.Add(activity.OperationName); } },
        };
        ActivitySource.AddActivityListener(listener);

        string folder = Train("heard", "").Folder;

        JsonObject[] steps = Lines(folder, "metrics.jsonl");
        Assert.Equal(steps.Length, heard.Where(entry => entry.Name == "engine.training.steps").Sum(entry => entry.Value));
        Assert.Equal(
            steps.Sum(line => (long)line["tokens"]!),
            heard.Where(entry => entry.Name == "engine.training.tokens").Sum(entry => entry.Value));
        Assert.Equal(
            steps.Select(line => (double)line["loss"]!),
            heard.Where(entry => entry.Name == "engine.training.loss").Select(entry => entry.Value), (a, b) => (float)a == (float)b);
        Assert.Equal(Lines(folder, "evaluations.jsonl").Length, activities.Count(name => name == "evaluate"));
        Assert.Equal(["train"], activities.Where(name => name == "train"));
    }

    private (string Folder, TrainingOutcome Outcome) Train(
        string output, string extra, bool resume = false, int stopAt = -1, CancellationTokenSource? cancellation = null)
    {
        RunConfiguration run = RunConfiguration.Load(tiny.WriteRun(output, extra));
        using Device device = DeviceCatalog.Open("cpu");
        var progress = new Stopper(stopAt, cancellation);
        using var trainer = new Trainer(run, device, new TrainerOptions { Resume = resume }, progress);
        return (run.Output, trainer.Train(cancellation?.Token ?? default));
    }

    private static JsonObject[] Lines(string folder, string name) =>
        [.. File.ReadLines(Path.Combine(folder, name)).Select(line => JsonNode.Parse(line)!.AsObject())];

    /// <summary>
    /// TFRecord's frames (tensorflow/core/lib/io/record_writer.h): a length of 8 bytes, 4 bytes of checksum, the record, 4 bytes of
    /// checksum.
    /// </summary>
    private static Event[] Events(string folder)
    {
        byte[] file = File.ReadAllBytes(Path.Combine(folder, TensorBoardLog.FileName));
        List<Event> events = [];
        for (int at = 0; at < file.Length;)
        {
            int length = checked((int)BitConverter.ToUInt64(file, at));
            events.Add(Event.Parser.ParseFrom(file, at + 12, length));
            at += 12 + length + 4;
        }

        return [.. events];
    }

    private static Dictionary<string, float> Tags(Event entry) =>
        (entry.Summary?.Value ?? []).ToDictionary(value => value.Tag, value => value.SimpleValue);

    private static IEnumerable<(long Step, float Loss)> Losses(string folder) =>
        Events(folder).Where(entry => Tags(entry).ContainsKey("train/loss")).Select(entry => (entry.Step, Tags(entry)["train/loss"]));

    private static IEnumerable<string> Column(string folder, int column) =>
        File.ReadLines(Path.Combine(folder, "metrics.csv")).Select(row => row.Split(',')[column]);

    private sealed class Stopper(int stopAt, CancellationTokenSource? cancellation) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value)
        {
            if (value is TrainingProgress.Step step && step.StepNumber == stopAt)
            {
                cancellation!.Cancel();
            }
        }
    }
}
