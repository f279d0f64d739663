using Engine.Devices;
using Engine.Model.Architectures;
using Engine.Model.Chat;
using Engine.Model.Generation;
using Engine.Model.Peft;
using Engine.Tests;
using Microsoft.Extensions.AI;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;

namespace Engine.ChatClient.Tests;

/// <summary>
/// A trained model behind <see cref="IChatClient"/>; it knows no chat template and goes on with the text of its messages.
/// </summary>
public sealed class EngineChatClientTests
{
    private static string Story => SharedFiles.Path("data/models/tinystory-llama");

    [SharedFact]
    public async Task An_answer_has_the_text_the_reason_and_the_usage()
    {
        using Model model = new();
        ChatResponse response = await model.Client.GetResponseAsync([User("Once upon a time")], new ChatOptions { MaxOutputTokens = 9 });
        GeneratedText expected =
            model.Generator.Generate(
                [new GenerationRequest(model.Generator.Encode("Once upon a time"), new GenerationOptions { MaxNewTokens = 9 })])[0];
        Assert.Equal(expected.Text, response.Text);
        Assert.Equal(ChatFinishReason.Length, response.FinishReason);
        Assert.Equal("story", response.ModelId);
        Assert.Equal(ChatRole.Assistant, Assert.Single(response.Messages).Role);
        Assert.Equal((6, 9, 15), (response.Usage!.InputTokenCount, response.Usage.OutputTokenCount, response.Usage.TotalTokenCount));
    }

    [SharedFact]
    public async Task Updates_join_to_the_answer()
    {
        using Model model = new();
        var options = new ChatOptions { MaxOutputTokens = 30, StopSequences = [" girl"] };
        List<ChatResponseUpdate> updates = [];
        await foreach (ChatResponseUpdate update in model.Client.GetStreamingResponseAsync([User("Once upon a time")], options))
        {
            updates.Add(update);
        }

        Assert.True(updates.Count > 1);
        Assert.Equal(", a little", string.Concat(updates.Select(update => update.Text)));
        Assert.Equal(ChatFinishReason.Stop, updates[^1].FinishReason);
        Assert.Single(updates.Select(update => update.ResponseId).Distinct());
    }

    [SharedFact]
    public async Task A_seed_repeats_an_answer_and_temperature_zero_takes_the_most_probable_tokens()
    {
        using Model model = new();
        async Task<string> Text(ChatOptions options) => (await model.Client.GetResponseAsync([User("One day")], options)).Text;
        var drawn = new ChatOptions { MaxOutputTokens = 20, Temperature = 1.2f, TopP = 0.95f, TopK = 100, Seed = 5 };
        Assert.Equal(await Text(drawn), await Text(drawn));
        Assert.NotEqual(await Text(drawn), await Text(With(drawn, options => options.Seed = -6)));
        Assert.Equal(await Text(new ChatOptions { MaxOutputTokens = 20 }), await Text(With(drawn, options => options.Temperature = 0)));
    }

    [SharedFact]
    public async Task Conversations_run_beside_each_other()
    {
        using Model model = new();
        ChatResponse[] answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ =>
            Task.Run(() => model.Client.GetResponseAsync([User("Once upon a time")], new ChatOptions { MaxOutputTokens = 12 }))));
        Assert.Single(answers.Select(answer => answer.Text).Distinct());
    }

    [SharedFact]
    public async Task The_model_of_a_request_is_its_adapter()
    {
        using Model model = new();
        string folder = Path.Combine(Directory.CreateTempSubdirectory("engine-adapter-").FullName, "loud");
        model.WriteAdapter(folder);
        model.Generator.AddAdapter("loud", folder);
        var options = new ChatOptions { MaxOutputTokens = 12 };
        var loud = With(options, changed => changed.ModelId = "loud");
        string plain = (await model.Client.GetResponseAsync([User("Once upon a time")], options)).Text;
        ChatResponse adapted = await model.Client.GetResponseAsync([User("Once upon a time")], loud);
        Assert.Equal("loud", adapted.ModelId);
        Assert.NotEqual(plain, adapted.Text);

        // Side by side, in threads that interleave as they will.
        ChatResponse[] answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(i =>
            Task.Run(() => model.Client.GetResponseAsync([User("Once upon a time")], i % 2 == 0 ? options : loud))));
        Assert.All(answers.Index(), answer => Assert.Equal(answer.Index % 2 == 0 ? plain : adapted.Text, answer.Item.Text));
        var refused = await Assert.ThrowsAsync<NotSupportedException>(
            () => model.Client.GetResponseAsync([User("x")], new ChatOptions { ModelId = "another" }));
        Assert.Contains("adapters loud", refused.Message, StringComparison.Ordinal);
        Directory.Delete(Path.GetDirectoryName(folder)!, recursive: true);
    }

    [SharedFact]
    public async Task What_the_model_cannot_honour_is_refused_by_name()
    {
        using Model model = new();
        foreach ((ChatOptions options, string part) in new (ChatOptions, string)[]
        {
            (new ChatOptions { FrequencyPenalty = 0.5f }, "FrequencyPenalty"),
            (new ChatOptions { PresencePenalty = 0.5f }, "PresencePenalty"),
            (new ChatOptions { ResponseFormat = ChatResponseFormat.Json }, "ResponseFormat"),
            (new ChatOptions { ModelId = "another" }, "'story'"),
            (new ChatOptions { ConversationId = "7" }, "ConversationId"),
            (new ChatOptions { ToolMode = ChatToolMode.RequireAny }, "ToolMode"),
            (new ChatOptions { AdditionalProperties = new() { ["documents"] = "x" } }, "documents"),
        })
        {
            var refused = await Assert.ThrowsAsync<NotSupportedException>(() => model.Client.GetResponseAsync([User("x")], options));
            Assert.Contains(part, refused.Message, StringComparison.Ordinal);
        }

        var image = new ChatMessage(ChatRole.User, [new DataContent(new byte[] { 1 }, "image/png")]);
        Assert.Contains(
            "DataContent", (await Assert.ThrowsAsync<NotSupportedException>(() => model.Client.GetResponseAsync([image]))).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "'narrator'",
            (await Assert.ThrowsAsync<NotSupportedException>(
                () => model.Client.GetResponseAsync([new ChatMessage(new ChatRole("narrator"), "x")]))).Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<ArgumentException>(() => model.Client.GetResponseAsync([User("x")], new ChatOptions { TopP = 7 }));
    }

    [SharedFact]
    public void Instructions_go_before_the_conversation()
    {
        var options = new ChatOptions { Instructions = "Be brief." };
        Assert.Equal(
            [("system", "Be brief.\nBe kind."), ("user", "Hello")],
            ConversationReader.Read([new ChatMessage(ChatRole.System, "Be kind."), User("Hello")], options).Messages.Select(
                message => (message.Role, message.Content!)));
        Assert.Equal(
            [("system", "Be brief."), ("user", "Hello")],
            ConversationReader.Read([User("Hello")], options).Messages.Select(message => (message.Role, message.Content!)));
    }

    [SharedFact]
    public void Services_are_what_the_client_is_made_of()
    {
        using Model model = new();
        IChatClient client = model.Client;
        Assert.Same(client, client.GetService(typeof(IChatClient)));
        Assert.Same(model.Generator, client.GetService(typeof(Generator)));
        Assert.Equal("story", ((ChatClientMetadata)client.GetService(typeof(ChatClientMetadata))!).DefaultModelId);
        Assert.Null(client.GetService(typeof(string)));
    }

    private static ChatOptions With(ChatOptions options, Action<ChatOptions> change)
    {
        ChatOptions changed = options.Clone();
        change(changed);
        return changed;
    }

    private static ChatMessage User(string text) => new(ChatRole.User, text);

    private sealed class Model : IDisposable
    {
        private readonly Device device = DeviceCatalog.Open("cpu");

        public Model()
        {
            Generator = Generator.Open(device, Story);
            Client = new EngineChatClient(new ChatGenerator(Generator, template: null), "story");
        }

        public Generator Generator { get; }

        public EngineChatClient Client { get; }

        /// <summary>An adapter that changes what the model says.</summary>
        public void WriteAdapter(string folder)
        {
            LinearSpec query = Generator.Architecture.LinearGroups.SelectMany(group => group)
                .First(linear => linear.Module.EndsWith("q_proj", StringComparison.Ordinal));
            Directory.CreateDirectory(folder);
            var target = new AdapterTarget(query.Module, query.InFeatures, query.OutFeatures);
            var config = new AdapterConfig
            {
                Rank = 2,
                LoraAlpha = 4,
                TargetModules = ModulePattern.Of(query.Module),
                TaskType = AdapterConfig.CausalLanguageModel
            };
            new AdapterWriter(config).AddLora(target, (first, a) => Fill(first, a, 3), (first, b) => Fill(first, b, 5)).Write(folder);
        }

        public void Dispose()
        {
            Client.Dispose();
            Generator.Dispose();
            device.Dispose();
        }

        private static void Fill(long first, Span<float> values, int period)
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = ((first + i) % period) - (period / 2);
            }
        }
    }
}
