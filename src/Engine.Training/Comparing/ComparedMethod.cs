using Engine.Common;
using Engine.Optim.Methods;
using Engine.Training.Configuration;

namespace Engine.Training.Comparing;

/// <summary>One side of a comparison: a name, and the settings that it puts in place of the run file's.</summary>
public sealed class ComparedMethod
{
    /// <summary>What plain LoRA is called in a comparison; the catalogue has it as <see cref="Plain"/>.</summary>
    public const string LoraName = "lora";

    /// <summary>Keys that the comparison itself sets.</summary>
    private static readonly string[] Reserved = ["output", "seed", "model"];

    /// <summary>What stands in place of the run's keys, where the method came from text.</summary>
    private readonly IReadOnlyList<KeyValuePair<string, ConfigNode>> settings = [];

    /// <summary>What is done to the run, where the method was made in code.</summary>
    private readonly Func<RunConfiguration, RunConfiguration>? change;

    /// <param name="name">What reports and folders call it.</param>
    /// <param name="change">The run with the settings that are compared, such as <c>run => run with { LearningRate = 1e-3 }</c>; output,
    /// seed and model stay as they are.</param>
    public ComparedMethod(string name, Func<RunConfiguration, RunConfiguration> change)
    {
        Name = name;
        this.change = change;
    }

    private ComparedMethod(string name, IReadOnlyList<KeyValuePair<string, ConfigNode>> settings)
    {
        Name = name;
        this.settings = settings;
    }

    /// <summary>What reports call it.</summary>
    public string Name { get; }

    /// <summary>The name as a folder is called.</summary>
    public string FolderName =>
        new([.. Name.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or '+' or '=' ? letter : '_')]);

    /// <summary>A training method under a name.</summary>
    /// <param name="method">The method; null: LoRA, or full fine-tuning, without one.</param>
    public static ComparedMethod Of(string name, Method? method) => new(name, run => run with { Method = method });

    /// <summary>
    /// Reads <c>lora,flat-lora{rho=0.1},flat-lora+nbar</c>: methods with commas between, each with parameters in braces where they are not
    /// the defaults, methods that run together joined by a plus sign.
    /// </summary>
    /// <exception cref="ConfigurationException">A brace or a method is missing.</exception>
    public static IReadOnlyList<ComparedMethod> ParseList(string list) => [.. Split(list, ',').Select(Parse)];

    /// <summary>
    /// Reads a YAML file: a map of names to maps of run-file keys, such as
    /// <c>wide: {method: {name: flat-lora, rho: 0.1}, learning_rate: 1e-3}</c>.
    /// </summary>
    /// <exception cref="ConfigurationException">The file is not such a map.</exception>
    public static IReadOnlyList<ComparedMethod> ReadFile(
        string path) => [.. RunFileParser.Parse(path).Items.Select(item => item.Value is MapNode map
        ? new ComparedMethod(item.Key, [.. map.Items.Select(setting => KeyValuePair.Create(setting.Key, setting.Value))])
        : throw new ConfigurationException(
            $"{item.Value.Location}: '{item.Key}' is no map of run-file keys; expected such as "
            + $"{item.Key}: {{method: flat-lora, learning_rate: 1e-3}}."))];

    /// <summary>The run file with these settings in place of its own.</summary>
    /// <param name="overrides">Settings that come last.</param>
    /// <exception cref="ConfigurationException">Anything wrong in file, settings or the method's parameters.</exception>
    internal RunConfiguration Load(string runFile, IEnumerable<string> overrides)
    {
        RequireNoReserved();
        return change is null
            ? RunConfiguration.Load(runFile, overrides, settings)
            : Changed(RunConfiguration.Load(runFile, overrides), change);
    }

    /// <summary>A run with these settings in place of its own, under the rules of a run file.</summary>
    /// <exception cref="ConfigurationException">Anything wrong in run, settings or the method's parameters.</exception>
    internal RunConfiguration Apply(RunConfiguration run)
    {
        RequireNoReserved();
        return change is null ? RunConfiguration.Over(run, settings).Resolve() : Changed(run, change);
    }

    /// <summary>Refuses methods whose folders would be one.</summary>
    /// <exception cref="ConfigurationException">The message names them.</exception>
    internal static void RequireDistinct(IReadOnlyList<ComparedMethod> methods)
    {
        foreach (IGrouping<string, ComparedMethod> same in methods.GroupBy(method => method.FolderName).Where(group => group.Count() > 1))
        {
            throw new ConfigurationException(
                $"'{string.Join("' and '", same.Select(method => method.Name))}' are compared under one name; name each once.");
        }
    }

    private RunConfiguration Changed(RunConfiguration run, Func<RunConfiguration, RunConfiguration> made)
    {
        RunConfiguration changed = made(run);
        return (changed.Output, changed.Seed, changed.Model) == (run.Output, run.Seed, run.Model)
            ? changed.Resolve()
            : throw new ConfigurationException($"{Name}: {string.Join(", ", Reserved)} are the same for everything that is compared.");
    }

    private void RequireNoReserved()
    {
        if (settings.FirstOrDefault(setting => Reserved.Contains(setting.Key)) is { Key: { } key, Value: { } node })
        {
            throw new ConfigurationException($"{node.Location}: '{key}' is the same for everything that is compared; set it in the run "
                + "file.");
        }
    }

    private static ComparedMethod Parse(string text)
    {
        string location = $"method {text}";
        string[] parts = [.. Split(text, '+').Select(part => Flow(part, location))];
        ConfigNode method = RunFileParser.ParseText(parts is [var single] ? single : $"[{string.Join(", ", parts)}]", _ => location);
        return new ComparedMethod(text, [KeyValuePair.Create("method", method)]);
    }

    /// <summary><c>flat-lora{rho=0.1}</c> as YAML has it: <c>{name: flat-lora, rho: 0.1}</c>.</summary>
    private static string Flow(string text, string location)
    {
        int brace = text.IndexOf('{', StringComparison.Ordinal);
        string name = (brace < 0 ? text : text[..brace]).Trim();
        if (name.Length == 0 || (brace >= 0 && !text.EndsWith('}')))
        {
            throw new ConfigurationException(
                $"{location}: expected a method such as flat-lora, flat-lora{{rho=0.1,noise_seed=3}} or flat-lora+nbar.");
        }

        IEnumerable<string> parameters = brace < 0 ? [] : Split(text[(brace + 1)..^1], ',').Select(Parameter);
        return $"{{name: {(name == LoraName ? Plain.MethodName : name)}{string.Concat(parameters)}}}";

        string Parameter(string parameter) => parameter.Split('=', 2) is [var key, var value]
            ? $", {key.Trim()}: {value.Trim()}"
            : throw new ConfigurationException($"{location}: '{parameter}' is no parameter; expected name=value, such as rho=0.1.");
    }

    /// <summary>Cuts at a separator outside braces.</summary>
    private static IEnumerable<string> Split(string text, char separator)
    {
        int depth = 0, start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || (text[i] == separator && depth == 0))
            {
                yield return text[start..i].Trim();
                start = i + 1;
            }
            else
            {
                depth += text[i] switch { '{' => 1, '}' => -1, _ => 0 };
            }
        }
    }
}
