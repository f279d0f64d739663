using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary>Conversations with a model whose tokenizer has no tokens for them.</summary>
public sealed class PlainChatTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [SharedFact]
    public void A_model_that_was_trained_on_plain_turns_is_talked_to_alike()
    {
        string model = SharedFiles.Path("data/models/tinystory-llama");
        folder.Write("train.jsonl", """
            {"messages": [{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Blue."}, {"role": "user", "content": "And a fruit."}, {"role": "assistant", "content": "Apple."}]}
            {"messages": [{"role": "user", "content": "Name an animal."}, {"role": "assistant", "content": "Dog."}]}
            """);
        string run = folder.Write("run.yaml", $$"""
            model: {{model}}
            task: causal-lm
            output: run
            chat_template: plain
            adapter: {r: 8, lora_alpha: 16, target_modules: all-linear}
            data: {train: train.jsonl}
            learning_rate: 1.0e-2
            lr_scheduler_type: constant
            max_steps: 60
            per_device_train_batch_size: 2
            save_strategy: no
            """);
        EngineProcess.Run("train", run).Succeeded();
        Assert.Contains("chat_template: plain\n", File.ReadAllText(folder.File("run/config.yaml")), StringComparison.Ordinal);

        string[] chat = ["chat", "--model", model, "--template", "plain", "--max-new-tokens", "12"];
        string output =
            EngineProcess.RunWithInput(
                "Name a colour.\nAnd a fruit.\n/reset\nName an animal.\n", [.. chat, "--adapter", folder.File("run/adapter")])
                    .Succeeded().Output;
        Assert.Contains("plain template", output, StringComparison.Ordinal);
        Assert.Equal(
            ["> Blue.", "> Apple.", "> Dog."],
            output.Split('\n').Where(
                line => line.EndsWith('.') && line.StartsWith("> ", StringComparison.Ordinal) && !line.Contains("forgotten")));

        string[] generate = ["generate", "--model", model, "--adapter", folder.File("run/adapter"), "--template", "plain",
            "--max-new-tokens", "12", "--prompt", "Name a colour."];
        Assert.Equal("Blue.\n", EngineProcess.Run(generate).Succeeded().Output);
        Assert.Equal(["[1] Blue.", "[2] Dog."], EngineProcess.Run([.. generate, "--prompt", "Name an animal."]).Succeeded().OutputLines);

        // Untrained, it would go on with the user's next turn.
        string untrained = EngineProcess.RunWithInput("Name a colour.\n", chat).Succeeded().Output;
        Assert.DoesNotContain("User:", untrained, StringComparison.Ordinal);
    }

    [Fact]
    public void Errors_about_chat_tokens_name_the_plain_layout()
    {
        TinyDecoder.Write(folder.File("model"), chatTemplate: null);
        folder.Write("train.jsonl", """{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}""");
        string run = folder.Write("run.yaml", "model: model\ntask: causal-lm\noutput: run\ndata: {train: train.jsonl}\nmax_steps: 1\n");
        EngineProcess.Run("train", run).Refused(1, "no chat template", "plain");

        // A tokenizer that lacks the template's tokens.
        string tokenizer = folder.File("model/tokenizer.json");
        File.WriteAllText(tokenizer, File.ReadAllText(tokenizer).Replace("im_start", "turn_start", StringComparison.Ordinal));
        EngineProcess.Run("train", run, "--set", "chat_template=chatml").Refused(1, "<|im_start|>", "plain");
        EngineProcess.Run("train", run, "--set", "chat_template=plain").Succeeded();
        EngineProcess.Run("train", run, "--set", "chat_template=none", "--set", "output=other").Succeeded();
    }
}
