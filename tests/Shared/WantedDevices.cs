namespace Engine.Tests;

/// <summary>The devices that the tests may use: all that are there, or those in the variable <c>ENGINE_TEST_DEVICES</c>, with commas between them.</summary>
internal static class WantedDevices
{
    private static readonly string[]? Names =
        Environment.GetEnvironmentVariable("ENGINE_TEST_DEVICES")?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Whether a device, or one of several by number (<c>cuda:0</c>), is wanted.</summary>
    public static bool Contains(string id) => Names is null || Names.Contains(id) || Names.Contains(id.Split(':')[0]);
}
