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

    private readonly IReadOnlyList<KeyValuePair<string, ConfigNode>> settings;

    private ComparedMethod(string name, IReadOnlyList<KeyValuePair<string, ConfigNode>> settings)
    {
        Name = name;
        this.settings = settings;
    }

    /// <summary>What reports call it.</summary>
    public string Name { get; }

    /// <summary>The name as a folder is called.</summary>
    public string FolderName => new([.. Name.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or '+' or '=' ? letter : '_')]);

    /// <summary>
    /// Reads <c>lora,flat-lora{rho=0.1},flat-lora+nbar</c>: methods with commas between, each with parameters in braces where they are not the defaults, methods
    /// that run together joined by a plus sign.
    /// </summary>
    /// <exception cref="ConfigurationException">A brace is missing, or two are the same.</exception>
    public static IReadOnlyList<ComparedMethod> ParseList(string list) => Distinct([.. Split(list, ',').Select(Parse)]);

    /// <summary>Reads a YAML file: a map of names to maps of run-file keys, such as <c>wide: {method: {name: flat-lora, rho: 0.1}, learning_rate: 1e-3}</c>.</summary>
    /// <exception cref="ConfigurationException">The file is not such a map.</exception>
    public static IReadOnlyList<ComparedMethod> ReadFile(string path) => Distinct([.. RunFileParser.Parse(path).Items.Select(item => item.Value is MapNode map
        ? new ComparedMethod(item.Key, [.. map.Items.Select(setting => KeyValuePair.Create(setting.Key, setting.Value))])
        : throw new ConfigurationException($"{item.Value.Location}: '{item.Key}' is no map of run-file keys; expected such as {item.Key}: {{method: flat-lora, learning_rate: 1e-3}}."))]);

    /// <summary>The run file with these settings in place of its own.</summary>
    /// <param name="overrides">Settings of the command line, which come last.</param>
    /// <exception cref="ConfigurationException">Anything wrong in file, settings or the method's parameters.</exception>
    public RunConfiguration Load(string runFile, IEnumerable<string> overrides)
    {
        if (settings.FirstOrDefault(setting => Reserved.Contains(setting.Key)) is { Key: { } key, Value: { } node })
        {
            throw new ConfigurationException($"{node.Location}: '{key}' is the same for everything that is compared; set it in the run file.");
        }

        return RunConfiguration.Load(runFile, overrides, settings);
    }

    private static ComparedMethod Parse(string text)
    {
        string location = $"--methods {text}";
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
            throw new ConfigurationException($"{location}: expected a method such as flat-lora, flat-lora{{rho=0.1,noise_seed=3}} or flat-lora+nbar.");
        }

        IEnumerable<string> parameters = brace < 0 ? [] : Split(text[(brace + 1)..^1], ',').Select(parameter => parameter.Split('=', 2) is [var key, var value]
            ? $", {key.Trim()}: {value.Trim()}"
            : throw new ConfigurationException($"{location}: '{parameter}' is no parameter; expected name=value, such as rho=0.1."));
        return $"{{name: {(name == LoraName ? Plain.MethodName : name)}{string.Concat(parameters)}}}";
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

    private static ComparedMethod[] Distinct(ComparedMethod[] methods)
    {
        foreach (IGrouping<string, ComparedMethod> same in methods.GroupBy(method => method.FolderName).Where(group => group.Count() > 1))
        {
            throw new ConfigurationException($"'{string.Join("' and '", same.Select(method => method.Name))}' are compared under one name; name each once.");
        }

        return methods;
    }
}
