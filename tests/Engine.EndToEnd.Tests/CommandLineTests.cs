using System.Text.Json.Nodes;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary>What every command has in common: help, exit codes, errors as sentences.</summary>
public sealed class CommandLineTests
{
    private static readonly string[] Names = ["train", "eval", "predict", "embed", "estimate", "inspect", "devices", "tokenize",
        "train-tokenizer", "template", "forward", "chat", "generate", "merge", "kernels", "keys", "federate", "compare",
        "sharpness"];

    public static TheoryData<string> Commands => [.. Names];

    [Theory]
    [MemberData(nameof(Commands))]
    public void Help_of_every_command_has_examples(string command)
    {
        EngineResult help = EngineProcess.Run(command, "--help").Succeeded();
        Assert.Contains("Examples:", help.Output, StringComparison.Ordinal);
        Assert.Contains($"engine {command}", help.Output, StringComparison.Ordinal);

        // Pages and models of the repository are not where the tool is installed.
        Assert.DoesNotContain("docs/", help.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("models/demo", help.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("tiny-roberta", help.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_dtype_names_the_known_ones()
    {
        EngineResult result =
            EngineProcess.Run("forward", "--model", ".", "--inputs", "x.safetensors", "--output", "y.safetensors", "--dtype", "half");
        Assert.NotEqual(0, result.Code);
        Assert.All(
            new[] { "half", "auto", "float32", "bfloat16", "float16" },
            word => Assert.Contains(word, result.Error, StringComparison.Ordinal));
    }

    [Fact]
    public void Command_line_alone_shows_the_commands_and_is_a_usage_error()
    {
        EngineResult result = EngineProcess.Run();
        Assert.Equal(2, result.Code);
        Assert.All(Names, name => Assert.Contains(name, result.Output, StringComparison.Ordinal));
        Assert.Contains("Begin with:", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Usage_errors_name_what_is_wrong_and_where_help_is()
    {
        EngineProcess.Run("forwrd").Refused(2, "'forwrd'", "Did you mean 'forward'?");
        EngineProcess.Run("forward", "--model", "x").Refused(2, "--inputs", "--output", "engine forward --help");
        EngineProcess.Run("inspect", "a", "b").Refused(2, "'b'");
        EngineProcess.Run("tokenize", "--model", "x", "--jsnl", "file").Refused(2, "There is no option '--jsnl'; did you mean '--jsonl'?");
        EngineProcess.Run("generate", "--model", "x", "--ids", "1", "--seed", "-1")
            .Refused(2, "--seed is '-1'; a whole number from 0 was expected.");
        EngineProcess.Run("generate", "--model", "x", "--ids", "1", "--temperature", "hot")
            .Refused(2, "'hot'", "--temperature is 'hot'; a number such as 0.5 was expected.");
    }

    [Theory]
    [InlineData(2, "There is no command 'trian'. Did you mean 'train'?", "trian", "run.yaml")]
    [InlineData(2, "There is no command 'frobnicate'. There are train, keys, federate, ", "frobnicate")]
    [InlineData(2, "RUN.yaml is missing: ", "train")]
    [InlineData(2, "'b.yaml' is one argument too many: engine train takes RUN.yaml.", "train", "a.yaml", "b.yaml")]
    [InlineData(2, "'x' is too much: engine devices takes no arguments", "devices", "x")]
    [InlineData(2, "--set has no value behind it; KEY=VALUE was expected", "train", "a.yaml", "--set")]
    [InlineData(2, "--methods LIST|FILE is missing: ", "compare", "a.yaml")]
    [InlineData(2, "--seeds is 'x'; a whole number was expected.", "compare", "a.yaml", "--methods", "lora", "--seeds", "x")]
    [InlineData(
        2, "--dtype is 'bfloat'; did you mean 'bfloat16'? Known are auto, float32, bfloat16, float16.", "eval", "run", "--dtype", "bfloat")]
    [InlineData(
        2, "--output is 's3://x/y', a URL, and nothing is written to a network; give a path of this machine", "merge", "m", "--adapter",
        "a", "--output", "s3://x/y")]
    [InlineData(
        2,
        "--file is 'hf://x/y.csv', an address of the Hugging Face Hub, and nothing is read from a network; "
            + "download the file and give its path here.", "predict", "m", "--file", "hf://x/y.csv")]
    [InlineData(2, "--language is 'metal'; known are opencl, ptx.", "kernels", "--language", "metal", "--output", "x")]
    [InlineData(2, "There is no option '--resum'; did you mean '--resume'?", "train", "a.yaml", "--resum")]
    [InlineData(2, "There is no option '--output'.", "eval", "run", "--output", "x")]
    [InlineData(2, "There is no option '--max'; did you mean '--max-length'?", "eval", "run", "--max", "8")]
    [InlineData(2, "MODEL is missing: ", "generate", "--prompt", "x")]
    [InlineData(2, "The model is given twice", "eval", "a", "--model", "b")]
    [InlineData(2, "MODEL is 'hf://org/name', an address of the Hugging Face Hub", "predict", "hf://org/name", "text")]
    [InlineData(2, "--data is 's3://bucket/x', a URL", "eval", "run", "--data", "s3://bucket/x")]
    [InlineData(1, "hf download ORG/NAME --local-dir NAME", "chat", "absent-org/absent-model")]
    [InlineData(1, "absent.yaml: the file does not exist.", "train", "absent.yaml")]
    [InlineData(1, "there is no such file or folder", "chat", "--model", "absent")]
    public void Every_error_is_one_sentence_said_once(int code, string expected, params string[] arguments)
    {
        EngineResult result = EngineProcess.Run(arguments);
        result.Refused(code, expected);
        Assert.Equal(2, result.Error.Split(expected).Length);
        Assert.Equal(code == 2 ? 2 : 1, result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void Files_and_folders_in_each_others_place_are_named()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("a.txt", "text\n");
        EngineProcess.Run("train", folder.Root).Refused(1, "this is a folder; a YAML file was expected");
        EngineProcess.Run("train-tokenizer", "--size", "300", "--output", file, file)
            .Refused(2, "which is a file; a folder to write was expected");
        EngineProcess.Run("forward", "m", "--inputs", "x", "--output", folder.Root)
            .Refused(2, "which is a folder; a file to write was expected");
        EngineProcess.Run("tokenize", "--model", folder.Root, folder.Root).Refused(1, folder.Root);
    }

    [Fact]
    public void Devices_lists_the_cpu_and_every_other_kind_or_why_it_is_missing()
    {
        string output = EngineProcess.Run("devices").Succeeded().Output;
        Assert.Contains("cpu", output, StringComparison.Ordinal);
        Assert.Contains("opencl", output, StringComparison.Ordinal);
        Assert.Contains("cuda", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Output_for_a_pipe_has_no_blanks_at_the_ends_of_lines()
    {
        using SmallRun run = new();
        foreach (string[] command in (string[][])[["devices"], ["inspect", run.File("model")],
            ["inspect", run.File("model/model.safetensors")], ["estimate", run.RunFile]])
        {
            string output = EngineProcess.Run(command).Succeeded().Output;
            Assert.DoesNotContain(output.Split('\n'), line => line.EndsWith(' '));
            Assert.Contains("  ", output, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_device_is_named_when_what_comes_before_it_is_right()
    {
        using SmallRun run = new();
        foreach (string command in (string[])["train", "estimate"])
        {
            EngineResult wrong = EngineProcess.Run(command, run.RunFile, "--set", "data.text=sentense");
            wrong.Refused(1, "did you mean 'sentence'?");
            Assert.Empty(wrong.Output);
        }

        Assert.StartsWith("device: cpu", EngineProcess.Run("estimate", run.RunFile).Succeeded().Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Device_that_is_not_there_is_an_error_that_lists_what_is()
    {
        using TemporaryFolder folder = new();
        string model = SharedFiles.Path("goldens/models/roberta-cls");
        string[] command = ["forward", "--model", model, "--inputs", Path.Combine(model, "expected.safetensors"), "--output",
            folder.File("result.safetensors"), "--device"];
        EngineProcess.Run([.. command, "opencl:99"]).Refused(1, "opencl:99", "cpu");
        EngineProcess.Run([.. command, "gpu"]).Refused(1, "'gpu'", "write cpu, opencl, opencl:N, cuda or cuda:N");
        EngineProcess.Run([.. command, "cpu", "--products", "vendor"])
            .Refused(1, "cublasLt runs on cuda alone", "Leave out the vendor's products");
    }

    [Fact]
    public void Verbose_shows_where_an_error_arose()
    {
        EngineResult result = EngineProcess.Run("inspect", "absent", "--verbose");
        Assert.Equal(1, result.Code);
        Assert.Contains("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Inspect_shows_models_adapters_and_files()
    {
        string model = SharedFiles.Path("goldens/models/roberta-cls");
        string folder = EngineProcess.Run("inspect", model).Succeeded().Output;
        Assert.Contains("RobertaForSequenceClassification", folder, StringComparison.Ordinal);
        Assert.Contains("122,130", folder, StringComparison.Ordinal);
        string adapter = EngineProcess.Run("inspect", Path.Combine(model, "adapter")).Succeeded().Output;
        Assert.Contains("r 4, lora_alpha 8", adapter, StringComparison.Ordinal);
        Assert.Contains("roberta.encoder.layer.2.attention.self.value", adapter, StringComparison.Ordinal);
        string file = EngineProcess.Run("inspect", Path.Combine(model, "model.safetensors")).Succeeded().Output;
        Assert.Contains("roberta.embeddings.word_embeddings.weight", file, StringComparison.Ordinal);
        Assert.Contains("[300, 64]", file, StringComparison.Ordinal);
    }

    [Fact]
    public void Kernels_writes_those_that_are_named()
    {
        using TemporaryFolder folder = new();
        EngineProcess.Run(
            "kernels", "--language", "ptx", "--kernel", "AdamWKernels_Step", "--kernel", "SegmentsKernels_Map", "--output", folder.Root)
                .Succeeded();
        string[] written = [.. Directory.GetFiles(folder.Root).Select(file => Path.GetFileName(file).Split('.')[0]).Distinct()
            .Order(StringComparer.Ordinal)];
        Assert.Equal(["AdamWKernels_Step", "SegmentsKernels_Map"], written);
        EngineProcess.Run("kernels", "--language", "ptx", "--kernel", "AdamWKernels_Stop", "--output", folder.Root)
            .Refused(1, "AdamWKernels_Stop", "AdamWKernels_Step");
    }

    [Theory]
    [Trait("Category", "Long")]
    [InlineData("opencl", ".cl", "kernel void")]
    [InlineData("ptx", ".ptx", ".visible .entry")]
    public void Kernels_writes_the_device_text_of_every_kernel(string language, string extension, string entry)
    {
        using TemporaryFolder folder = new();
        EngineProcess.Run("kernels", "--language", language, "--output", folder.Root).Succeeded();
        string[] files = [.. Directory.GetFiles(folder.Root, "*" + extension).Select(file => Path.GetFileName(file))];
        string[] written = [.. files.Select(file => file.Split('.')[0]).Distinct().Order(StringComparer.Ordinal)];
        Assert.Equal(
            Kernels.KernelRegistry.All.Where(kernel => language == "ptx" || !kernel.UsesShuffles).Select(kernel => kernel.Name)
                .Order(StringComparer.Ordinal), written);
        Assert.All(
            files,
            file => Assert.Contains($"{entry} {file.Split('.')[0]}(", File.ReadAllText(folder.File(file)), StringComparison.Ordinal));
        EngineProcess.Run("kernels", "--language", "metal", "--output", folder.Root).Refused(2, "metal");
    }

    [Fact]
    public void Inspect_refuses_what_it_does_not_know()
    {
        using TemporaryFolder folder = new();
        EngineProcess.Run("inspect", folder.Root).Refused(1, folder.Root, "config.json");
        EngineProcess.Run("inspect", folder.Write("text.safetensors", "not a tensor file, but a text")).Refused(1, "text.safetensors");
    }

    [Fact]
    public void Process_prints_results_to_output_and_notes_to_error_and_returns_its_code()
    {
        EngineResult good = EngineProcess.Shell(
            "echo 'naïve 🦊' | $ENGINE tokenize --model $MODEL - | $ENGINE tokenize --model $MODEL --decode -",
            ("MODEL", SharedFiles.Path("goldens/tokenizers/roberta-base")));
        Assert.Equal("<s>naïve 🦊</s>", JsonNode.Parse(good.Succeeded().Output)!["text"]!.GetValue<string>());
        EngineProcess.Shell("$ENGINE inspect /absent").Refused(1, "/absent");
        EngineProcess.Shell("$ENGINE inspect --no-such-option").Refused(2, "--no-such-option");
    }

    [SmallDiskTheory]
    [InlineData("kernels --language ptx --kernel MatMulThinGroups_Multiply --output")]
    public void A_full_disk_is_named_with_the_path_once(string command)
    {
        using TemporaryFolder folder = new();
        EngineResult result = SmallDisk.Run($"mount -t tmpfs -o size=64k tmpfs {folder.Root}\n$ENGINE {command} {folder.Root}/k || exit 7");
        result.Refused(7, "could not be written: No space left on device.");
        Assert.Equal(2, result.Error.Split(folder.Root).Length);
    }

    [Fact]
    public void Full_disk_is_a_sentence() => EngineProcess.Shell(
        "yes text | head -n 20000 | $ENGINE tokenize --model $MODEL - > /dev/full",
        ("MODEL", SharedFiles.Path("goldens/tokenizers/roberta-base")))
        .Refused(1, "No space left on device");
}
