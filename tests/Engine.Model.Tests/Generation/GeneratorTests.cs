using System.Text.Json;
using Engine.Devices;
using Engine.Kernels.Tests;
using Engine.Common.Files;
using Engine.Model.Generation;
using Engine.Tests;

namespace Engine.Model.Tests.Generation;

/// <summary>Answers of whole models, held against Transformers' greedy completions and against themselves.</summary>
public sealed class GeneratorTests
{
    private static readonly string[] Decoders = ["qwen2", "qwen3", "llama", "qwen2-bfloat16"];
    private static readonly GenerationOptions Greedy = new() { MaxNewTokens = 24 };

    public static TheoryData<string, string> OnDevices => TestDevices.QuickWith<string>(Decoders);

    private static string Story => SharedFiles.Path("data/models/tinystory-llama");

    [Theory]
    [MemberData(nameof(OnDevices))]
    public void Greedy_completions_with_the_adapter_are_those_of_the_merged_model_in_transformers(string deviceName, string name)
    {
        string folder = SharedFiles.Path($"goldens/models/{name}");
        using Device device = TestDevices.Open(deviceName);
        using Generator generator = Generator.Open(device, folder);
        generator.AddAdapter("golden", Path.Combine(folder, "adapter"));
        generator.UseAdapter("golden");
        (int[] Prompt, int[] Completion)[] expected = Completions(folder);
        IReadOnlyList<GeneratedText> answers = generator.Generate(
            [.. expected.Select(pair => new GenerationRequest(pair.Prompt, Greedy with { MaxNewTokens = pair.Completion.Length }))]);
        Assert.All(expected.Zip(answers), pair => Assert.Equal(pair.First.Completion, pair.Second.Ids));
        Assert.All(answers, answer => Assert.Null(answer.Text));
    }

    [SharedFact]
    public void A_trained_model_tells_the_story_that_transformers_tells()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Generator.Open(device, Story);
        using JsonDocument golden = JsonDocument.Parse(File.ReadAllBytes(SharedFiles.Path("goldens/real/tinystory-llama.json")));
        foreach (JsonElement story in golden.RootElement.EnumerateArray())
        {
            int[] prompt = generator.Encode(story.GetProperty("text").GetString()!), whole = Integers(story, "greedy_ids");
            Assert.Equal(Integers(story, "prompt_ids"), prompt);
            GeneratedText answer = Assert.Single(generator.Generate(
                [new GenerationRequest(prompt, Greedy with { MaxNewTokens = whole.Length - prompt.Length, EosTokenIds = [] })]));
            Assert.Equal(whole[prompt.Length..], answer.Ids);

            // The answer's text joins to the prompt's.
            Assert.Equal(story.GetProperty("greedy_text").GetString(), generator.Tokenizer!.Decode(prompt) + answer.Text);
        }
    }

    [SharedFact]
    public void One_seed_gives_one_text_whatever_else_is_in_the_batch()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Generator.Open(device, Story);
        GenerationOptions drawn = new() { Sample = true, MaxNewTokens = 30, Seed = 11 };
        GenerationRequest Request(string prompt, ulong seed) => new(generator.Encode(prompt), drawn with { Seed = seed });
        string alone = generator.Generate([Request("Tom and Ann", 11)])[0].Text!;
        IReadOnlyList<GeneratedText> batch = generator.Generate(
            [.. Enumerable.Range(0, 20).Select(i => i == 17 ? Request("Tom and Ann", 11) : Request($"The {i} little dogs", (ulong)i))]);
        Assert.Equal(alone, batch[17].Text);
        Assert.NotEqual(alone, generator.Generate([Request("Tom and Ann", 12)])[0].Text);
    }

    [Fact]
    public void Adapters_are_switched_without_loading_the_base_again()
    {
        string folder = SharedFiles.Path("goldens/models/qwen2");
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Generator.Open(device, folder);
        GenerationRequest request = new([.. Completions(folder)[0].Prompt], Greedy);
        IReadOnlyList<int> plain = generator.Generate([request])[0].Ids;
        long baseBytes = device.Memory.Current;
        generator.AddAdapter("one", Path.Combine(folder, "adapter"));
        generator.AddAdapter("two", SharedFiles.Path("goldens/trajectories/qwen2/lora.init"));
        Assert.InRange(device.Memory.Current - baseBytes, 1, baseBytes / 2);
        Assert.Equal(["one", "two"], generator.AdapterNames);

        generator.UseAdapter("one");
        Assert.Equal(Completions(folder)[0].Completion, generator.Generate([request])[0].Ids);

        // A LoRA adapter at its first step changes nothing, as its B is zero.
        generator.UseAdapter("two");
        Assert.Equal(plain, generator.Generate([request])[0].Ids);
        generator.UseAdapter("one");
        Assert.Equal(Completions(folder)[0].Completion, generator.Generate([request])[0].Ids);
        generator.UseAdapter(null);
        Assert.Equal(plain, generator.Generate([request])[0].Ids);
        Assert.NotEqual(plain, Completions(folder)[0].Completion);
        Assert.Contains(
            "one, two", Assert.Throws<ArgumentException>(() => generator.UseAdapter("three")).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => generator.AddAdapter("one", Path.Combine(folder, "adapter")));
    }

    [SharedFact]
    public void Answers_end_at_end_tokens_stop_strings_and_full_contexts()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Generator.Open(device, Story, contextLength: 40);
        int[] prompt = generator.Encode("Once upon a time");
        GeneratedText whole = generator.Generate([new GenerationRequest(prompt, Greedy with { MaxNewTokens = 100 })])[0];
        Assert.Equal(FinishReason.Length, whole.Finish);
        Assert.Equal(40, prompt.Length + whole.Ids.Count);

        // " named Lily" spans tokens; the text is cut before it and what follows is not generated.
        GeneratedText stopped = generator.Generate([new GenerationRequest(prompt, Greedy with { StopStrings = [" named Lily"] })])[0];
        Assert.Equal(FinishReason.StopString, stopped.Finish);
        Assert.Equal(", a little girl", stopped.Text);
        Assert.True(stopped.Ids.Count < whole.Ids.Count);

        GeneratedText ended = generator.Generate([new GenerationRequest(prompt, Greedy with { EosTokenIds = [whole.Ids[4]] })])[0];
        Assert.Equal(FinishReason.EndToken, ended.Finish);
        Assert.Equal(whole.Ids.Take(whole.Ids.ToList().IndexOf(whole.Ids[4]) + 1), ended.Ids);

        int[] tooLong = [.. Enumerable.Repeat(5, 40)];
        Assert.Contains(
            "40 tokens", Assert.Throws<ArgumentException>(() => generator.Generate([new GenerationRequest(tooLong, Greedy)])).Message,
            StringComparison.Ordinal);
    }

    [SharedFact]
    public async Task Streamed_pieces_join_to_the_text()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Generator.Open(device, Story);
        GenerationRequest request = new(generator.Encode("One day"), Greedy with { MaxNewTokens = 40 });
        List<GeneratedPiece> pieces = [];
        await foreach (GeneratedPiece piece in generator.StreamAsync(request))
        {
            pieces.Add(piece);
        }

        Assert.Equal(generator.Generate([request])[0].Text, string.Concat(pieces.Select(piece => piece.Text)));
        Assert.Equal(Enumerable.Range(1, 40), pieces.Select(piece => piece.Tokens));
        Assert.Equal(FinishReason.Length, pieces[^1].Finish);
    }

    [SharedFact]
    public async Task A_cancelled_stream_ends_and_leaves_the_generator_as_it_was()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator generator = Generator.Open(device, Story);
        GenerationRequest request = new(generator.Encode("One day"), Greedy with { MaxNewTokens = 400 });
        string whole = generator.Generate([request with { Options = Greedy }])[0].Text!;
        using var source = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (GeneratedPiece piece in generator.StreamAsync(request, source.Token))
            {
                if (piece.Tokens == 5)
                {
                    await source.CancelAsync();
                }
            }
        });
        await foreach (GeneratedPiece piece in generator.StreamAsync(request))
        {
            if (piece.Tokens == 3)
            {
                break;
            }
        }

        Assert.Equal(whole, generator.Generate([request with { Options = Greedy }])[0].Text);
    }

    /// <summary>A chat's next turn begins with the last one: only what is new runs, and the answer is the same as from the start.</summary>
    [SharedFact]
    public void A_prompt_that_goes_on_from_the_last_one_has_the_answer_it_would_have_alone()
    {
        using Device device = TestDevices.Open("cpu");
        using Generator chat = Generator.Open(device, Story), fresh = Generator.Open(device, Story);
        int[] prompt = chat.Encode("Once upon a time");
        for (int turn = 0; turn < 3; turn++)
        {
            GenerationRequest request = new(prompt, Greedy with { MaxNewTokens = 10 });
            GeneratedText answer = chat.Generate([request])[0];
            using Generator alone = Generator.Open(device, Story);
            Assert.Equal(alone.Generate([request])[0].Ids, answer.Ids);
            Assert.True(answer.Ids.Distinct().Count() > 3, answer.Text);
            prompt = [.. prompt, .. answer.Ids, .. chat.Encode(" Then", addSpecialTokens: false)];
        }

        // A longer answer than the cache has room for makes a larger one.
        GenerationRequest longer = new(prompt, Greedy with { MaxNewTokens = 300, EosTokenIds = [] });
        Assert.Equal(fresh.Generate([longer])[0].Ids, chat.Generate([longer])[0].Ids);
    }

    [Fact]
    public void A_model_that_writes_nothing_is_refused()
    {
        using Device device = TestDevices.Open("cpu");
        Assert.Contains(
            "RobertaForSequenceClassification does not generate text",
            Assert.Throws<ModelFileException>(() => Generator.Open(device, SharedFiles.Path("goldens/models/roberta-cls"))).Message,
            StringComparison.Ordinal);
    }

    private static (int[] Prompt, int[] Completion)[] Completions(string folder)
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expected.json")));
        return [.. expected.RootElement.GetProperty("greedy_merged")
            .EnumerateArray().Select(pair => (Integers(pair, "prompt"), Integers(pair, "completion")))];
    }

    private static int[] Integers(JsonElement element, string key) =>
        [.. element.GetProperty(key).EnumerateArray().Select(number => number.GetInt32())];
}
