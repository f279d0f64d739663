using Engine.Devices.Sharing;

namespace Engine.Model.Generation;

/// <summary>The calls of a generator that wait for a turn and may run with one that has it, in the order in which they came.</summary>
internal sealed class WaitingCalls
{
    private readonly Lock gate = new();
    private readonly LinkedList<GenerationCall> calls = [];

    public void Add(GenerationCall call)
    {
        lock (gate)
        {
            calls.AddLast(call);
        }
    }

    public void Remove(GenerationCall call)
    {
        lock (gate)
        {
            calls.Remove(call);
        }
    }

    /// <summary>
    /// The call that waits longest; null where there is none, it does not fit, or something else waits for the device, which nobody may
    /// keep out by joining.
    /// </summary>
    public GenerationCall? Take(Predicate<GenerationCall> fits, DeviceTurns turns)
    {
        GenerationCall? call;
        lock (gate)
        {
            while (calls.First is { Value.IsTaken: true })
            {
                calls.RemoveFirst();
            }

            call = calls.First?.Value;
            if (call is null || !fits(call) || turns.Waiting > calls.Count(waiting => !waiting.IsTaken) || !call.TryTake())
            {
                return null;
            }

            calls.RemoveFirst();
        }

        call.StopWaiting();
        return call;
    }
}
