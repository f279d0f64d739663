using Engine.Model.Execution;
using Engine.Model.Peft;

namespace Engine.Cli.Console;

/// <summary>Says aloud what a checkpoint or an adapter left open.</summary>
internal static class LoadNotes
{
    private const int Shown = 4;

    public static void Write(LoadReport report, TextWriter notes)
    {
        Write(report.Initialized, "parameters are not in the checkpoint and were initialised anew", notes);
        Write(report.Unused, "tensors of the checkpoint have no place in this model", notes);
    }

    public static void Write(AdapterBinding binding, TextWriter notes)
    {
        Write(binding.Missing, "tensors are not in the adapter; the model's own stay", notes);
        Write(binding.Unused, "tensors of the adapter have no place in this model", notes);
    }

    private static void Write(IReadOnlyList<string> names, string what, TextWriter notes)
    {
        if (names.Count > 0)
        {
            notes.WriteLine($"note: {names.Count} {what}: {string.Join(", ", names.Take(Shown))}{(names.Count > Shown ? ", ..." : "")}");
        }
    }
}
