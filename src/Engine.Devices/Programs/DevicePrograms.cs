using Engine.Devices.Ilgpu;

namespace Engine.Devices.Programs;

/// <summary>
/// The programs of one device, each made once: its text comes from the disk cache or ILGPU, the program from the driver. They are made on
/// the thread pool, as many side by side as it has threads; whoever asks goes on, and waits where the program is needed.
/// </summary>
/// <param name="texts">Makes the texts.</param>
/// <param name="load">The driver's program of a text. Called on any thread, without the device's lock.</param>
/// <param name="progress">Told how many programs were asked for and are there, one report after another, on the thread pool; no program
/// waits for it.</param>
internal sealed class DevicePrograms(KernelTexts texts, Func<string, KernelDefinition, nint> load, Action<KernelProgress> progress)
{
    private readonly Dictionary<ProgramKey, Task<nint>> programs = [];
    private readonly Lock gate = new();
    private KernelProgress counted;
    private KernelProgress told;
    private bool tells;

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
        lock (gate)
        {
            KernelProgress before = begins && counted.Asked == counted.Compiled ? default : counted;
            counted = begins ? before with { Asked = before.Asked + 1 } : before with { Compiled = before.Compiled + 1 };
            if (tells)
            {
                return;
            }

            tells = true;
        }

        Task.Run(Tell);
    }

    /// <summary>Reports the latest counts until they are told; what was superseded meanwhile is left out.</summary>
    private void Tell()
    {
        while (true)
        {
            lock (gate)
            {
                if (told == counted)
                {
                    tells = false;
                    return;
                }

                told = counted;
            }

            try
            {
                progress(told);
            }
            catch (Exception exception) when (exception is not OutOfMemoryException)
            {
                // Who listens may fail, as when its terminal is gone: the kernels are compiled all the same.
            }
        }
    }
}
