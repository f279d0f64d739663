using System.Text.Json;
using Engine.Common;
using Engine.Optim;
using Engine.Optim.Sharpness;

namespace Engine.Training.Sharpness;

/// <summary>The names of instruments and spaces on command lines and in files.</summary>
internal static class SharpnessNames
{
    /// <summary>Every instrument, in the order in which they are measured.</summary>
    public static IReadOnlyList<string> Instruments { get; } = [.. Enum.GetValues<SharpnessInstrument>().Select(Of)];

    public static IReadOnlyList<string> Spaces { get; } = [.. Enum.GetValues<SharpnessSpace>().Select(Of)];

    public static string Of(SharpnessInstrument instrument) => JsonNamingPolicy.KebabCaseLower.ConvertName(instrument.ToString());

    public static string Of(SharpnessSpace space) => JsonNamingPolicy.KebabCaseLower.ConvertName(space.ToString());

    /// <exception cref="ConfigurationException">No instrument has this name; the nearest is named.</exception>
    public static SharpnessInstrument Instrument(string name) => Find<SharpnessInstrument>(name, Instruments, "instrument");

    /// <exception cref="ConfigurationException">No space has this name; the nearest is named.</exception>
    public static SharpnessSpace Space(string name) => Find<SharpnessSpace>(name, Spaces, "space");

    private static T Find<T>(string name, IReadOnlyList<string> known, string kind)
        where T : struct, Enum
    {
        int index = known.ToList().IndexOf(name);
        return index >= 0
            ? Enum.GetValues<T>()[index]
            : throw new ConfigurationException($"There is no {kind} '{name}'; {NearestName.Hint(name, [.. known])}.");
    }
}
