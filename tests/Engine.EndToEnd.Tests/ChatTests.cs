using System.Text.Json.Nodes;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine chat</c> as a pipe sees it.</summary>
public sealed class ChatTests
{
    private static readonly string[] Chat = ["chat", "--model", SharedFiles.Present ? SharedFiles.Path("data/models/tinystory-llama") : "",
        "--template", "none", "--max-new-tokens", "12"];

    [SharedFact]
    public void A_conversation_goes_on_until_it_is_reset()
    {
        string output = EngineProcess.RunWithInput("Once upon a time\n The dog\n/reset\nOnce upon a time\n/quit\n", Chat)
            .Succeeded().Output;
        string[] answers = [.. output.Split('\n').Where(line => line.StartsWith("> ,", StringComparison.Ordinal))];
        Assert.Equal(3, answers.Length);
        Assert.Equal(answers[0], answers[2]);

        // The second answer goes on from the first.
        Assert.NotEqual(answers[0], answers[1]);
        Assert.Contains("The conversation is forgotten.", output, StringComparison.Ordinal);
        Assert.Contains("12 tokens, ", output, StringComparison.Ordinal);
    }

    [SharedFact]
    public void Commands_are_listed_and_unknown_ones_named()
    {
        string output = EngineProcess.RunWithInput("/help\n/what\n/adapter\n/adapter x\n", Chat).Succeeded().Output;
        Assert.Contains("/reset forgets", output, StringComparison.Ordinal);
        Assert.Contains("no command /what", output, StringComparison.Ordinal);
        Assert.Contains("No adapter is loaded", output, StringComparison.Ordinal);
        Assert.Contains("no adapter 'x'", output, StringComparison.Ordinal);
    }

    [SharedFact]
    public void A_message_that_does_not_fit_is_said_and_the_chat_goes_on()
    {
        string output = EngineProcess.RunWithInput(
            $"{string.Join(' ', Enumerable.Repeat("dog", 60))}\nOnce\n", [.. Chat, "--context", "32"]).Succeeded().Output;
        Assert.Contains("the context holds 32", output, StringComparison.Ordinal);
        Assert.Contains("/reset begins anew", output, StringComparison.Ordinal);
        Assert.Contains("12 tokens, ", output, StringComparison.Ordinal);
    }

    [SharedFact]
    public void A_folder_without_a_chat_template_says_how_to_choose_one()
    {
        EngineProcess.Run(Chat[..3]).Refused(1, "no chat template", "--template");
        EngineProcess.Run([.. Chat[..3], "--template", "vicuna"]).Refused(1, "'vicuna'", "chatml");
        EngineProcess.Run([.. Chat, "--tools", "tools.json"]).Refused(1, "--tools", "--template");
    }

    [Fact]
    public void Tools_and_variables_reach_the_folders_template()
    {
        using TemporaryFolder folder = new();
        TinyDecoder.Write(folder.Root, "{{ tools | tojson }}{{ mood }}{% for message in messages %}{{ message.content }}{% endfor %}");
        string tools = folder.Write("tools.json", """[{"type": "function"}]""");
        string[] generate = ["generate", folder.Root, "--template", "tokenizer", "--prompt", "Hi", "--max-new-tokens", "1", "--json"];
        string line = EngineProcess.Run([.. generate, "--tools", tools, "--template-option", "mood=1.0"]).Succeeded().Output;
        Assert.Equal(
            "[{\"type\": \"function\"}]1.0Hi",
            string.Concat(JsonNode.Parse(line)!["prompt_ids"]!.AsArray().Select(id => (char)id!.GetValue<int>())));
        EngineProcess.Run([.. generate, "--template-option", "moods=1"]).Refused(1, "does not speak of moods");
        EngineProcess.Run([.. generate, "--template-option", "mood"]).Refused(1, "NAME=VALUE");
        EngineProcess.Run([.. generate, "--tools", folder.Write("broken.json", "[{]")]).Refused(1, "broken.json", "not JSON from line 1");
        Assert.Contains(
            "the folder's template", EngineProcess.RunWithInput("Hi\n", "chat", folder.Root, "--max-new-tokens", "1").Succeeded().Output,
            StringComparison.Ordinal);
    }
}
