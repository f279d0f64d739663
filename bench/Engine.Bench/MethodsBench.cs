using System.Diagnostics;
using Engine.Devices;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Optim;
using Engine.Optim.Methods;

namespace Engine.Bench;

/// <summary>
/// A step of every training method of the catalogue, with its defaults, beside plain LoRA's on the same model and batch: RoBERTa-base's size, 8 texts of 128
/// tokens, rank 8 on query and value. The two take turns. Methods whose steps differ from one another count by the mean of a block of steps.
/// </summary>
internal static class MethodsBench
{
    private const int Rounds = 6;
    private const int MixedSteps = 10;
    private const long TotalSteps = 10_000;

    public static void Run(Device device)
    {
        using TransformerModel model = TrainingBench.Model();
        RaggedBatch batch = TrainingBench.Batch();
        BatchShape shape = BatchShape.Of(model.Architecture, batch);
        model.Allocate(device);
        ModelWeights.InitializeAll(model, seed: 1);
        AdapterInitialization.Start(model, seed: 1);
        using TrainingSession lora = Session(new PlainMethod());
        IReadOnlyDictionary<string, long> loraBytes = lora.Forecast([shape], []);
        foreach (string name in MethodCatalog.Names.Where(name => name != PlainMethod.MethodName))
        {
            TrainingMethod method = MethodCatalog.Create(new MethodParameters(name, []));
            using TrainingSession session = Session(method);
            int block = method.Courses.Count > 1 || method.UpdatesInPart ? MixedSteps : 1;
            double best = double.PositiveInfinity, bestLora = double.PositiveInfinity;
            for (int round = 0; round < Rounds; round++)
            {
                best = Math.Min(best, Seconds(session, block));
                bestLora = Math.Min(bestLora, Seconds(lora, block));
            }

            Measurement.ReportMethod(device, name, "roberta-base 8x128 r8", best, bestLora, Extra(session.Forecast([shape], [])));
        }

        TrainingSession Session(TrainingMethod method)
        {
            var session = new TrainingSession(device, model, method, new AdamWOptions(), shape, TotalSteps, seed: 1);
            session.Allocate([shape], []);
            session.Begin();
            session.Step([batch], 1e-4, "benchmark");
            return session;
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
}
