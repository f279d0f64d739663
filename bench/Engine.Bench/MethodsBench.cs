using System.Diagnostics;
using System.Text.Json;
using Engine.Devices;
using Engine.Graph;
using Engine.Model.Adapters;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Optim;
using Engine.Optim.Methods;

namespace Engine.Bench;

/// <summary>
/// A step of training methods of the catalogue, with their defaults, beside plain LoRA's on the same model and batch: RoBERTa-base's size,
/// 8 texts of 128 tokens, rank 8 on query and value. The two take turns of about the same length, so that what else the machine does falls
/// on both alike: a short turn finds a quiet moment more easily than a long one. Methods whose steps differ from one another count by the
/// mean of a block of steps.
/// </summary>
internal static class MethodsBench
{
    private const int MixedSteps = 10;
    private const int ProfiledSteps = 3;
    private const long TotalSteps = 10_000;

    /// <summary>Every method but the plain one.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. MethodCatalog.Names.Where(name => name != Plain.MethodName)];

    /// <param name="methods">Names of the catalogue.</param>
    /// <param name="rounds">Turns of each side.</param>
    /// <param name="profile">Also each operator's time in a step of both sides.</param>
    public static void Run(Device device, IReadOnlyList<string> methods, int rounds, bool profile)
    {
        using TransformerModel model = TrainingBench.Model();
        RaggedBatch batch = TrainingBench.Batch();
        BatchShape shape = BatchShape.Of(model.Architecture, batch);
        model.Allocate(device);
        ModelWeights.InitializeAll(model, seed: 1);
        AdapterInitialization.Start(model, seed: 1);
        using TrainingSession lora = Session(new Plain().CreatePlugIn(), other: null);
        IReadOnlyDictionary<string, long> loraBytes = lora.Forecast([shape], []);
        foreach (string name in methods)
        {
            Method settings = MethodCatalog.Create(name);
            TrainingMethod method = settings.CreatePlugIn();
            using TransformerModel? other = settings.Form is { } form ? TrainingBench.Model(dropout: 0, form, "query", "value") : null;
            other?.Allocate(device);
            if (other is not null)
            {
                ModelWeights.InitializeAll(other, seed: 1);
            }

            using TrainingSession session = Session(method, other);
            int block = method.Courses.Count > 1 || method.UpdatesInPart ? MixedSteps : 1;
            int loraBlock = Math.Max(1, (int)Math.Round(block * Seconds(session, block) / Seconds(lora, 1)));
            double[] own = new double[rounds], before = new double[rounds + 1];
            TimeSpan ownWork = default, loraWork = default;
            before[0] = Seconds(lora, loraBlock);
            for (int round = 0; round < rounds; round++)
            {
                TimeSpan start = Environment.CpuUsage.TotalTime;
                own[round] = Seconds(session, block);
                TimeSpan between = Environment.CpuUsage.TotalTime;
                before[round + 1] = Seconds(lora, loraBlock);
                ownWork += between - start;
                loraWork += Environment.CpuUsage.TotalTime - between;
            }

            double[] ratios = [.. own.Select((seconds, round) => 2 * seconds / (before[round] + before[round + 1])).Order()];
            double median = (ratios[rounds / 2] + ratios[(rounds - 1) / 2]) / 2;
            Measurement.ReportMethod(
                device, name, "roberta-base 8x128 r8", own.Min(), before.Min(), median, ownWork / block / (loraWork / loraBlock),
                Extra(session.Forecast([shape], [])));
            if (profile)
            {
                ReportOperators(name, Profiled(session), Profiled(lora));
            }
        }

        // A method whose adapters are of a form of its own has a model of its own.
        TrainingSession Session(TrainingMethod method, TransformerModel? other)
        {
            var session = new TrainingSession(device, other ?? model, method, new AdamWOptions(), shape, TotalSteps, seed: 1);
            session.Allocate([shape], []);
            session.Begin();
            session.Step([batch], 1e-4, "benchmark");
            return session;
        }

        Profile Profiled(TrainingSession session)
        {
            session.Profile = new Profile();
            Seconds(session, ProfiledSteps);
            Profile times = session.Profile;
            session.Profile = null;
            return times;
        }

        double Seconds(TrainingSession session, int steps)
        {
            long start = Stopwatch.GetTimestamp();
            for (int step = 0; step < steps; step++)
            {
                session.Step([batch], 1e-4, "benchmark");
            }

            return Stopwatch.GetElapsedTime(start).TotalSeconds / steps;
        }

        SortedDictionary<string, long> Extra(IReadOnlyDictionary<string, long> bytes) => new(bytes
            .Select(pair => (pair.Key, Bytes: pair.Value - loraBytes.GetValueOrDefault(pair.Key)))
            .Where(pair => pair.Bytes != 0)
            .ToDictionary(pair => pair.Key, pair => pair.Bytes));
    }

    /// <summary>A line for each operator, those whose time differs most first.</summary>
    private static void ReportOperators(string method, Profile own, Profile lora)
    {
        Dictionary<string, (long Calls, TimeSpan Time)> others = lora.Rows.ToDictionary(row => row.Operator, row => (row.Calls, row.Time));
        foreach (var row in own.Rows
            .Select(row => (row.Operator, row.Calls, row.Time, Lora: others.GetValueOrDefault(row.Operator)))
            .OrderByDescending(row => row.Time - row.Lora.Time))
        {
            Console.WriteLine(JsonSerializer.Serialize(new
            {
                benchmark = "methods-operators",
                method,
                @operator = row.Operator,
                milliseconds = Milliseconds(row.Time),
                lora_milliseconds = Milliseconds(row.Lora.Time),
                launches = row.Calls / ProfiledSteps,
                lora_launches = row.Lora.Calls / ProfiledSteps,
            }));
        }

        static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds / ProfiledSteps, 3);
    }
}
