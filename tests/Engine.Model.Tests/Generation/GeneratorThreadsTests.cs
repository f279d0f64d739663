using Engine.Devices;
using Engine.Kernels.Tests;
using Engine.Model.Generation;
using Engine.Tests;

namespace Engine.Model.Tests.Generation;

/// <summary>
/// Generators that several threads use and dispose, and that callbacks call: every answer is the one it would have been alone.
/// </summary>
public sealed class GeneratorThreadsTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly GenerationOptions Endless = new() { MaxNewTokens = 200, EosTokenIds = [] };

    private static string Folder => SharedFiles.Path("goldens/models/qwen2");

    private static GenerationRequest Request { get; } = new([5, 6, 7], new GenerationOptions { MaxNewTokens = 12, EosTokenIds = [] });

    public static TheoryData<string, int> Rounds
    {
        get
        {
            var rounds = new TheoryData<string, int>();
            foreach (string name in TestDevices.Quick)
            {
                rounds.Add(name, name != "cpu" ? 20 : WantedDevices.Long ? 1000 : 200);
            }

            return rounds;
        }
    }

    /// <summary>Where the disposal comes is left to chance: before the first token, between two, while a launch runs.</summary>
    [Theory]
    [MemberData(nameof(Rounds))]
    public async Task A_generator_disposed_in_flight_ends_its_answers_and_its_memory_is_free(string deviceName, int rounds)
    {
        using Device device = TestDevices.Open(deviceName);
        long before = device.Memory.Current;
        int ended = 0;
        for (int round = 0; round < rounds; round++)
        {
            Generator generator = Generator.Open(device, Folder);
            int tokens = 0;
            Task<IReadOnlyList<GeneratedText>>[] answers =
            [
                Task.Run(() => generator.Generate([Request with { Options = Endless }], _ => Interlocked.Increment(ref tokens))),
                generator.GenerateAsync([Request with { Options = Endless }], _ => Interlocked.Increment(ref tokens)),
            ];
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref tokens) >= round % 5, Patience));
            generator.Dispose();
            generator.Dispose();
            Assert.Equal(before, device.Memory.Current);
            foreach (Task answer in answers)
            {
                ended += await EndedByDisposal(answer) ? 1 : 0;
            }
        }

        Assert.InRange(ended, rounds, 2 * rounds);
    }

    [Theory]
    [InlineData("cpu", 100)]
    [InlineData("opencl", 10)]
    public async Task A_device_disposed_under_a_generator_ends_its_answers(string deviceName, int rounds)
    {
        int ended = 0, run = TestDevices.Quick.Contains(deviceName) ? rounds : 0;
        for (int round = 0; round < run; round++)
        {
            Device device = TestDevices.Open(deviceName);
            Generator generator = Generator.Open(device, Folder);
            int tokens = 0;
            Task answer = Task.Run(() => generator.Generate([Request with { Options = Endless }], _ => Interlocked.Increment(ref tokens)));
            Task waiting = generator.GenerateAsync([Request]);
            Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref tokens) >= round % 5, Patience));
            device.Dispose();
            ended += await EndedByDisposal(answer) ? 1 : 0;
            ended += await EndedByDisposal(waiting) ? 1 : 0;
            Assert.Throws<ObjectDisposedException>(() => generator.Generate([Request]));
            generator.Dispose();
            Assert.Empty(device.Memory.ByOwner());
        }

        Assert.InRange(ended, run / 2, 2 * run);
    }

    [Theory]
    [MemberData(nameof(TestDevices.QuickNames), MemberType = typeof(TestDevices))]
    public void Generators_of_one_device_answer_side_by_side_as_alone(string deviceName)
    {
        using Device device = TestDevices.Open(deviceName);
        using Generator first = Generator.Open(device, Folder), second = Generator.Open(device, Folder);
        IReadOnlyList<int>[] alone = [.. Enumerable.Range(0, 3).Select(i => first.Generate([Numbered(i)])[0].Ids)];
        Assert.NotEqual(alone[0], alone[1]);
        Parallel.For(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
            Assert.Equal(alone[i % 3], (i % 2 == 0 ? first : second).Generate([Numbered(i % 3)])[0].Ids));

        static GenerationRequest Numbered(int i) => Request with { PromptIds = [10 + i, 20 + i] };
    }

    [Fact]
    public void Requests_of_one_call_and_of_many_threads_each_have_their_adapter()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Open(device);
        string?[] names = [GenerationRequest.NoAdapter, "golden", "seeded"];
        IReadOnlyList<int>[] alone = [.. names.Select(name => generator.Generate([Request with { Adapter = name }])[0].Ids)];
        Assert.NotEqual(alone[0], alone[1]);

        // More requests than rows, so that a row is handed from one adapter to another.
        IReadOnlyList<GeneratedText> together =
            generator.Generate([.. Enumerable.Range(0, 40).Select(i => Request with { Adapter = names[i % 3] })]);
        Assert.All(together.Index(), answer => Assert.Equal(alone[answer.Index % 3], answer.Item.Ids));
        Parallel.For(0, 60, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            // What another thread chooses is nothing to requests that name their adapter.
            generator.UseAdapter(i % 2 == 0 ? "golden" : null);
            Assert.Equal(alone[i % 3], generator.Generate([Request with { Adapter = names[i % 3] }])[0].Ids);
        });
        generator.UseAdapter("golden");
        Assert.Equal(alone[1], generator.Generate([Request])[0].Ids);
        Assert.Contains(
            "golden, seeded", Assert.Throws<ArgumentException>(() => generator.Generate([Request with { Adapter = "other" }])).Message);
    }

    [Fact]
    public void An_adapter_is_removed_when_no_request_uses_it()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Open(device);
        IReadOnlyList<int> plain = generator.Generate([Request])[0].Ids;
        GenerationRequest golden = Request with { Adapter = "golden" };
        IReadOnlyList<int> whole = generator.Generate([golden], piece =>
        {
            Assert.Contains("in use: 1 request", Assert.Throws<InvalidOperationException>(() => generator.RemoveAdapter("golden")).Message);
            if (piece.Tokens == 3)
            {
                generator.RemoveAdapter("seeded");
            }
        })[0].Ids;
        Assert.Equal(["golden"], generator.AdapterNames);
        generator.UseAdapter("golden");
        Assert.Contains("UseAdapter", Assert.Throws<InvalidOperationException>(() => generator.RemoveAdapter("golden")).Message);
        generator.UseAdapter(null);
        generator.RemoveAdapter("golden");
        Assert.Throws<ArgumentException>(() => generator.Generate([golden]));
        Assert.Throws<ArgumentException>(() => generator.RemoveAdapter("golden"));
        Assert.Equal(plain, generator.Generate([Request])[0].Ids);
        Assert.False(device.Memory.ByOwner().ContainsKey("adapter"));

        // What comes under the same name afterwards is read anew.
        generator.AddAdapter("golden", Path.Combine(Folder, "adapter"));
        Assert.Equal(whole, generator.Generate([golden])[0].Ids);
    }

    /// <summary>Each of these waited for ever, or may have: now it is served or refused.</summary>
    [Fact]
    public async Task What_a_progress_callback_asks_is_served_or_refused_but_never_waits_for_itself()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Open(device), other = Generator.Open(device, Folder);
        IReadOnlyList<int> alone = generator.Generate([Request])[0].Ids;
        Action[] served =
        [
            () => generator.UseAdapter("golden"),
            () => generator.UseAdapter(null),
            () => generator.AddAdapter("late", Path.Combine(Folder, "adapter")),
            () => generator.RemoveAdapter("late"),
            () => Assert.Equal(alone, other.Generate([Request])[0].Ids),
            () => Assert.Equal(alone, other.GenerateAsync([Request]).GetAwaiter().GetResult()[0].Ids),
        ];
        Action[] refused =
        [
            () => generator.Generate([Request]),
            () => generator.GenerateAsync([Request]).GetAwaiter().GetResult(),
            () => generator.StreamAsync(Request).ToBlockingEnumerable().Count(),
            () => Task.Run(() => generator.Generate([Request])).GetAwaiter().GetResult(),
            () => Task.Run(() => other.GenerateAsync([Request])).GetAwaiter().GetResult(),
        ];
        Task<IReadOnlyList<GeneratedText>> answer = Task.Run(() => generator.Generate([Request], piece =>
        {
            if (piece.Tokens <= served.Length)
            {
                served[piece.Tokens - 1]();
            }

            Assert.Contains("callback", Assert.Throws<InvalidOperationException>(refused[piece.Tokens % refused.Length]).Message);
        }));
        Assert.Equal(alone, (await answer.WaitAsync(Patience))[0].Ids);
        Assert.Equal(alone, generator.Generate([Request])[0].Ids);
    }

    [Fact]
    public async Task Disposing_in_a_callback_ends_the_answer_and_then_frees()
    {
        Device device = TestDevices.Open("cpu");
        long empty = device.Memory.Current;
        Generator generator = Generator.Open(device, Folder);
        await Assert.ThrowsAsync<ObjectDisposedException>(
            () => Task.Run(() => generator.Generate([Request], _ => generator.Dispose())).WaitAsync(Patience));
        Assert.Equal(empty, device.Memory.Current);
        using Generator second = Generator.Open(device, Folder);
        await Assert.ThrowsAsync<ObjectDisposedException>(
            () => Task.Run(() => second.Generate([Request], _ => Task.Run(device.Dispose).Wait())).WaitAsync(Patience));
        Assert.Throws<ObjectDisposedException>(() => device.Allocate(4, "late"));
    }

    [Fact]
    public async Task The_reader_of_a_stream_may_ask_for_another_answer_and_leave()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Generator.Open(device, Folder);
        IReadOnlyList<int> alone = generator.Generate([Request])[0].Ids;
        int pieces = 0;
        await foreach (GeneratedPiece piece in generator.StreamAsync(Request with { Options = Endless }))
        {
            Assert.Equal(alone, (await generator.GenerateAsync([Request]).WaitAsync(Patience))[0].Ids);
            await foreach (GeneratedPiece inner in generator.StreamAsync(Request))
            {
                break;
            }

            if (++pieces == 3)
            {
                Assert.Equal(alone, generator.Generate([Request])[0].Ids);
                break;
            }
        }

        await Assert.ThrowsAsync<InvalidCastException>(() => generator.GenerateAsync([Request], _ => throw new InvalidCastException()));
        Assert.Equal(alone, generator.Generate([Request])[0].Ids);
        generator.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(
            async () => await generator.StreamAsync(Request).GetAsyncEnumerator().MoveNextAsync());
    }

    [Fact]
    public async Task Two_hundred_requests_wait_without_a_thread_each()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Generator.Open(device, Folder);
        IReadOnlyList<int> alone = generator.Generate([Request])[0].Ids;
        using var cancellation = new CancellationTokenSource();
        using var begun = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        Task first = Task.Factory.StartNew(
            () => generator.Generate([Request], _ =>
            {
                begun.Set();
                release.Wait(Patience);
            }),
            TaskCreationOptions.LongRunning);
        Assert.True(begun.Wait(Patience));
        int threads = ThreadPool.ThreadCount;
        Task<IReadOnlyList<GeneratedText>>[] waiting =
            [.. Enumerable.Range(0, 200).Select(i => generator.GenerateAsync([Request], null, i < 150 ? cancellation.Token : default))];
        Assert.Equal(200, device.Turns.Waiting);
        Assert.InRange(ThreadPool.ThreadCount - threads, 0, 8);
        await cancellation.CancelAsync();
        foreach (Task cancelled in waiting[..150])
        {
            var error = await Assert.ThrowsAsync<OperationCanceledException>(() => cancelled.WaitAsync(Patience));
            Assert.Equal(cancellation.Token, error.CancellationToken);
        }

        Assert.Equal(50, device.Turns.Waiting);
        release.Set();
        await first.WaitAsync(Patience);
        Assert.All(await Task.WhenAll(waiting[150..]).WaitAsync(Patience), answer => Assert.Equal(alone, answer[0].Ids));
    }

    /// <summary>Whether the disposal came before the end; on a busy machine an answer may have been complete.</summary>
    private static async Task<bool> EndedByDisposal(Task answer)
    {
        try
        {
            await answer.WaitAsync(Patience);
            return false;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }

    private static Generator Open(Device device)
    {
        Generator generator = Generator.Open(device, Folder);
        generator.AddAdapter("golden", Path.Combine(Folder, "adapter"));
        generator.AddAdapter("seeded", SharedFiles.Path("goldens/trajectories/qwen2/lora.init"));
        return generator;
    }
}
