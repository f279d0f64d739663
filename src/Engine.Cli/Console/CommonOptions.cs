using System.CommandLine;
using Engine.Devices;

namespace Engine.Cli.Console;

/// <summary>Options that several commands have, so that they read alike everywhere.</summary>
internal static class CommonOptions
{
    /// <summary><c>--model FOLDER</c>, required.</summary>
    public static Option<string> Model(string description) => new("--model") { Description = description, HelpName = "FOLDER", Required = true };

    /// <summary><c>--output</c>, required.</summary>
    public static Option<string> Output(string description, string helpName) => new("--output") { Description = description, HelpName = helpName, Required = true };

    /// <summary><c>--device</c>; absent means what the description says.</summary>
    public static Option<string?> Device(string absent = "cpu") => new("--device")
    {
        Description = $"cpu, opencl, opencl:N, cuda or cuda:N (see 'engine devices'); without it {absent}.",
        HelpName = "DEVICE",
    };

    /// <summary><c>--allow-missing</c>.</summary>
    public static Option<bool> AllowMissing() => new("--allow-missing")
    {
        Description = "Accept an adapter that lacks tensors, has some without a place in the model, or names its modules by another prefix; what was done is listed.",
    };

    /// <summary>Writes notes, one a line.</summary>
    public static void Note(IEnumerable<string> notes, TextWriter output)
    {
        foreach (string note in notes)
        {
            output.WriteLine($"note: {note}");
        }
    }

    /// <summary>Opens a device and says which.</summary>
    public static Device Open(string id, TextWriter notes)
    {
        Device device = DeviceCatalog.Open(id);
        notes.WriteLine($"device: {device}");
        return device;
    }
}
