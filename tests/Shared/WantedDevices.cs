namespace Engine.Tests;

/// <summary>
/// The devices that the tests may use: all that are there, or those in the variable <c>ENGINE_TEST_DEVICES</c>, with commas between them.
/// </summary>
internal static class WantedDevices
{
    private static readonly string[]? Names =
        Environment.GetEnvironmentVariable("ENGINE_TEST_DEVICES")?.Split(
            ',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Whether the tests may take their time: those of .ci/run, and who sets the variable <c>ENGINE_LONG_TESTS</c> to 1.</summary>
    public static bool Long { get; } = Environment.GetEnvironmentVariable("ENGINE_LONG_TESTS") == "1";

    /// <summary>Whether a kind of device is named in the variable.</summary>
    public static bool IsNamed(string kind) => Names is not null && Names.Any(name => name.Split(':')[0] == kind);

    /// <summary>Whether a device, or one of several by number (<c>cuda:0</c>), is wanted.</summary>
    public static bool Contains(string id) => Names is null || Names.Contains(id) || Names.Contains(id.Split(':')[0]);
}
