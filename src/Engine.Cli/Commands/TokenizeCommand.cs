using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using Engine.Cli.Console;
using Engine.Tokenizers;
using Engine.Training.Data;

namespace Engine.Cli.Commands;

/// <summary><c>engine tokenize</c>: texts to token ids and back, one JSON line each.</summary>
internal sealed class TokenizeCommand : EngineCommand
{
    private readonly Option<string> model = new("--model")
    {
        Description = "Folder with the tokenizer: tokenizer.json, or vocab.json and merges.txt, or vocab.txt.",
        HelpName = "FOLDER",
        Required = true,
    };

    private readonly Option<bool> jsonl = new("--jsonl")
    {
        Description = "Each line is a JSON object with 'text', or with 'a' and 'b' for a pair.",
    };

    private readonly Option<bool> noSpecialTokens = new("--no-special-tokens")
    {
        Description = "Leave out the special tokens that the tokenizer adds.",
    };

    private readonly Option<int?> maxLength = new("--max-length")
    {
        Description = "Cut to this many tokens, special tokens included; of a pair the longer text first.",
        HelpName = "N",
    };

    private readonly Option<bool> decode = new("--decode")
    {
        Description = "The other way: each line is a JSON object with 'ids'; prints 'text', special tokens kept.",
    };

    private readonly Argument<string> file = new("FILE") { Description = "UTF-8 text with one text a line; - is standard input." };

    public TokenizeCommand(CommandHost host)
        : base(
            host,
            "tokenize",
            "Turns each line of a file into token ids as Hugging Face's tokenizers do, and prints one JSON line each with 'ids' and "
                + "'type_ids'.",
            "engine tokenize --model models/roberta-base sentences.txt",
            "echo '{\"a\": \"A question?\", \"b\": \"An answer.\"}' | engine tokenize --model models/roberta-base --jsonl -",
            "engine tokenize --model models/roberta-base sentences.txt | engine tokenize --model models/roberta-base --decode -")
    {
        maxLength.Validators.Add(result =>
        {
            if (result.GetValue(maxLength) is < 1)
            {
                result.AddError("--max-length must be at least 1.");
            }
        });
        Add(model);
        Add(jsonl);
        Add(noSpecialTokens);
        Add(maxLength);
        Add(decode);
        Add(file);
    }

    protected override int Run(ParseResult arguments)
    {
        if (arguments.GetValue(decode)
            && ((Option[])[jsonl, noSpecialTokens, maxLength])
                .FirstOrDefault(option => arguments.GetResult(option) is { Implicit: false }) is { } idle)
        {
            throw new ArgumentException($"{idle.Name} is for turning text into ids and has no effect with --decode; leave it out.");
        }

        Tokenizer tokenizer = Tokenizer.Load(arguments.GetRequiredValue(model));
        string path = arguments.GetRequiredValue(file);
        bool json = arguments.GetValue(jsonl);
        var options = new EncodeOptions
        {
            AddSpecialTokens = !arguments.GetValue(noSpecialTokens),
            MaxLength = arguments.GetValue(maxLength),
        };
        string source = path == "-" ? "standard input" : path;
        IEnumerable<(int, string)> lines = path == "-" ? TextLines.Read(Host.Input, source) : TextLines.Read(path);
        using JsonLines output = new(Host.Output);
        foreach ((int line, string text) in lines)
        {
            if (arguments.GetValue(decode))
            {
                using JsonRecord item = JsonRecord.Parse(new DataPlace(source, line), text);
                WriteText(output.Writer, tokenizer.Decode(Ids(item)));
            }
            else
            {
                WriteEncoding(output, Encode(tokenizer, source, line, text, json, options));
            }

            output.End();
        }

        return ExitCode.Success;
    }

    private static int[] Ids(JsonRecord item)
    {
        int[] ids = item.Integers("ids");
        int negative = Array.FindIndex(ids, id => id < 0);
        return negative < 0 ? ids : throw item.Wrong($"property 'ids' has {ids[negative]} at place {negative}; ids count from 0.");
    }

    private static Encoding Encode(Tokenizer tokenizer, string source, int line, string text, bool json, EncodeOptions options)
    {
        if (!json)
        {
            return tokenizer.Encode(text, options);
        }

        using JsonRecord item = JsonRecord.Parse(new DataPlace(source, line), text);
        if (item.Has("text") && (item.Has("a") || item.Has("b")))
        {
            throw item.Wrong("the object has 'text' beside 'a' or 'b'; 'text' alone, or 'a' and 'b' for a pair, was expected.");
        }

        return item.Has("a") || item.Has("b")
            ? tokenizer.Encode(item.Text("a"), item.Text("b"), options)
            : tokenizer.Encode(item.Text("text"), options);
    }

    private static void WriteText(Utf8JsonWriter writer, string text)
    {
        writer.WriteStartObject();
        writer.WriteString("text", text);
        writer.WriteEndObject();
    }

    private static void WriteEncoding(JsonLines output, Encoding encoding)
    {
        output.Writer.WriteStartObject();
        output.WriteNumbers("ids", encoding.Ids);
        output.WriteNumbers("type_ids", encoding.TypeIds);
        output.Writer.WriteEndObject();
    }
}
