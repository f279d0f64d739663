namespace Engine.Common.Files;

/// <summary>A file that is about to be written.</summary>
public static class WrittenFile
{
    /// <summary>Refuses to write over a file that is read; links on both sides are resolved.</summary>
    /// <param name="output">What is written.</param>
    /// <param name="inputs">What is read.</param>
    /// <exception cref="ConfigurationException">It is one of <paramref name="inputs"/>.</exception>
    public static void RequireApart(string output, IEnumerable<string> inputs)
    {
        string written = RealPath.Of(output);
        if (inputs.FirstOrDefault(input => RealPath.Of(input) == written) is { } same)
        {
            throw new ConfigurationException($"The output would write over {same}, which is read; choose another output.")
            {
                Settings = ["Output"],
            };
        }
    }
}
