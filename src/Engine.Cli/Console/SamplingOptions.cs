using System.CommandLine;
using Engine.Model.Generation;

namespace Engine.Cli.Console;

/// <summary>How tokens are chosen: what the command line says over the model folder's generation_config.json.</summary>
internal sealed class SamplingOptions
{
    private readonly Option<int?> maxNewTokens = new("--max-new-tokens")
    {
        Description = "The most tokens of an answer; without it generation_config.json's, else 256.",
        HelpName = "N",
    };

    private readonly Option<bool> greedy = new("--greedy")
    {
        Description = "Take the most probable token each time, whatever generation_config.json says.",
    };

    private readonly Option<float?> temperature = CommonOptions.Number(new Option<float?>("--temperature")
    {
        Description = "Draw tokens, logits divided by this: lower is surer; 0 is --greedy.",
        HelpName = "T",
    });

    private readonly Option<int?> topK = new("--top-k")
    {
        Description = "Draw from the K most probable tokens only; 0: from all. Without it generation_config.json's, else 50.",
        HelpName = "K",
    };

    private readonly Option<float?> topP = CommonOptions.Number(new Option<float?>("--top-p")
    {
        Description = "Draw from the most probable tokens that together reach probability P.",
        HelpName = "P",
    });

    private readonly Option<float?> repetitionPenalty = CommonOptions.Number(new Option<float?>("--repetition-penalty")
    {
        Description = "Make tokens that were there already less likely; 1 is off.",
        HelpName = "R",
    });

    private readonly Option<string[]> stop = new("--stop")
    {
        Description = "End an answer before this text. May be given several times.",
        HelpName = "TEXT",
    };

    private readonly Option<ulong?> seed = new("--seed")
    {
        Description = "Draw tokens from this seed: the same seed and prompt give the same text.",
        HelpName = "N",
    };

    private readonly Option<bool> ignoreEos = new("--ignore-eos")
    {
        Description = "Go on past the tokens with which the model ends an answer.",
    };


    /// <param name="ignoreEos">Whether <c>--ignore-eos</c> is offered.</param>
    public SamplingOptions(Command command, bool ignoreEos = true)
    {
        command.Add(maxNewTokens);
        command.Add(greedy);
        command.Add(temperature);
        command.Add(topK);
        command.Add(topP);
        command.Add(repetitionPenalty);
        command.Add(stop);
        command.Add(seed);
        if (ignoreEos)
        {
            command.Add(this.ignoreEos);
        }
    }

    /// <summary>The options, which are valid. Any option of drawing makes tokens be drawn.</summary>
    /// <exception cref="ArgumentException">A value out of its range, or --greedy beside an option of drawing.</exception>
    public GenerationOptions Read(ParseResult arguments, GenerationOptions defaults)
    {
        bool draws = arguments.GetValue(temperature) is not null || arguments.GetValue(topK) is not null
            || arguments.GetValue(topP) is not null || arguments.GetValue(seed) is not null;
        if (draws && arguments.GetValue(greedy))
        {
            throw new ArgumentException(
                "--greedy takes the most probable token, and --temperature, --top-k, --top-p and --seed say how to draw one; "
                + "give one or the other.");
        }

        GenerationOptions options = defaults with
        {
            MaxNewTokens = arguments.GetValue(maxNewTokens) ?? defaults.MaxNewTokens,
            Sample = draws || (defaults.Sample && !arguments.GetValue(greedy)),
            Temperature = arguments.GetValue(temperature) ?? defaults.Temperature,
            TopK = arguments.GetValue(topK) ?? defaults.TopK,
            TopP = arguments.GetValue(topP) ?? defaults.TopP,
            RepetitionPenalty = arguments.GetValue(repetitionPenalty) ?? defaults.RepetitionPenalty,
            Seed = arguments.GetValue(seed) ?? defaults.Seed,
            StopStrings = [.. defaults.StopStrings, .. arguments.GetValue(stop) ?? []],
            EosTokenIds = arguments.GetResult(ignoreEos) is not null && arguments.GetValue(ignoreEos) ? [] : defaults.EosTokenIds,
        };
        options.Validate();
        return options;
    }
}
