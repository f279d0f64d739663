using System.CommandLine;
using Engine.Cli.Console;
using Engine.Tokenizers;
using Engine.Training.Reports;
using Spectre.Console;

namespace Engine.Cli.Commands;

/// <summary><c>engine train-tokenizer</c>: a byte-level BPE of one's own.</summary>
internal sealed class TrainTokenizerCommand : EngineCommand
{
    private readonly Option<int> size = new("--size")
    {
        Description = "Tokens of the vocabulary, special tokens and bytes included.",
        HelpName = "N",
        Required = true,
    };

    private readonly Option<bool> prefix = new("--add-prefix-space")
    {
        Description = "Put a blank before a text, so that its first word is the same token as further back.",
    };

    private readonly Option<string> output =
        CommonOptions.Output("Folder for vocab.json, merges.txt, tokenizer.json and tokenizer_config.json.", "FOLDER");

    private readonly Argument<string[]> files = new("FILE")
    {
        Description = "UTF-8 text files to learn from.",
        Arity = ArgumentArity.OneOrMore,
    };

    public TrainTokenizerCommand(CommandHost host)
        : base(
            host,
            "train-tokenizer",
            "Learns a byte-level BPE vocabulary in RoBERTa's layout from text files.",
            "engine train-tokenizer --size 8000 --output my-tokenizer corpus.txt more.txt")
    {
        Add(size);
        Add(prefix);
        Add(output);
        Add(files);
    }

    protected override int Run(ParseResult arguments)
    {
        int wanted = arguments.GetValue(size);
        string folder = arguments.GetRequiredValue(output);
        var trainer = new BpeTrainer { AddPrefixSpace = arguments.GetValue(prefix) };
        TrainedBpe trained = trainer.TrainFolder(arguments.GetRequiredValue(files), wanted, folder);
        Host.Console.WriteLine($"{Amounts.Of(trained.Tokens.Count, "token")}, {Amounts.Of(trained.Merges.Count, "merge")}, written to "
            + $"{folder}");
        if (trained.Tokens.Count < wanted)
        {
            Host.Console.WriteLine($"No pair of tokens came {trainer.MinFrequency} times any more; more text would give more tokens.");
        }

        return ExitCode.Success;
    }
}
