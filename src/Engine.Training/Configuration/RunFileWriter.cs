using System.Globalization;
using System.Reflection;
using System.Runtime.Serialization;
using System.Text.RegularExpressions;
using Engine.Common.Keys;
using Engine.Model.Peft;
using Engine.Optim.Methods;
using Engine.Training.Data;
using Engine.Training.Data.Formats;
using Engine.Training.Tracking;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Engine.Training.Configuration;

/// <summary>Writes a configuration as YAML, every key that has a value.</summary>
internal static partial class RunFileWriter
{
    public static string Write(RunConfiguration run)
    {
        StringWriter text = new(CultureInfo.InvariantCulture) { NewLine = "\n" };
        Emitter emitter = new(text);
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart(version: null, tags: null, isImplicit: true));
        Section(emitter, run);
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return text.ToString();
    }

    /// <summary>A scalar as YAML writes it, for the reference page too.</summary>
    public static string ScalarText(object value) => value switch
    {
        bool flag => flag ? "true" : "false",
        Enum member => member.GetType().GetField(member.ToString())!.GetCustomAttribute<EnumMemberAttribute>()!.Value!,
        ColumnReference column => column.Name ?? column.Index.ToString(CultureInfo.InvariantCulture),
        DataFormat format => format.Name,
        INumberOrSection { Number: { } number } => ScalarText(number),
        double number => number.ToString("R", CultureInfo.InvariantCulture).ToLowerInvariant(),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => (string)value,
    };

    /// <param name="name">The name of a section of which there are several kinds, written before its keys.</param>
    private static void Section(Emitter emitter, object record, string? name = null)
    {
        emitter.Emit(new MappingStart());
        if (name is not null)
        {
            Text(emitter, "name");
            Text(emitter, name);
        }

        foreach (SectionKey key in SectionKey.Of(record.GetType()))
        {
            if (key.Property.GetValue(record) is { } value)
            {
                Text(emitter, key.Name);
                Value(emitter, key, value);
            }
        }

        emitter.Emit(new MappingEnd());
    }

    private static void Value(Emitter emitter, SectionKey key, object value)
    {
        switch (value)
        {
            case Together { Methods: var methods }:
                emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, SequenceStyle.Block));
                foreach (Method method in methods)
                {
                    Section(emitter, method, method.Name);
                }

                emitter.Emit(new SequenceEnd());
                break;
            case Method method:
                Section(emitter, method, method.Name);
                break;
            case ModulePattern { Expression: string expression }:
                Text(emitter, expression);
                break;
            case ModulePattern { Names: IReadOnlyList<string> names }:
                List(emitter, names);
                break;
            case ClassWeights { Values: { } weights }:
                Numbers(emitter, weights);
                break;
            case ClassWeights:
                Text(emitter, "balanced");
                break;
            case ClassTasks { Labels: { } tasks }:
                emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, SequenceStyle.Flow));
                foreach (IReadOnlyList<string> labels in tasks)
                {
                    List(emitter, labels);
                }

                emitter.Emit(new SequenceEnd());
                break;
            case ClassTasks { Count: var count }:
                Scalar(emitter, count);
                break;
            case IReadOnlyList<string> names:
                List(emitter, names);
                break;
            case IReadOnlyList<MetricsTarget> targets:
                List(emitter, [.. targets.Select(target => ScalarText(target))]);
                break;
            case IReadOnlyList<int> numbers:
                Numbers(emitter, numbers);
                break;
            case IReadOnlyList<TokenIndices> tokens:
                Tokens(emitter, tokens);
                break;
            case DataFiles { Paths: [var single] }:
                Text(emitter, single);
                break;
            case DataFiles { Paths: var paths }:
                List(emitter, paths);
                break;
            case IReadOnlyList<KeyValuePair<string, int>> patterns:
                Patterns(emitter, patterns);
                break;
            case IReadOnlyList<KeyValuePair<string, double>> patterns:
                Patterns(emitter, patterns);
                break;
            case INumberOrSection { Number: { } number }:
                Scalar(emitter, number);
                break;
            case var _ when key.IsSection:
                Section(emitter, value);
                break;
            default:
                Scalar(emitter, value);
                break;
        }
    }

    private static void Patterns<T>(Emitter emitter, IReadOnlyList<KeyValuePair<string, T>> patterns)
        where T : struct
    {
        emitter.Emit(new MappingStart());
        foreach ((string pattern, T value) in patterns)
        {
            Text(emitter, pattern);
            Scalar(emitter, value);
        }

        emitter.Emit(new MappingEnd());
    }

    private static void Tokens(Emitter emitter, IReadOnlyList<TokenIndices> entries)
    {
        if (entries is [{ Module: null, Indices: var all }])
        {
            Numbers(emitter, all);
            return;
        }

        emitter.Emit(new MappingStart());
        foreach (TokenIndices entry in entries)
        {
            Text(emitter, entry.Module!);
            Numbers(emitter, entry.Indices);
        }

        emitter.Emit(new MappingEnd());
    }

    private static void Numbers<T>(Emitter emitter, IReadOnlyList<T> numbers)
        where T : struct
    {
        emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, SequenceStyle.Flow));
        foreach (T number in numbers)
        {
            Scalar(emitter, number);
        }

        emitter.Emit(new SequenceEnd());
    }

    private static void List(Emitter emitter, IReadOnlyList<string> items)
    {
        emitter.Emit(new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, SequenceStyle.Flow));
        foreach (string item in items)
        {
            Text(emitter, item);
        }

        emitter.Emit(new SequenceEnd());
    }

    private static void Scalar(Emitter emitter, object value)
    {
        if (value is string or char or ColumnReference { Name: not null })
        {
            Text(emitter, ScalarText(value));
        }
        else
        {
            emitter.Emit(new Scalar(ScalarText(value)));
        }
    }

    /// <summary>Text that could be read as a number, a truth value or YAML syntax is quoted.</summary>
    private static void Text(Emitter emitter, string text) => emitter.Emit(new Scalar(
        AnchorName.Empty,
        TagName.Empty,
        text,
        PlainText().IsMatch(text) && new ScalarNode(text, IsPlain: true, "") is { IsNull: false, Value: string }
            ? ScalarStyle.Plain
            : ScalarStyle.DoubleQuoted,
        isPlainImplicit: true,
        isQuotedImplicit: true));

    [GeneratedRegex(@"\A[A-Za-z_/][A-Za-z0-9_./-]*\z")]
    private static partial Regex PlainText();
}
