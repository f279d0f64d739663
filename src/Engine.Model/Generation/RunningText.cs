using System.Text;
using Engine.Model.Execution;
using Engine.Tokenizers;

namespace Engine.Model.Generation;

/// <summary>One answer while it is generated: chooses its tokens, makes text of them and sees when it ends.</summary>
internal sealed class RunningText
{
    /// <summary>
    /// Tokens at the prompt's end that the text decoder sees first, so that the answer joins to the prompt with the space that belongs
    /// between.
    /// </summary>
    private const int DecoderContext = 8;

    private readonly GenerationRequest request;
    private readonly TokenSampler sampler;
    private readonly StreamingDecoder? decoder;
    private readonly StopMatcher stop;
    private readonly int[] next = new int[1];
    private readonly List<int> ids = [];
    private readonly StringBuilder text = new();

    /// <param name="index">The number of the request.</param>
    /// <param name="request">A request that <see cref="Check"/> has passed.</param>
    /// <param name="call">The call it belongs to.</param>
    /// <param name="model">What goes on with it.</param>
    /// <param name="tokenizer">Null where no text is wanted.</param>
    /// <param name="contextLength">The most tokens of prompt and answer.</param>
    public RunningText(
        int index, GenerationRequest request, GenerationCall call, TransformerModel model, Tokenizer? tokenizer, int contextLength)
    {
        Index = index;
        Call = call;
        Model = model;
        this.request = request;
        Prompt = [.. request.PromptIds];
        sampler = new TokenSampler(request.Options, model.Architecture.OutputSize);
        sampler.Observe(Prompt);
        stop = new StopMatcher(request.Options.StopStrings);
        Room = Math.Min(request.Options.MaxNewTokens, contextLength - Prompt.Length);
        decoder = tokenizer?.CreateStream();
        for (int i = Math.Max(0, Prompt.Length - DecoderContext); i < Prompt.Length; i++)
        {
            decoder?.Add(Prompt[i]);
        }
    }

    public int Index { get; }

    public GenerationCall Call { get; }

    /// <summary>The most tokens of the answer.</summary>
    public int Room { get; }

    /// <summary>The model, with the request's adapter.</summary>
    public TransformerModel Model { get; }

    public int[] Prompt { get; }

    /// <summary>The newest token, for the model's next step.</summary>
    public ReadOnlyMemory<int> Next => next;

    public FinishReason? Finish { get; private set; }

    /// <summary>Refuses a request that cannot be answered, before it waits for its turn.</summary>
    /// <exception cref="ArgumentException">The prompt does not fit the context, or an option is out of its range.</exception>
    public static void Check(GenerationRequest request, Tokenizer? tokenizer, int contextLength)
    {
        if (request.PromptIds.Count == 0)
        {
            throw new ArgumentException("A prompt has no tokens; at least one was expected.");
        }

        if (request.PromptIds.Count >= contextLength)
        {
            throw new ArgumentException(
                $"A prompt has {request.PromptIds.Count} tokens, and the context holds {contextLength} with the answer; "
                    + "shorten the prompt.");
        }

        if (tokenizer is null && request.Options.StopStrings.Count > 0)
        {
            throw new ArgumentException("Stop strings need text, and the model's folder has no tokenizer.");
        }

        request.Options.Validate();
    }

    /// <summary>Chooses the next token.</summary>
    /// <param name="logits">[vocabulary]; may be changed.</param>
    public GeneratedPiece Advance(Span<float> logits)
    {
        int token = sampler.Next(logits, ids.Count);
        ids.Add(token);
        next[0] = token;
        sampler.Observe(next);
        bool ended = request.Options.EosTokenIds.Contains(token);
        string piece = ended || decoder is null ? "" : stop.Add(decoder.Add(token));
        Finish = stop.Stopped ? FinishReason.StopString : ended ? FinishReason.EndToken : ids.Count == Room ? FinishReason.Length : null;
        if (Finish is FinishReason.EndToken or FinishReason.Length && decoder is not null)
        {
            piece += stop.Add(decoder.Flush());
            piece += stop.Stopped ? "" : stop.Flush();
            Finish = stop.Stopped ? FinishReason.StopString : Finish;
        }

        text.Append(piece);
        return new GeneratedPiece(Index, piece, ids.Count, Finish);
    }

    public GeneratedText Result() => new(
        Prompt.Length,
        ids,
        decoder is null ? null : text.ToString(),
        Finish ?? throw new InvalidOperationException("The answer has not ended."));
}
