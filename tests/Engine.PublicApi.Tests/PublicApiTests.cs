using System.Reflection;
using System.Runtime.CompilerServices;
using PublicApiGenerator;

namespace Engine.PublicApi.Tests;

/// <summary>
/// What each library shows to its users, as text beside this file: a change of it is seen in review.
/// <c>ENGINE_PIN=1 dotnet test tests/Engine.PublicApi.Tests</c> writes the texts anew.
/// </summary>
public sealed class PublicApiTests
{
    public static TheoryData<string> Packages =>
    [
        "Engine.Common", "Engine.Safetensors", "Engine.Tokenizers", "Engine.Tokenizers.Microsoft", "Engine.Devices", "Engine.Kernels",
        "Engine.Graph", "Engine.Model", "Engine.ChatClient",
        "Engine.Optim", "Engine.Training", "Engine.FineTuning",
    ];

    [Theory]
    [MemberData(nameof(Packages))]
    public void Public_surface_is_the_one_on_record(string package)
    {
        string text = Assembly.Load(package).GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false })
            .ReplaceLineEndings("\n");
        string path = Path.Combine(Folder(), $"{package}.txt");
        if (Environment.GetEnvironmentVariable("ENGINE_PIN") == "1")
        {
            File.WriteAllText(path, text);
        }

        string[] now = text.Split('\n'), then = File.Exists(path) ? File.ReadAllText(path).Split('\n') : [];
        string[] added = [.. now.Except(then)], removed = [.. then.Except(now)];
        Assert.True(
            now.SequenceEqual(then),
            $"The public surface of {package} is another than {path} has it; if that is meant, write it anew with ENGINE_PIN=1.\n"
                + string.Join('\n', [.. removed.Select(line => $"- {line.Trim()}"), .. added.Select(line => $"+ {line.Trim()}")]));
    }

    private static string Folder([CallerFilePath] string source = "") => Path.GetDirectoryName(source)!;
}
