using Engine.Optim;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Engine.Training.Configuration;

/// <summary>Parses YAML into nodes that know their lines. Anchors are refused: a few of them expand without bound.</summary>
internal static class RunFileParser
{
    private const long LargestFile = 1024 * 1024;
    private const int DeepestNesting = 16;

    /// <summary>Parses a file whose root is a map.</summary>
    /// <exception cref="ConfigurationException">No such file, or not one YAML map.</exception>
    public static MapNode Parse(string path)
    {
        FileInfo file = new(path);
        if (!file.Exists)
        {
            throw new ConfigurationException($"{path}: the run file does not exist.");
        }

        if (file.Length > LargestFile)
        {
            throw new ConfigurationException($"{path}: the run file has {file.Length} bytes; at most {LargestFile} were expected.");
        }

        return ParseText(File.ReadAllText(path), line => $"{path}:{line}") switch
        {
            MapNode map => map,
            _ => throw new ConfigurationException($"{path}: the run file is not a map of keys to values."),
        };
    }

    /// <summary>Parses one YAML value.</summary>
    /// <param name="text">The YAML text.</param>
    /// <param name="locate">Names a line for messages.</param>
    public static ConfigNode ParseText(string text, Func<long, string> locate)
    {
        Parser parser = new(new StringReader(text));
        try
        {
            parser.Consume<StreamStart>();
            if (!parser.TryConsume<DocumentStart>(out _))
            {
                return new ScalarNode("", IsPlain: true, locate(1));
            }

            ConfigNode root = Node(parser, locate, depth: 0);
            parser.Consume<DocumentEnd>();
            return parser.Accept<StreamEnd>(out _)
                ? root
                : throw new ConfigurationException($"{locate(parser.Current!.Start.Line)}: a second YAML document begins here; one was expected.");
        }
        catch (YamlException error)
        {
            throw new ConfigurationException($"{locate(error.Start.Line)}: this is not YAML: {error.Message} (column {error.Start.Column}).", error);
        }
        catch (InvalidOperationException error)
        {
            // YamlDotNet's scanner says so, without a place, where a plain value inside braces runs on over lines.
            throw new ConfigurationException($"{locate(parser.Current?.End.Line ?? 1)}: this is not YAML: the entry after this line cannot be read; is a brace or bracket left open?", error);
        }
    }

    private static ConfigNode Node(Parser parser, Func<long, string> locate, int depth)
    {
        string location = locate(parser.Current!.Start.Line);
        if (depth > DeepestNesting)
        {
            throw new ConfigurationException($"{location}: the nesting is deeper than {DeepestNesting}.");
        }

        if (parser.Current is AnchorAlias || parser.Current is NodeEvent { Anchor.IsEmpty: false })
        {
            throw new ConfigurationException($"{location}: anchors and aliases (& and *) are not read in run files; write the value out, or quote it if it is text.");
        }

        if (parser.Current is Scalar scalar)
        {
            parser.MoveNext();
            return new ScalarNode(scalar.Value, scalar.Style == ScalarStyle.Plain && scalar.IsPlainImplicit, location);
        }

        if (parser.TryConsume<SequenceStart>(out _))
        {
            List<ConfigNode> items = [];
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                items.Add(Node(parser, locate, depth + 1));
            }

            return new ListNode(items, location);
        }

        parser.Consume<MappingStart>();
        OrderedDictionary<string, ConfigNode> map = [];
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            string keyLocation = locate(parser.Current!.Start.Line);
            if (Node(parser, locate, depth + 1) is not ScalarNode key)
            {
                throw new ConfigurationException($"{keyLocation}: a key must be a single word.");
            }

            ConfigNode value = Node(parser, locate, depth + 1) with { Location = keyLocation };
            if (!map.TryAdd(key.Text, value))
            {
                throw new ConfigurationException($"{keyLocation}: the key '{key.Text}' is there twice (first at {map[key.Text].Location}).");
            }
        }

        return new MapNode(map, location);
    }
}
