using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary>Every command that uses a model takes a run, by its folder or its file, as well as the model with the adapter.</summary>
public sealed class RunFolderTests
{
    private static readonly string[] Tail = ["--prompt", "Once upon a time", "--max-new-tokens", "8", "--greedy"];

    [SharedFact]
    public void Texts_of_a_run_are_those_of_its_model_with_its_adapter()
    {
        using TemporaryFolder folder = new();
        string model = SharedFiles.Path("data/models/tinystory-llama"), run = folder.File("stories");
        folder.Write("texts.txt", "A cat sat.\nThe dog ran home.\n");
        string file = folder.Write("run.yaml", $"""
            model: {model}
            task: causal-lm
            output: stories
            data: [train: texts.txt]
            adapter: [r: 4, lora_alpha: 64]
            learning_rate: 0.05
            max_steps: 8
            max_length: 16
            """.Replace('[', '{').Replace(']', '}'));
        EngineProcess.Run("train", file).Succeeded();
        string expected = EngineProcess.Run(["generate", "--model", model, "--adapter", Path.Combine(run, "adapter"), .. Tail])
            .Succeeded().Output;
        Assert.NotEqual(EngineProcess.Run(["generate", model, .. Tail]).Succeeded().Output, expected);
        foreach (string[] given in (string[][])[[run], ["--model", run], [file], [Path.Combine(run, "adapter")], [model, "--adapter", run],
            [run, "--adapter", $"x={run}"]])
        {
            Assert.Equal(expected, EngineProcess.Run(["generate", .. given, .. Tail]).Succeeded().Output);
        }

        EngineProcess.Run("merge", run, "--output", folder.File("merged")).Succeeded();
        Assert.Equal(expected, EngineProcess.Run(["generate", folder.File("merged"), .. Tail]).Succeeded().Output);
        string chat = EngineProcess.RunWithInput("Once\n/adapter\n", "chat", run, "--template", "none", "--max-new-tokens", "1")
            .Succeeded().Output;
        Assert.Contains("with adapter stories", chat, StringComparison.Ordinal);
        Assert.Contains("In use: stories.", chat, StringComparison.Ordinal);
        Assert.Contains("1 token, ", chat, StringComparison.Ordinal);
        Assert.Contains("finished", EngineProcess.Run("inspect", file).Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_of_a_run_is_that_of_its_model_with_its_adapter()
    {
        using TemporaryFolder folder = new();
        string model = SharedFiles.Path("goldens/models/roberta-cls"), inputs = Path.Combine(model, "expected.safetensors");
        Directory.CreateDirectory(folder.File("run/adapter"));
        foreach (string file in Directory.GetFiles(Path.Combine(model, "adapter")))
        {
            File.Copy(file, folder.File($"run/adapter/{Path.GetFileName(file)}"));
        }

        folder.Write("run/config.yaml", $"model: {model}\noutput: .\nadapter: {{r: 4}}\ndata: {{train: t.tsv, text: a, label: b}}\n");
        EngineProcess.Run(
            "forward", "--model", model, "--adapter", Path.Combine(model, "adapter"), "--inputs", inputs, "--output", folder.File("a"))
                .Succeeded();
        EngineProcess.Run("forward", folder.File("run"), "--inputs", inputs, "--output", folder.File("b")).Succeeded();
        Assert.Equal(File.ReadAllBytes(folder.File("a")), File.ReadAllBytes(folder.File("b")));
    }

    [Fact]
    public void What_a_command_cannot_do_with_a_run_is_said()
    {
        using SmallRun run = new();
        EngineProcess.Run(
            "train", run.RunFile, "--set", "adapter={r: 4, modules_to_save: [classifier]}", "--set", "max_steps=2", "--set", "output=small")
                .Succeeded();
        EngineProcess.Run("train", run.RunFile, "--set", "max_steps=2", "--set", "output=whole").Succeeded();
        EngineProcess.Run("generate", run.File("small"), "--prompt", "x")
            .Refused(1, "is the run of a classifier or regressor", "engine predict");
        EngineProcess.Run("merge", run.File("whole"), "--output", run.File("merged"))
            .Refused(1, "trained every parameter", "is a whole model already");
        EngineProcess.Run("merge", run.File("small"), "--adapter-only", "--output", run.File("merged")).Refused(2, "it needs that option");
        EngineProcess.Run("merge", run.File("small"), "--mitigate-intruders", "2", "--output", run.File("merged"))
            .Refused(2, "from 0 to 1");
        EngineProcess.Run("merge", run.File("small"), "--mitigate-intruders", "--adapter-only", "--output", run.File("mitigated"))
            .Succeeded();
        EngineProcess.Run("predict", "--model", run.File("mitigated"), "the cat").Succeeded();
        EngineProcess.Run("merge", run.File("whole/model"), "--output", run.File("merged"))
            .Refused(1, "is a model without an adapter", "give the adapter, too");

        // With --model every argument of predict is a text.
        string[] labelled = EngineProcess.Run("predict", "--model", run.File("small"), "the cat", "a dog").Succeeded().OutputLines;
        Assert.Equal(labelled, EngineProcess.Run("predict", run.File("small"), "the cat", "a dog").Succeeded().OutputLines);
        Assert.Equal(2, labelled.Length);

        // Numbers of a summary are as long as a reader needs.
        string summary = EngineProcess.Run("inspect", run.File("small")).Succeeded().Output;
        Assert.DoesNotMatch(@"\d\.\d{6}", summary);
    }

    /// <summary>
    /// Positions that older versions of Transformers saved follow from the configuration: no command says that they are not used.
    /// </summary>
    [Fact]
    public void Saved_positions_are_not_worth_a_note()
    {
        using TemporaryFolder folder = new();
        string model = SharedFiles.Path("goldens/models/roberta-cls");
        File.Copy(Path.Combine(model, "config.json"), folder.File("config.json"));
        byte[] file = File.ReadAllBytes(Path.Combine(model, "model.safetensors"));
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(file);
        JsonObject header = JsonNode.Parse(file.AsSpan(8, length))!.AsObject();
        int end = file.Length - 8 - length;
        header["roberta.embeddings.position_ids"] =
            new JsonObject { ["dtype"] = "I64", ["shape"] = new JsonArray(1, 2), ["data_offsets"] = new JsonArray(end, end + 16) };
        header["extra.weight"] =
            new JsonObject { ["dtype"] = "F32", ["shape"] = new JsonArray(1), ["data_offsets"] = new JsonArray(end + 16, end + 20) };
        byte[] text = Encoding.UTF8.GetBytes(header.ToJsonString());
        byte[] size = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(size, text.Length);
        File.WriteAllBytes(folder.File("model.safetensors"), [.. size, .. text, .. file.AsSpan(8 + length), .. new byte[20]]);
        EngineResult result =
            EngineProcess.Run(
                "forward", folder.Root, "--inputs", Path.Combine(model, "expected.safetensors"), "--output", folder.File("out"))
                    .Succeeded();
        Assert.Contains("not used by", result.Error, StringComparison.Ordinal);
        Assert.Contains("extra.weight", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("position_ids", result.Error, StringComparison.Ordinal);
    }
}
