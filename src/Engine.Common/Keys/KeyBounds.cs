using System.Collections;
using System.Globalization;

namespace Engine.Common.Keys;

/// <summary>What each key of a section takes, held against sections that were made in code; a run file's reader sees to the same.</summary>
internal static class KeyBounds
{
    /// <param name="section">A record whose properties are keys.</param>
    /// <param name="prefix">Its dotted key with a dot behind it; empty for the whole run.</param>
    /// <exception cref="ConfigurationException">A value that the key does not take; the message names both.</exception>
    public static void Check(object section, string prefix = "")
    {
        foreach (SectionKey key in SectionKey.Of(section.GetType()))
        {
            string name = prefix + key.Name;
            switch (key.Property.GetValue(section))
            {
                case null when key.Definition.Required:
                    throw new ConfigurationException($"{Setting.Noun(name)} is missing. {key.Text}");
                case null:
                    break;
                case INumberOrSection { Number: { } number }:
                    Number(key, name, number, isWhole: false);
                    break;
                case { } inner when key.IsSection:
                    Check(inner, name + ".");
                    break;
                case { } value:
                    Check(key, name, value);
                    break;
            }
        }

        if (BrokenRule(section, prefix) is var (_, sentence))
        {
            throw new ConfigurationException(sentence);
        }
    }

    /// <summary>
    /// The key that breaks a rule of its section (<see cref="IKeyRules"/>), and the sentence about it; null where none does.
    /// </summary>
    public static (string Key, string Sentence)? BrokenRule(object section, string prefix)
    {
        if (section is not IKeyRules { Problem: { } problem })
        {
            return null;
        }

        SectionKey broken = SectionKey.Of(section.GetType()).Single(key => key.Property.Name == problem.Property);
        object? value = broken.Property.GetValue(section);
        value = value is INumberOrSection either ? either.Number ?? (object)"a map" : value;
        return (broken.Name, Sentence(prefix + broken.Name, value, problem.Expected));
    }

    private static void Check(SectionKey key, string name, object value)
    {
        switch (value)
        {
            case int or long or ulong:
                Number(key, name, value, isWhole: true);
                break;
            case double:
                Number(key, name, value, isWhole: false);
                break;
            case Enum member when !Enum.IsDefined(member.GetType(), member):
                throw Wrong(name, member, $"one of {string.Join(", ", Enum.GetNames(member.GetType()))}");
            case string path when key.Definition.IsPath && (path.Length == 0 || path.Contains('\0')):
                throw Wrong(name, path, "a path");
            case IEnumerable<KeyValuePair<string, int>> pattern:
                foreach ((string module, int number) in pattern)
                {
                    Number(key, $"{name}.{module}", number, isWhole: true);
                }

                break;
            case IEnumerable<KeyValuePair<string, double>> pattern:
                foreach ((string module, double number) in pattern)
                {
                    Number(key, $"{name}.{module}", number, isWhole: false);
                }

                break;
            case IEnumerable list and not string when !list.GetEnumerator().MoveNext():
                throw new ConfigurationException($"{Setting.Of(name)} is an empty list; expected at least one entry, or none for the "
                    + "default.");
        }
    }

    private static void Number(SectionKey key, string name, object value, bool isWhole)
    {
        if (!key.Definition.Allows(Convert.ToDouble(value, CultureInfo.InvariantCulture)))
        {
            throw Wrong(name, value, key.Definition.Range(isWhole));
        }
    }

    private static ConfigurationException Wrong(string name, object value, string expected) => new(Sentence(name, value, expected));

    private static string Sentence(string name, object? value, string expected) =>
        string.Create(CultureInfo.InvariantCulture, $"{Setting.Of(name)} is '{value}'; expected {expected}.");
}
