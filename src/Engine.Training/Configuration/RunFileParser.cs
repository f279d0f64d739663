using System.Text;
using Engine.Common.Files;
using Engine.Common;
using Engine.Optim;
using Engine.Training.Running;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Engine.Training.Configuration;

/// <summary>Parses YAML into nodes that know their lines. Anchors are refused: a few of them expand without bound.</summary>
internal static class RunFileParser
{
    private const long LargestFile = 1024 * 1024;
    private const int DeepestNesting = 16;

    /// <summary>Parses a file whose root is a map.</summary>
    /// <exception cref="ConfigurationException">No such file, not UTF-8, or not one YAML map.</exception>
    public static MapNode Parse(string path)
    {
        return ParseText(ReadText(path), line => $"{path}:{line}") switch
        {
            MapNode map => map,
            ScalarNode { IsNull: true } => throw Wrong("the file is empty"),
            ListNode => throw Wrong("the file is a list (lines that begin with '-')"),
            _ => throw Wrong("the file is a single text"),
        };

        ConfigurationException Wrong(string what) => new($"{path}: {what}, not a map of keys to values (lines such as 'model: FOLDER').");
    }

    /// <summary>The text of a file, which is UTF-8, or begins with a byte-order mark that says otherwise.</summary>
    private static string ReadText(string path)
    {
        if (!File.Exists(path))
        {
            throw new ConfigurationException(!Directory.Exists(path) ? $"{path}: the file does not exist."
                : File.Exists(new RunFolder(path).ConfigurationPath)
                ? $"{path}: this is the folder of a run; its run file is {new RunFolder(path).ConfigurationPath}."
                : $"{path}: this is a folder; a YAML file was expected.");
        }

        try
        {
            FileInfo file = new(path);
            if (file.Length > LargestFile)
            {
                throw new ConfigurationException($"{path}: the file has {file.Length} bytes; at most {LargestFile} were expected.");
            }

            using StreamReader reader = new(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
            return reader.ReadToEnd();
        }
        catch (UnauthorizedAccessException error)
        {
            throw new ConfigurationException($"{path}: the file may not be read by this user.", error);
        }
        catch (DecoderFallbackException error)
        {
            throw new ConfigurationException(
                $"{path}:{FileFault.LineNotUtf8(path)}: this line has bytes that are not UTF-8; convert the file to UTF-8.", error);
        }
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
                : throw new ConfigurationException(
                    $"{locate(parser.Current!.Start.Line)}: a second YAML document begins here; one was expected.");
        }
        catch (YamlException error)
        {
            throw NotYaml(text, error, parser.Current?.End.Line ?? 1, locate);
        }
        catch (InvalidOperationException error)
        {
            // YamlDotNet's scanner says so, without a place, where a plain value inside braces runs on over lines.
            throw new ConfigurationException(
                $"{locate(parser.Current?.End.Line ?? 1)}: this is not YAML: the entry after this line cannot be read; "
                    + "is a brace or bracket left open?",
                error);
        }
    }

    /// <summary>The scanner's complaint, in words for who wrote the file.</summary>
    /// <param name="read">The line up to which it was understood.</param>
    private static ConfigurationException NotYaml(string text, YamlException error, long read, Func<long, string> locate)
    {
        string said = error.Message;
        if (Says("tab") && LineIndentedByTab(text, read) is { } line)
        {
            // The scanner names where the value before it began, or the file's beginning.
            return new ConfigurationException($"{locate(line)}: this is not YAML: the line is indented by a tab; write spaces.", error);
        }

        string problem = said switch
        {
            _ when Says("escape") => "a backslash in double quotes begins an escape that YAML does not have; "
                + "write single quotes, or the backslash twice",
            _ when Says("quoted scalar") => "the quote that is opened here is not closed",
            _ when Says("expected key") => "'key: value' was expected, indented as the lines that belong together with it",
            _ when Says("invalid mapping") => "a second ': ' in one value, or a key indented below a value; "
                + "put a text with a colon in quotes",
            _ when Says("start any token") => "no value begins with this character; put the text in quotes",
            _ when Says("node content") => "a value was expected",
            _ => said.TrimEnd('.'),
        };
        return new ConfigurationException($"{locate(error.Start.Line)}: this is not YAML: {problem} (column {error.Start.Column}).", error);

        bool Says(string words) => said.Contains(words, StringComparison.Ordinal);
    }

    /// <summary>The first line from a line on whose indentation has a tab, counted from 1.</summary>
    private static long? LineIndentedByTab(string text, long from) => text.Split('\n')
        .Select((line, index) => (Number: index + 1L, Indentation: line[..^line.TrimStart().Length]))
        .Where(line => line.Number >= from && line.Indentation.Contains('\t', StringComparison.Ordinal))
        .Select(line => (long?)line.Number)
        .FirstOrDefault();

    private static ConfigNode Node(Parser parser, Func<long, string> locate, int depth)
    {
        string location = locate(parser.Current!.Start.Line);
        if (depth > DeepestNesting)
        {
            throw new ConfigurationException($"{location}: the nesting is deeper than {DeepestNesting}.");
        }

        if (parser.Current is AnchorAlias || parser.Current is NodeEvent { Anchor.IsEmpty: false })
        {
            throw new ConfigurationException(
                $"{location}: anchors and aliases (& and *) are not read in run files; write the value out, or quote it if it is text.");
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
                throw new ConfigurationException(
                    $"{keyLocation}: the key '{key.Text}' is there twice (first at {map[key.Text].Location}).");
            }
        }

        return new MapNode(map, location);
    }
}
