using System.Text.Json;
using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.Loading;

namespace Engine.Bench;

/// <summary>
/// Whole decoding steps of a Qwen2.5-0.5B-shaped model of random weights, one text with tokens before it in the cache, beside what reading
/// its weights once takes with all threads. A ratio of at least 0.6 is required.
/// </summary>
internal static class DecodeStepBench
{
    private const int Before = 128;
    private const int ReadBytes = 1 << 29;
    private const int ProfiledSteps = 20;

    public static void Run(Device device, ElementType type, bool operators)
    {
        using TransformerModel model = Model(device, type);
        Variable[] parameters = Parameters(model);
        using DecodingRunner runner = Prepared(device, model, out Action token);
        using DeviceBuffer memory = device.Allocate(ReadBytes, "read");
        memory.Clear();
        Action read = device is CpuDevice cpu ? new DecodeBench.ReadAll(cpu, memory).Run : static () => { };
        (double seconds, double limit) = Measurement.Interleave(token, read);

        // A multiplication and an addition for every weight.
        double operations = 2.0 * parameters.Sum(parameter => parameter.Shape.Count);
        double weightsRead = device is CpuDevice ? limit * parameters.Sum(parameter => parameter.Bytes) / ReadBytes : double.NaN;
        Measurement.Report(
            device, "decode-step", $"qwen2.5-0.5b {type} after {Before} tokens", seconds, operations, "weights read once", weightsRead);
        if (operators)
        {
            runner.Profile = new Profile();
            for (int i = 0; i < ProfiledSteps; i++)
            {
                token();
            }

            Console.WriteLine(JsonSerializer.Serialize(new
            {
                benchmark = "decode-step-operators",
                milliseconds = runner.Profile.Rows.ToDictionary(
                    row => row.Operator, row => Math.Round(row.Time.TotalMilliseconds / ProfiledSteps, 3)),
                launches = runner.Profile.Rows.ToDictionary(row => row.Operator, row => row.Calls / ProfiledSteps),
            }));
        }
    }

    /// <summary>The model, its weights stored as a type.</summary>
    internal static TransformerModel Model(Device device, ElementType type)
    {
        var model = new TransformerModel(ModelShapes.Qwen25Half, new Tuning.Frozen(), type);
        model.Allocate(device);
        Array.ForEach(Parameters(model), Fill);
        return model;
    }

    /// <summary>A runner with the tokens before in its cache.</summary>
    /// <param name="token">Runs one token more.</param>
    internal static DecodingRunner Prepared(Device device, TransformerModel model, out Action token)
    {
        var runner = new DecodingRunner(device, model, rows: 1, capacity: 2 * Before);
        float[] logits = new float[model.Architecture.OutputSize];
        runner.Run([new RowTokens(0, Enumerable.Range(0, Before).Select(i => i * 7919 % 150000).ToArray())], logits);
        RowTokens[] next = [new RowTokens(0, new[] { 100 })];
        token = () =>
        {
            runner.Truncate(0, Before);
            runner.Run(next, logits);
        };
        return runner;
    }

    private static Variable[] Parameters(TransformerModel model) =>
        [.. model.Architecture.Parameters.Select(spec => model.Parameter(spec.Name))];

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
