using Engine.Devices.Ilgpu;

namespace Engine.Devices.Programs;

/// <summary>
/// The programs of one device, each made once: its text comes from the disk cache or ILGPU, the program from the driver. They are made on the thread pool, as many side by side as it has
/// threads; whoever asks goes on, and waits where the program is needed.
/// </summary>
/// <param name="texts">Makes the texts.</param>
/// <param name="load">The driver's program of a text. Called on any thread, without the device's lock.</param>
/// <param name="progress">Told of every program that is asked for and that is there, on any thread.</param>
internal sealed class DevicePrograms(KernelTexts texts, Func<string, KernelDefinition, nint> load, Action<KernelProgress> progress)
{
    private readonly Dictionary<ProgramKey, Task<nint>> programs = [];
    private readonly Lock gate = new();
    private int asked;
    private int made;

    /// <summary>The program of a call's variant, or the work that makes it. The caller holds the device's lock.</summary>
    public Task<nint> Get(KernelCall call)
    {
        ProgramKey key = texts.Key(call);
        if (!programs.TryGetValue(key, out Task<nint>? program) || program.IsFaulted)
        {
            Count(begins: true);
            program = Task.Run(() => Make(key, call));
            programs[key] = program;
        }

        return program;
    }

    /// <summary>Waits for what is being made, and releases every program.</summary>
    public void Release(Action<nint> release)
    {
        foreach (Task<nint> program in programs.Values)
        {
            Task.WaitAny(program);
            if (program.IsCompletedSuccessfully)
            {
                release(program.Result);
            }
        }

        programs.Clear();
    }

    private nint Make(ProgramKey key, KernelCall call)
    {
        try
        {
            return load(texts.Get(key, call), call.Definition);
        }
        finally
        {
            Count(begins: false);
        }
    }

    private void Count(bool begins)
    {
        KernelProgress now;
        lock (gate)
        {
            if (begins && asked == made)
            {
                asked = made = 0;
            }

            (asked, made) = begins ? (asked + 1, made) : (asked, made + 1);
            now = new KernelProgress(made, asked);
        }

        progress(now);
    }
}
