using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Kernels.Tests;
using Engine.Model.Generation;
using Engine.Tests;
using Engine.Training.Configuration;
using Engine.Training.Running;

namespace Engine.Training.Tests.Running;

/// <summary>
/// Predictors, trainers and generators that share a device and are used by several threads: every answer and every weight is the one it
/// would have been alone.
/// </summary>
public sealed class SharedDeviceTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly (string, string?)[] Texts =
        [("the small otter number 4", null), ("the quite small hammer number 7", null), ("the wren", "the saw")];

    [Theory]
    [MemberData(nameof(TestDevices.Names), MemberType = typeof(TestDevices))]
    public void Many_threads_get_from_one_predictor_what_one_gets(string deviceName)
    {
        using var tiny = new TinyRun();
        using Device device = TestDevices.Open(deviceName);
        using Predictor predictor = Open(device, tiny);
        string[] alone = [.. Texts.Select((_, i) => Ask(predictor, i))];
        Assert.Equal(Texts.Length, alone.Distinct().Count());
        int calls = deviceName == "cpu-managed" ? 12 : deviceName == "cpu" && WantedDevices.Long ? 600 : 60;
        Parallel.For(0, calls, new ParallelOptions { MaxDegreeOfParallelism = 4 }, i =>
        {
            if (i % 3 == 2)
            {
                // All three at once, in batches of two and one.
                IReadOnlyList<Prediction> all = predictor.PredictAsync(Texts, 32, 2).GetAwaiter().GetResult();
                Assert.Equal(alone.Select(Label), all.Select(prediction => prediction.Label!));
            }
            else
            {
                Assert.Equal(alone[i % Texts.Length], Ask(predictor, i % Texts.Length));
            }
        });
    }

    [Fact]
    public async Task A_predictor_disposed_in_flight_ends_its_calls_and_its_memory_is_free()
    {
        using var tiny = new TinyRun();
        using Device device = TestDevices.Open("cpu");
        long before = device.Memory.Current;
        for (int round = 0; round < (WantedDevices.Long ? 60 : 20); round++)
        {
            Predictor predictor = Open(device, tiny);
            int answers = 0;
            Task[] callers = [.. Enumerable.Range(0, 3).Select(caller => Task.Run(async () =>
            {
                while (true)
                {
                    _ = caller == 0 ? await predictor.PredictAsync(Texts, 32, 1) : predictor.Predict(Texts, 32, 1);
                    Interlocked.Increment(ref answers);
                }
            }))];
            Assert.True(
                SpinWait.SpinUntil(() => Volatile.Read(ref answers) >= round % 4 || callers.All(caller => caller.IsCompleted), Patience));
            predictor.Dispose();
            Assert.Equal(before, device.Memory.Current);
            foreach (Task caller in callers)
            {
                await Assert.ThrowsAsync<ObjectDisposedException>(() => caller.WaitAsync(Patience));
            }
        }
    }

    [Fact]
    public async Task Waiting_predictions_hold_no_thread_and_leave_when_cancelled()
    {
        using var tiny = new TinyRun();
        using Device device = TestDevices.Open("cpu");
        using Predictor predictor = Open(device, tiny);
        string alone = Ask(predictor, 0);
        using var cancellation = new CancellationTokenSource();
        using var taken = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        Task holder = Task.Factory.StartNew(
            () =>
            {
                using var turn = device.Turns.Take();
                taken.Set();
                release.Wait(Patience);
            },
            TaskCreationOptions.LongRunning);
        Assert.True(taken.Wait(Patience));
        int threads = ThreadPool.ThreadCount;
        Task<IReadOnlyList<Prediction>>[] waiting =
            [.. Enumerable.Range(0, 50).Select(i => predictor.PredictAsync(Texts[..1], 32, 1, i < 40 ? cancellation.Token : default))];
        Assert.True(SpinWait.SpinUntil(() => device.Turns.Waiting == 50, Patience), $"{device.Turns.Waiting} of 50 callers wait");
        Assert.InRange(ThreadPool.ThreadCount - threads, 0, 8);
        await cancellation.CancelAsync();
        await Task.WhenAll(waiting[..40].Select(task => Assert.ThrowsAsync<OperationCanceledException>(() => task))).WaitAsync(Patience);
        release.Set();
        await holder;
        Assert.All(await Task.WhenAll(waiting[40..]).WaitAsync(Patience), answer => Assert.Equal(Label(alone), answer[0].Label));
    }

    /// <summary>A progress callback works between two steps, in nobody's turn: there the device may be used for anything.</summary>
    [Fact]
    public async Task A_training_gives_the_same_weights_beside_predictions_and_answers_on_its_device()
    {
        using var tiny = new TinyRun();
        TrainingOutcome outcome = Train(tiny, "alone", null);
        Assert.True(outcome.After!["loss"] < outcome.Before!["loss"]);
        byte[] alone = Bytes(outcome);
        using Device device = TestDevices.Open("cpu");
        using Predictor predictor = Open(device, tiny);
        using Generator generator = Generator.Open(device, SharedFiles.Path("goldens/models/qwen2"));
        var request = new GenerationRequest([5, 6, 7], new GenerationOptions { MaxNewTokens = 8, EosTokenIds = [] });
        IReadOnlyList<int> answer = generator.Generate([request])[0].Ids;
        string prediction = Ask(predictor, 1);
        bool done = false;
        Task[] others =
        [
            Repeat(() => Assert.Equal(answer, generator.Generate([request])[0].Ids)),
            Repeat(() => Assert.Equal(prediction, Ask(predictor, 1))),
        ];
        int inside = 0;
        TrainingOutcome shared = Train(tiny, "shared", device, new Callback(_ =>
        {
            Assert.Equal(answer, generator.Generate([request])[0].Ids);
            inside++;
        }));
        Volatile.Write(ref done, true);
        await Task.WhenAll(others).WaitAsync(Patience);
        Assert.Equal(alone, Bytes(shared));
        Assert.True(inside > 10);

        Task Repeat(Action work) => Task.Factory.StartNew(
            () =>
            {
                while (!Volatile.Read(ref done))
                {
                    work();
                }
            },
            TaskCreationOptions.LongRunning);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_trainer_disposed_while_it_trains_stops_after_its_step_and_keeps_it(bool inCallback)
    {
        using var tiny = new TinyRun();
        using Device device = TestDevices.Open("cpu");
        long before = device.Memory.Current;
        var third = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Trainer trainer = null!;
        trainer = new Trainer(RunConfiguration.Load(tiny.WriteRun("disposed", "max_steps: 100000")), device, new TrainerOptions(),
            new Callback(value =>
            {
                if (value is TrainingProgress.Step { StepNumber: 3 })
                {
                    third.SetResult();
                    if (inCallback)
                    {
                        trainer.Dispose();
                        Assert.NotEqual(before, device.Memory.Current);
                    }
                }
            }));
        Task<TrainingOutcome> training = Task.Run(() => trainer.Train());
        await third.Task.WaitAsync(Patience);
        Assert.Throws<InvalidOperationException>(() => inCallback ? throw new InvalidOperationException() : trainer.Train());
        trainer.Dispose();
        TrainingOutcome outcome = await training.WaitAsync(Patience);
        Assert.True(outcome.Interrupted);
        Assert.InRange(outcome.Steps, 3, inCallback ? 3 : 99_999);
        Assert.Equal(before, device.Memory.Current);
        Assert.Throws<ObjectDisposedException>(() => trainer.Train());
        Assert.True(Directory.Exists(outcome.WeightsFolder));
    }

    [Fact]
    public async Task A_device_disposed_under_a_training_ends_it_with_an_error()
    {
        using var tiny = new TinyRun();
        Device device = TestDevices.Open("cpu");
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var trainer = new Trainer(
            RunConfiguration.Load(tiny.WriteRun("lost", "max_steps: 100000")),
            device,
            new TrainerOptions(),
            new Callback(value => _ = value is TrainingProgress.Step && first.TrySetResult()));
        Task training = Task.Run(() => trainer.Train());
        await first.Task.WaitAsync(Patience);
        device.Dispose();
        Exception error = await Assert.ThrowsAnyAsync<Exception>(() => training.WaitAsync(Patience));
        Assert.Contains("is disposed", $"{error.Message} {error.InnerException?.Message}", StringComparison.Ordinal);
    }

    private static Predictor Open(Device device, TinyRun tiny)
    {
        string adapter = Path.Combine(tiny.Folder, "trained", "adapter");
        if (!Directory.Exists(adapter))
        {
            Train(tiny, "trained", null);
        }

        return Predictor.Open(device, Path.Combine(tiny.Folder, "model"), adapter, seed: 3);
    }

    private static TrainingOutcome Train(TinyRun tiny, string output, Device? shared, IProgress<TrainingProgress>? progress = null)
    {
        using Device? own = shared is null ? new CpuDevice() : null;
        using var trainer = new Trainer(RunConfiguration.Load(tiny.WriteRun(output)), shared ?? own!, new TrainerOptions(), progress);
        return trainer.Train();
    }

    private static string Ask(Predictor predictor, int text)
    {
        Prediction answer = predictor.Predict([Texts[text]], 32, 1)[0];
        return $"{answer.Label} {answer.Probability:R}";
    }

    private static string Label(string answer) => answer.Split(' ')[0];

    private static byte[] Bytes(TrainingOutcome outcome) =>
        File.ReadAllBytes(Path.Combine(outcome.WeightsFolder, "adapter_model.safetensors"));

    private sealed class Callback(Action<TrainingProgress> report) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => report(value);
    }
}
