using Engine.Training.Configuration;
using Engine.Training.Tests.Running;

namespace Engine.FineTuning.Tests;

/// <summary>The tiny run's settings and rows as a program has them.</summary>
internal static class TinyExamples
{
    extension(TinyRun tiny)
    {
        /// <summary>What TinyRun's run files say, without output and data.</summary>
        public RunConfiguration Run() => new()
        {
            Model = tiny.File("model"),
            Adapter = new AdapterConfiguration { R = 4, LoraAlpha = 8, TargetModules = ["query", "value"] },
            LearningRate = 1e-2,
            PerDeviceTrainBatchSize = 4,
            Seed = 3,
        };

        public IEnumerable<LabelledText> Labelled(string file) =>
            File.ReadLines(tiny.File(file)).Skip(1).Select(line => new LabelledText(line.Split('\t')[0], line.Split('\t')[1]));
    }
}
