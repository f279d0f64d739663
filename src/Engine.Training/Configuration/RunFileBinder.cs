using System.Globalization;
using System.Reflection;
using System.Runtime.Serialization;
using Engine.Common;
using Engine.Common.Keys;
using Engine.Model.Peft;
using Engine.Optim.Methods;
using Engine.Training.Data;
using Engine.Training.Data.Formats;
using Engine.Training.Tracking;

namespace Engine.Training.Configuration;

/// <summary>Sets the properties of a section's record from a map, checking keys, types and bounds.</summary>
/// <param name="folder">What paths are relative to.</param>
internal sealed class RunFileBinder(string folder)
{
    /// <summary>Binds a section.</summary>
    /// <param name="map">Its keys and values.</param>
    /// <param name="section">Its dotted key with a dot behind it; empty for the whole file.</param>
    /// <exception cref="ConfigurationException">An unknown or missing key, a wrong type, a value out of bounds.</exception>
    public T Bind<T>(MapNode map, string section) => (T)Bind(typeof(T), map, section);

    /// <summary>A run with the keys of a map in place of its own; a section takes the place of the whole section.</summary>
    /// <exception cref="ConfigurationException">An unknown key, a wrong type, a value out of bounds.</exception>
    public RunConfiguration BindOver(RunConfiguration run, MapNode map)
    {
        RequireKnown(typeof(RunConfiguration), map, section: "");
        RunConfiguration changed = run with { };
        Fill(changed, map, section: "", requires: false);
        return changed;
    }

    private object Bind(Type type, MapNode map, string section)
    {
        RequireKnown(type, map, section);
        object record = Activator.CreateInstance(type)!;
        Fill(record, map, section);
        return record;
    }

    private static void RequireKnown(Type type, MapNode map, string section)
    {
        string[] names = [.. SectionKey.Of(type).Select(key => key.Name)];
        foreach ((string name, ConfigNode node) in map.Items)
        {
            if (!names.Contains(name))
            {
                string place = section.Length == 0 ? "the run file" : section.TrimEnd('.');
                throw new ConfigurationException(
                    $"{node.Location}: {place} has no key '{name}'; {UnknownKey.Explain(section, name, node, names)}")
                {
                    UnknownIn = section.TrimEnd('.'),
                };
            }
        }
    }

    /// <summary>Sets the properties whose keys a map has.</summary>
    /// <param name="requires">Whether every required key must be in the map.</param>
    private void Fill(object record, MapNode map, string section, bool requires = true)
    {
        foreach (SectionKey key in SectionKey.Of(record.GetType()))
        {
            if (map.Find(key.Name) is { } node)
            {
                key.Property.SetValue(record, Convert(key, node, section + key.Name));
            }
            else if (requires && key.Definition.Required)
            {
                throw new ConfigurationException($"{map.Location}: the key '{section}{key.Name}' is missing. {key.Text}");
            }
        }

        if (KeyBounds.BrokenRule(record, section) is var (broken, sentence))
        {
            throw new ConfigurationException($"{(map.Find(broken) ?? map).Location}: {sentence}");
        }
    }

    private object Convert(SectionKey key, ConfigNode node, string name)
    {
        Type type = key.ValueType;
        if (type == typeof(Radius) && node is not MapNode)
        {
            return (Radius)InBounds(key.Definition, Scalar(node, name, "a number, or a map such as {rise: 0.05}"), name, isWhole: false);
        }

        if (key.IsSection)
        {
            return node is MapNode map ? Bind(type, map, name + ".") : throw Wrong(node, name, "a map of keys to values");
        }

        if (type == typeof(Method))
        {
            return Methods(node);
        }

        if (type == typeof(IReadOnlyList<string>))
        {
            return Strings(node, name);
        }

        if (type == typeof(IReadOnlyList<int>))
        {
            return Integers(node, name, "a list of whole numbers, such as [0, 1]");
        }

        if (type == typeof(IReadOnlyList<MetricsTarget>))
        {
            return (node is ListNode list ? list.Items : [node])
                .Select(item => (MetricsTarget)EnumValue(typeof(MetricsTarget), Scalar(item, name, "a word or a list of words"), name))
                    .ToArray();
        }

        if (type == typeof(IReadOnlyList<TokenIndices>))
        {
            return Tokens(node, name);
        }

        if (type == typeof(IReadOnlyList<KeyValuePair<string, int>>))
        {
            return Patterns(key.Definition, node, name, isWhole: true)
                .Select(pair => KeyValuePair.Create(pair.Key, (int)pair.Value)).ToArray();
        }

        if (type == typeof(IReadOnlyList<KeyValuePair<string, double>>))
        {
            return Patterns(key.Definition, node, name, isWhole: false).ToArray();
        }

        if (type == typeof(ClassWeights))
        {
            return Weights(node, name);
        }

        if (type == typeof(ClassTasks))
        {
            return Tasks(node, name);
        }

        if (type == typeof(ModulePattern))
        {
            return Modules(node, name);
        }

        if (type.IsEnum)
        {
            return EnumValue(type, Scalar(node, name, "a word"), name);
        }

        if (type == typeof(DataFiles))
        {
            return Files(node, name);
        }

        if (type == typeof(DataFormat))
        {
            return Format(Scalar(node, name, "the name of a format"), name);
        }

        if (type == typeof(char))
        {
            ScalarNode scalar = Scalar(node, name, "one character");
            return Delimiters.Parse(scalar.Text)
                ?? throw Wrong(node, name, @"one character other than a double quote, such as ';', ""|"" in quotes, or \t for a tab");
        }

        if (type == typeof(string))
        {
            string text = Scalar(node, name, key.Definition.IsPath ? "a path" : "a text").Text;
            return key.Definition.IsPath ? FullPath(node, name, text) : text;
        }

        if (type == typeof(ColumnReference))
        {
            return Column(Scalar(node, name, "a column's name or number"), name);
        }

        if (type == typeof(bool))
        {
            return Scalar(node, name, "true or false").Value is bool flag ? flag : throw Wrong(node, name, "true or false");
        }

        return type == typeof(int) || type == typeof(ulong) || type == typeof(double)
            ? Number(key, Scalar(node, name, "a number"), name)
            : throw new NotSupportedException(
                $"The key {key.Property.DeclaringType}.{key.Property.Name} is of type {type}, which no run file gives; "
                + "make it a double, int, ulong, bool, string or enum.");
    }

    /// <summary>A map of module patterns to numbers, in its order: the first that matches a module counts.</summary>
    private static IEnumerable<KeyValuePair<string, double>> Patterns(KeyAttribute bounds, ConfigNode node, string name, bool isWhole) =>
        node is MapNode map
            ? map.Items.Select(
                item => KeyValuePair.Create(
                    item.Key, InBounds(bounds, Scalar(item.Value, $"{name}.{item.Key}", "a number"), $"{name}.{item.Key}", isWhole)))
            : throw Wrong(node, name, "a map of module names or regular expressions to numbers");

    private static object Number(SectionKey key, ScalarNode node, string name)
    {
        object value = node.Value;
        bool isWhole = key.ValueType != typeof(double);
        if (key.ValueType == typeof(ulong) && value is (long or ulong))
        {
            return value is long small ? (small >= 0 ? (ulong)small : throw Wrong(node, name, "a whole number of at least 0")) : value;
        }

        double number = InBounds(key.Definition, node, name, isWhole);
        return isWhole ? (object)(int)number : number;
    }

    private static double InBounds(KeyAttribute bounds, ScalarNode node, string name, bool isWhole)
    {
        object value = node.Value;
        if (value is not (long or ulong or double) || (isWhole && value is double))
        {
            throw Wrong(node, name, isWhole ? "a whole number" : "a number");
        }

        double number = System.Convert.ToDouble(value, CultureInfo.InvariantCulture);
        if (!bounds.Allows(number) || (isWhole && number > int.MaxValue))
        {
            throw Wrong(node, name, bounds.Range(isWhole));
        }

        return number;
    }

    private static object EnumValue(Type type, ScalarNode node, string name)
    {
        Dictionary<string, object> values = [];
        foreach (FieldInfo field in type.GetFields(BindingFlags.Public | BindingFlags.Static))
        {
            values[field.GetCustomAttribute<EnumMemberAttribute>()!.Value!] = field.GetValue(null)!;
        }

        // YAML 1.1 writers turn "no" into false.
        string text = node is { IsPlain: true, Value: false } && values.ContainsKey("no") ? "no" : node.Text;
        return values.TryGetValue(text, out object? value)
            ? value
            : throw new ConfigurationException($"{node.At(name)} is '{node.Text}'; {NearestName.Hint(text, values.Keys)}.");
    }

    private static DataFormat Format(ScalarNode node, string name) => DataFormats.Named(node.Text)
        ?? throw new ConfigurationException($"{node.At(name)} is '{node.Text}'; "
            + $"{NearestName.Hint(node.Text, [.. DataFormats.All.Select(format => format.Name)])}.");

    private static ColumnReference Column(ScalarNode node, string name) => node.Value switch
    {
        long and >= 0 and <= int.MaxValue and var index => ColumnReference.ByIndex((int)index),
        long or ulong => throw Wrong(node, name, "a column number from 0"),
        _ when node.Text.Length == 0 => throw Wrong(node, name, "a column's name or number"),
        _ => ColumnReference.ByName(node.Text),
    };

    private Method Methods(ConfigNode node) => node switch
    {
        ListNode { Items.Count: 0 } => throw Wrong(node, "method", "a list with at least one method"),
        ListNode list => new Together([.. list.Items.Select(Single)]),
        _ => Single(node),
    };

    private Method Single(ConfigNode node)
    {
        if (node is ScalarNode shorthand)
        {
            return MethodCatalog.Create(shorthand.Text, shorthand.Location);
        }

        if (node is not MapNode map)
        {
            throw Wrong(node, "method", "a name, or a map with `name` and the method's own keys");
        }

        if (map.Find("name") is not { } nameNode)
        {
            throw new ConfigurationException($"{map.Location}: the key 'method.name' is missing; it says which training method.");
        }

        Method method = MethodCatalog.Create(Scalar(nameNode, "method.name", "a name").Text, nameNode.Location);
        string[] names = [.. SectionKey.Of(method.GetType()).Select(key => key.Name)];
        foreach ((string name, ConfigNode value) in map.Items)
        {
            if (name != "name" && !names.Contains(name))
            {
                string answer = UnknownKey.ExplainOfMethod(method.Name, name, value, names);
                throw new ConfigurationException($"{value.Location}: the method {method.Name} has no key '{name}'; {answer}")
                {
                    UnknownIn = method.Name,
                };
            }
        }

        Fill(method, map, "method.");
        return method;
    }

    private static ClassWeights Weights(ConfigNode node, string name)
    {
        const string Expected = "balanced, or a list with a number above 0 for each class";
        if (node is ScalarNode { Text: "balanced" })
        {
            return ClassWeights.Balanced;
        }

        return node is ListNode { Items.Count: > 0 } list
            ? new ClassWeights([.. list.Items.Select(item => Scalar(item, name, Expected).Value switch
            {
                double number when (float)number > 0 && float.IsFinite((float)number) => number,
                long number and > 0 => number,
                _ => throw Wrong(item, name, Expected),
            })])
            : throw Wrong(node, name, Expected);
    }

    private static ClassTasks Tasks(ConfigNode node, string name)
    {
        if (node is ScalarNode { Value: long and > 0 and <= int.MaxValue and var count })
        {
            return new ClassTasks((int)count);
        }

        if (node is not ListNode { Items: { Count: > 0 } items } || !items.All(item => item is ListNode { Items.Count: > 0 }))
        {
            throw Wrong(node, name, ClassTasks.Expected);
        }

        IReadOnlyList<string>[] labels = [.. items.Select(item => Strings(item, name))];
        try
        {
            return new ClassTasks(labels);
        }
        catch (ConfigurationException problem)
        {
            throw new ConfigurationException($"{node.Location}: {problem.Message}", problem);
        }
    }

    private static ModulePattern Modules(ConfigNode node, string name)
    {
        if (node is ListNode)
        {
            return ModulePattern.Of(Strings(node, name));
        }

        string expression = Scalar(node, name, "a list of names or a regular expression").Text;
        try
        {
            return ModulePattern.OfExpression(expression);
        }
        catch (ArgumentException exception)
        {
            throw new ConfigurationException($"{node.At(name)}: {exception.Message}", exception);
        }
    }

    private static IReadOnlyList<string> Strings(ConfigNode node, string name)
    {
        ListNode list = node as ListNode ?? throw Wrong(node, name, "a list, such as [one, two]");
        return list.Items.Count > 0
            ? [.. list.Items.Select(item => Scalar(item, name, "a list of single values").Text)]
            : throw Wrong(node, name, "a list with at least one entry");
    }

    private static IReadOnlyList<TokenIndices> Tokens(ConfigNode node, string name)
    {
        const string Expected = "a list of token ids, or a map of embedding modules to such lists";
        IReadOnlyList<TokenIndices> entries = node is MapNode map
            ? [.. map.Items.Select(item => new TokenIndices(item.Key, Integers(item.Value, $"{name}.{item.Key}", Expected)))]
            : [new TokenIndices(null, Integers(node, name, Expected))];
        return TokenIndices.Problem(entries) is { } problem
            ? throw new ConfigurationException($"{node.Location}: {name}: {problem}")
            : entries;
    }

    private static IReadOnlyList<int> Integers(ConfigNode node, string name, string expected) => node is ListNode { Items.Count: > 0 } list
        ? [.. list.Items.Select(
            item => Scalar(item, name, expected).Value is long and >= 0 and <= int.MaxValue and var number
                ? (int)number
                : throw Wrong(item, name, expected))]
        : throw Wrong(node, name, expected);

    private DataFiles Files(ConfigNode node, string name)
    {
        string[] paths = [.. node is ScalarNode single ? [single.Text] : Strings(node, name)];
        DataFiles files = new(paths.Select(path => FullPath(node, name, path)));
        return files.Paths.GroupBy(path => path, StringComparer.Ordinal).FirstOrDefault(same => same.Count() > 1) is { } twice
            ? throw new ConfigurationException($"{node.Location}: {name} names '{twice.Key}' more than once; each file is read once.")
            : files;
    }

    private string FullPath(ConfigNode node, string name, string text) => RunPaths.Full(node.At(name), text, RunPaths.UseOf(name), folder);

    private static ScalarNode Scalar(ConfigNode node, string name, string expected) =>
        node as ScalarNode ?? throw Wrong(node, name, expected);

    private static ConfigurationException Wrong(ConfigNode node, string name, string expected)
    {
        string given = node switch
        {
            ScalarNode scalar => $"'{scalar.Text}'",
            ListNode => "a list",
            _ => "a map",
        };
        return new ConfigurationException($"{node.At(name)} is {given}; expected {expected}.");
    }
}
