using System.Collections.Concurrent;
using Engine.Devices;
using Engine.Devices.Sharing;
using Engine.Kernels.Tests;
using Engine.Model.Generation;
using Engine.Tests;

namespace Engine.Model.Tests.Generation;

/// <summary>Calls that run side by side: each answer is the one it would have been alone, whatever else is in the batch.</summary>
public sealed class GeneratorBatchingTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly GenerationOptions Endless = new() { MaxNewTokens = 200, EosTokenIds = [] };

    private readonly Device device = TestDevices.Open("cpu");
    private readonly Generator generator;

    public GeneratorBatchingTests()
    {
        string folder = SharedFiles.Path("goldens/models/qwen2");
        generator = Generator.Open(device, folder);
        generator.AddAdapter("golden", Path.Combine(folder, "adapter"));
    }

    public void Dispose()
    {
        generator.Dispose();
        device.Dispose();
    }

    [Fact]
    public async Task Calls_that_wait_together_run_side_by_side()
    {
        IReadOnlyList<int>[] alone = [.. Enumerable.Range(0, 6).Select(i => generator.Generate([Numbered(i)])[0].Ids)];
        Assert.NotEqual(alone[0], alone[1]);
        IReadOnlyList<GeneratedText>[] together = await Together(6, (_, _) => { }, out ConcurrentQueue<(int Call, int Tokens)> seen);
        Assert.All(together.Index(), answer => Assert.Equal(alone[answer.Index], answer.Item[0].Ids));

        // Each has its first token before any has its second.
        Assert.Equal([0, 1, 2, 3, 4, 5], seen.Take(6).Select(piece => piece.Call).Order());
    }

    [Fact]
    public async Task What_ends_one_call_leaves_the_others_to_theirs()
    {
        IReadOnlyList<int>[] alone = [.. Enumerable.Range(0, 4).Select(i => generator.Generate([Numbered(i)])[0].Ids)];
        using var cancellation = new CancellationTokenSource();
        Task<IReadOnlyList<GeneratedText>>[] calls = Start(
            4,
            (call, piece) =>
            {
                if (piece.Tokens == 2 && call == 0)
                {
                    cancellation.Cancel();
                }

                if (piece.Tokens == 2 && call == 1)
                {
                    throw new InvalidCastException();
                }
            },
            call => call == 0 ? cancellation.Token : default);
        await Assert.ThrowsAsync<OperationCanceledException>(() => calls[0].WaitAsync(Patience));
        await Assert.ThrowsAsync<InvalidCastException>(() => calls[1].WaitAsync(Patience));
        Assert.Equal(alone[2], (await calls[2].WaitAsync(Patience))[0].Ids);
        Assert.Equal(alone[3], (await calls[3].WaitAsync(Patience))[0].Ids);
        Assert.Equal(alone[1], (await generator.GenerateAsync([Numbered(1)]).WaitAsync(Patience))[0].Ids);
    }

    [Fact]
    public async Task A_call_joins_those_that_run_and_ends_before_them()
    {
        IReadOnlyList<int> alone = generator.Generate([Numbered(1)])[0].Ids;
        await Together(2, (_, _) => { }, out _);
        using var cancellation = new CancellationTokenSource();
        using var begun = new ManualResetEventSlim();
        using var asked = new ManualResetEventSlim();
        Task<IReadOnlyList<GeneratedText>> host = generator.GenerateAsync(
            [Numbered(0) with { Options = Endless }],
            _ =>
            {
                begun.Set();
                asked.Wait(Patience);
            },
            cancellation.Token);
        Assert.True(begun.Wait(Patience));
        int callbacks = 0;
        Task<IReadOnlyList<GeneratedText>> guest = generator.GenerateAsync([Numbered(1)], piece =>
        {
            callbacks++;

            // A guest's callback, too, is part of what runs.
            Assert.Throws<InvalidOperationException>(() => generator.Generate([Numbered(2)]));
            if (piece.Finish is not null)
            {
                Assert.False(host.IsCompleted);
                cancellation.Cancel();
            }
        });
        asked.Set();
        Assert.Equal(alone, (await guest.WaitAsync(Patience))[0].Ids);
        Assert.Equal(alone.Count, callbacks);
        await Assert.ThrowsAsync<OperationCanceledException>(() => host.WaitAsync(Patience));
    }

    [Fact]
    public async Task Nothing_that_waits_for_the_device_is_kept_out_by_calls_that_join()
    {
        await Together(2, (_, _) => { }, out _);
        var order = new ConcurrentQueue<string>();
        using var begun = new ManualResetEventSlim();
        using var asked = new ManualResetEventSlim();
        Task host = generator.GenerateAsync([Numbered(0)], piece =>
        {
            begun.Set();
            asked.Wait(Patience);
            if (piece.Finish is not null)
            {
                order.Enqueue("host");
            }
        });
        Assert.True(begun.Wait(Patience));
        Task<bool> other = device.Turns.RunAsync(() =>
        {
            order.Enqueue("other");
            return true;
        });
        Task guest = generator.GenerateAsync([Numbered(1)], piece =>
        {
            if (piece.Tokens == 1)
            {
                order.Enqueue("guest");
            }
        });
        asked.Set();
        await Task.WhenAll(host, other, guest).WaitAsync(Patience);
        Assert.Equal(["host", "other", "guest"], order);
    }

    private static GenerationRequest Numbered(int i) =>
        new([10 + i, 20 + i], new GenerationOptions { MaxNewTokens = 8 + i, EosTokenIds = [] }, i % 2 == 0 ? null : "golden");

    private Task<IReadOnlyList<GeneratedText>[]> Together(
        int count, Action<int, GeneratedPiece> progress, out ConcurrentQueue<(int Call, int Tokens)> seen)
    {
        var told = new ConcurrentQueue<(int Call, int Tokens)>();
        seen = told;
        return Task.WhenAll(Start(
            count,
            (call, piece) =>
            {
                told.Enqueue((call, piece.Tokens));
                progress(call, piece);
            },
            _ => default)).WaitAsync(Patience);
    }

    /// <summary>Starts calls while the device is another's, so that they wait together.</summary>
    private Task<IReadOnlyList<GeneratedText>>[] Start(
        int count, Action<int, GeneratedPiece> progress, Func<int, CancellationToken> cancellation)
    {
        Task<IReadOnlyList<GeneratedText>>[] calls = [];
        var blocker = new Thread(() =>
        {
            using Turn turn = device.Turns.Take();
            using AsyncFlowControl flow = ExecutionContext.SuppressFlow();
            calls = Task.Run(() => Enumerable.Range(0, count)
                .Select(i => generator.GenerateAsync([Numbered(i)], piece => progress(i, piece), cancellation(i))).ToArray())
                    .GetAwaiter().GetResult();
        });
        blocker.Start();
        blocker.Join();
        return calls;
    }
}
