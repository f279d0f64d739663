using Engine.Common;

namespace Engine.Tests;

public sealed class SoleUseTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task An_object_of_one_thread_at_a_time_refuses_a_second_and_serves_it_later()
    {
        var use = new SoleUse("A thing");
        using (Lock.Scope call = use.Enter())
        {
            using Lock.Scope nested = use.Enter();
            InvalidOperationException? refused = null;
            var second = new Thread(() => refused = Assert.Throws<InvalidOperationException>(() => Use(use)));
            second.Start();
            second.Join();
            Assert.StartsWith("A thing serves one thread at a time", refused!.Message, StringComparison.Ordinal);
        }

        await Task.Run(() => Use(use)).WaitAsync(Patience);

        static void Use(SoleUse use)
        {
            using Lock.Scope call = use.Enter();
        }
    }
}
