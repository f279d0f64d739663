using System.Diagnostics;
using System.Reflection;
using System.Text.Json;
using Engine.Devices;

namespace Engine.Bench;

/// <summary>Times two sides in turns and reports the best of each, so that a busy machine hurts both alike.</summary>
internal static class Measurement
{
    private const double SecondsPerCase = 2;
    private const int MinRounds = 10;

    /// <summary>The type of products with weights of a type: theirs on a device with matrix units, else float32.</summary>
    public static ElementType Products(Device device, ElementType weights) => device.Features.MatrixUnits ? weights : ElementType.Float32;

    /// <summary>What computes a device's products.</summary>
    public static string ProductsBy(Device device) =>
        device.Options.Products == ProductLibrary.Vendor ? device.Info.Products : "Engine's kernels";

    /// <summary>Seconds of the best run of each side.</summary>
    public static (double Ours, double Peer) Interleave(Action ours, Action peer)
    {
        double bestOurs = double.PositiveInfinity, bestPeer = double.PositiveInfinity;
        Warm(ours);
        Warm(peer);
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; round < MinRounds || Stopwatch.GetElapsedTime(start).TotalSeconds < SecondsPerCase; round++)
        {
            bestOurs = Math.Min(bestOurs, Seconds(ours));
            bestPeer = Math.Min(bestPeer, Seconds(peer));
        }

        return (bestOurs, bestPeer);
    }

    /// <summary>Prints one case as a JSON line; the ratio is the peer's time over ours, so above 1 is faster than the peer.</summary>
    public static void Report(Device device, string name, string shape, double seconds, double operations, string peer, double peerSeconds)
        => Console.WriteLine(JsonSerializer.Serialize(new
        {
            commit = Commit,
            device = device.ToString(),
            products_by = ProductsBy(device),
            benchmark = name,
            shape,
            seconds,
            gflops = Math.Round(operations / seconds * 1e-9, 1),
            peer,
            peer_seconds = Known(peerSeconds),
            ratio = Known(Math.Round(peerSeconds / seconds, 3)),
        }));

    /// <summary>As <see cref="Report"/>, with nanoseconds per element and thread in place of operations.</summary>
    public static void ReportElements(
        Device device, string name, long elements, int threads, double seconds, string peer, double peerSeconds)
        => Console.WriteLine(JsonSerializer.Serialize(new
        {
            commit = Commit,
            device = device.ToString(),
            benchmark = name,
            elements,
            seconds,
            nanoseconds_per_element_and_thread = Math.Round(seconds * 1e9 * threads / elements, 3),
            peer,
            peer_seconds = Known(peerSeconds),
            ratio = Known(Math.Round(peerSeconds / seconds, 3)),
        }));

    /// <summary>
    /// Prints a training method's step beside plain LoRA's; the ratio is the method's time over LoRA's, of the best turns.
    /// </summary>
    /// <param name="medianRatio">The median over turns of the method's time over that of the LoRA turns beside it.</param>
    /// <param name="workRatio">The same of the processor time that the process used, of all turns: what a busy machine lengthens
    /// least.</param>
    /// <param name="extraBytes">Device bytes beyond LoRA's, by owner.</param>
    public static void ReportMethod(
        Device device, string method, string shape, double seconds, double loraSeconds, double medianRatio, double workRatio,
        IReadOnlyDictionary<string, long> extraBytes)
        => Console.WriteLine(JsonSerializer.Serialize(new
        {
            commit = Commit,
            device = device.ToString(),
            benchmark = "methods",
            method,
            shape,
            seconds,
            lora_seconds = loraSeconds,
            ratio = Math.Round(seconds / loraSeconds, 4),
            median_ratio = Math.Round(medianRatio, 4),
            processor_ratio = Math.Round(workRatio, 4),
            extra_bytes = extraBytes,
        }));

    /// <summary>JSON has no NaN: a peer that is not there is null.</summary>
    private static double? Known(double value) => double.IsNaN(value) ? null : value;

    /// <summary>The commit that was built.</summary>
    public static string Commit { get; } =
        typeof(Measurement).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+').Last()
            ?? "unknown";

    private static void Warm(Action action)
    {
        for (int i = 0; i < 5; i++)
        {
            action();
        }
    }

    private static double Seconds(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
}
