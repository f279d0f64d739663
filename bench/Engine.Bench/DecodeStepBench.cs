using System.Text.Json;
using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Execution;

namespace Engine.Bench;

/// <summary>
/// Whole decoding steps of a Qwen2.5-0.5B-shaped model of random weights, one text with tokens before it in the cache, beside what reading its weights once takes with all
/// threads. A ratio of at least 0.6 is required.
/// </summary>
internal static class DecodeStepBench
{
    private const int Before = 128;
    private const int ReadBytes = 1 << 29;
    private const int ProfiledSteps = 20;

    public static void Run(Device device, ElementType type, bool operators)
    {
        Architecture architecture = ModelShapes.Qwen25Half;
        using var model = new TransformerModel(architecture, new Tuning.Frozen(), type);
        model.Allocate(device);
        Variable[] parameters = [.. architecture.Parameters.Select(spec => model.Parameter(spec.Name))];
        Array.ForEach(parameters, Fill);
        using var runner = new DecodingRunner(device, model, rows: 1, capacity: 2 * Before);
        float[] logits = new float[architecture.OutputSize];
        RowTokens[] prompt = [new RowTokens(0, Enumerable.Range(0, Before).Select(i => i * 7919 % 150000).ToArray())];
        RowTokens[] token = [new RowTokens(0, new[] { 100 })];
        runner.Run(prompt, logits);
        using DeviceBuffer memory = device.Allocate(ReadBytes, "read");
        memory.Clear();
        Action read = device is CpuDevice cpu ? new DecodeBench.ReadAll(cpu, memory).Run : static () => { };
        (double seconds, double limit) = Measurement.Interleave(
            () =>
            {
                runner.Truncate(0, Before);
                runner.Run(token, logits);
            },
            read);

        // A multiplication and an addition for every weight.
        double operations = 2.0 * parameters.Sum(parameter => parameter.Shape.Count);
        double weightsRead = device is CpuDevice ? limit * parameters.Sum(parameter => parameter.Bytes) / ReadBytes : double.NaN;
        Measurement.Report(device, "decode-step", $"qwen2.5-0.5b {type} after {Before} tokens", seconds, operations, "weights read once", weightsRead);
        if (operators)
        {
            runner.Profile = new Profile();
            for (int i = 0; i < ProfiledSteps; i++)
            {
                runner.Truncate(0, Before);
                runner.Run(token, logits);
            }

            Console.WriteLine(JsonSerializer.Serialize(new
            {
                benchmark = "decode-step-operators",
                milliseconds = runner.Profile.Rows.ToDictionary(row => row.Operator, row => Math.Round(row.Time.TotalMilliseconds / ProfiledSteps, 3)),
                launches = runner.Profile.Rows.ToDictionary(row => row.Operator, row => row.Calls / ProfiledSteps),
            }));
        }
    }

    /// <summary>Small numbers, the same for every parameter and over again: what they are does not matter to the time.</summary>
    private static void Fill(Variable parameter)
    {
        var random = new Random(1);
        float[] values = new float[parameter.Shape.Count];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = i < (1 << 16) ? (float)((random.NextDouble() - 0.5) * 0.04) : values[i - (1 << 16)];
        }

        ModelWeights.Write(parameter, values);
    }
}
