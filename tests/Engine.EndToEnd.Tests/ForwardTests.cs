using System.Text.Json.Nodes;
using Engine.Devices;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.EndToEnd.Tests;

/// <summary><c>engine forward</c> held against Transformers and PEFT (goldens/models, goldens/real).</summary>
public sealed class ForwardTests
{
    /// <summary>
    /// Norm of a tensor's difference over its norm. Both sides compute in float32, where PEFT itself is 1e-6 from float64; ten layers of
    /// sums leave room to 1e-4, and a wrong formula does not hide below it.
    /// </summary>
    private const double Tolerance = 1e-4;

    /// <summary>
    /// Gradients that are zero in exact arithmetic (key biases: softmax does not see what all keys share) are rounding noise on both sides.
    /// A difference below this share of the largest gradient's norm is none.
    /// </summary>
    private const double NoiseShare = 1e-6;

    /// <summary>
    /// Models of which the repository holds all that Transformers computed, and those whose hidden states and gradients under full
    /// fine-tuning only ../shared has.
    /// </summary>
    private static readonly string[] Whole = ["roberta-cls", "roberta-regression", "roberta-mlm", "bert-cls", "qwen2-cls"],
        InPart = ["qwen2", "qwen3", "llama", "qwen2-bfloat16"];

    /// <summary>Every model with and without its adapter, on the cpu device and on the first of each other kind that is there.</summary>
    public static TheoryData<string, bool, string> Cases(bool inRepository)
    {
        var data = new TheoryData<string, bool, string>();
        foreach (DeviceListing listing in DeviceCatalog.List()
            .Where(listing => listing.Devices.Count > 0 && WantedDevices.Contains(listing.Devices[0].Id)))
        {
            foreach ((string model, bool withAdapter) in
                from model in Whole.Concat(InPart) from withAdapter in (bool[])[false, true] select (model, withAdapter))
            {
                if (inRepository == (withAdapter || Whole.Contains(model)))
                {
                    data.Add(model, withAdapter, listing.Devices[0].Id);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases), true)]
    [SharedMemberData(nameof(Cases), false)]
    public void Forward_and_gradients_match_transformers(string model, bool withAdapter, string device)
    {
        using TemporaryFolder folder = new();
        string source = SharedFiles.Whole($"goldens/models/{model}");
        string inputs = Path.Combine(source, "expected.safetensors");
        string output = folder.File("result.safetensors");
        string[] adapter = withAdapter ? ["--adapter", Path.Combine(source, "adapter")] : [];
        EngineProcess.Run(
            ["forward", "--model", source, "--inputs", inputs, "--output", output, "--gradients", "--device", device, .. adapter])
                .Succeeded();

        Compare(inputs, output, withAdapter ? "lora." : "base.");
    }

    /// <summary>
    /// The folder people have: a pretrained language model that knows nothing of labels, and beside it a classifier's adapter that brings
    /// its head.
    /// </summary>
    [Theory]
    [InlineData("bert-cls", "BertForMaskedLM")]
    [InlineData("roberta-cls", "RobertaForMaskedLM")]
    [InlineData("qwen2-cls", "Qwen2ForCausalLM")]
    public void A_classifiers_adapter_makes_a_classifier_of_a_language_models_folder(string model, string architecture)
    {
        using TemporaryFolder folder = new();
        string source = SharedFiles.Path($"goldens/models/{model}"), inputs = Path.Combine(source, "expected.safetensors"),
            output = folder.File("result.safetensors");
        LanguageModelFolder(source, folder.File("base"), architecture);
        Directory.CreateDirectory(folder.File("adapter"));
        foreach (string file in Directory.EnumerateFiles(Path.Combine(source, "adapter")))
        {
            File.Copy(file, Path.Combine(folder.File("adapter"), Path.GetFileName(file)));
        }

        EngineProcess.Run(
            "forward", "--model", folder.File("base"), "--adapter", folder.File("adapter"), "--inputs", inputs, "--output", output,
            "--gradients").Succeeded();
        Compare(inputs, output, "lora.");

        EngineProcess.Run(
            "merge", "--model", folder.File("base"), "--adapter", folder.File("adapter"), "--output", folder.File("merged"), "--dtype",
            "float32").Succeeded();
        EngineProcess.Run("forward", "--model", folder.File("merged"), "--inputs", inputs, "--output", output).Succeeded();
        Compare(inputs, output, "merged.");
    }

    /// <summary>
    /// BERT's masked-language-modelling head is RoBERTa's under other names, and BERT counts positions from 0 where RoBERTa counts from the
    /// padding id + 1: so a BERT made of the golden RoBERTa's weights has the numbers that Transformers computed for that.
    /// </summary>
    [Fact]
    public void Bert_predicts_masked_tokens_as_transformers_does_with_robertas_weights()
    {
        const int FirstPosition = 2;
        using TemporaryFolder folder = new();
        string source = SharedFiles.Path("goldens/models/roberta-mlm"), inputs = Path.Combine(source, "expected.safetensors"),
            output = folder.File("result.safetensors");
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!;
        int positions = config["max_position_embeddings"]!.GetValue<int>() - FirstPosition, width = config["hidden_size"]!.GetValue<int>();
        config["architectures"] = new JsonArray("BertForMaskedLM");
        config["model_type"] = "bert";
        config["max_position_embeddings"] = positions;
        folder.Write("config.json", config.ToJsonString());
        var writer = new SafetensorsWriter();
        using (SafetensorsFile weights = SafetensorsFile.Open(Path.Combine(source, "model.safetensors")))
        {
            foreach (SafetensorsTensor tensor in weights.Tensors)
            {
                if (tensor.Name.EndsWith("position_embeddings.weight", StringComparison.Ordinal))
                {
                    writer.Add(BertName(tensor.Name), [positions, width], tensor.ToFloat32()[(FirstPosition * width)..]);
                }
                else
                {
                    writer.Copy(tensor, BertName(tensor.Name));
                }
            }

            writer.Write(folder.File("model.safetensors"));
        }

        EngineProcess.Run("forward", "--model", folder.Root, "--inputs", inputs, "--output", output, "--gradients").Succeeded();
        var expected = new SafetensorsWriter();
        using SafetensorsFile golden = SafetensorsFile.Open(inputs);
        foreach (SafetensorsTensor tensor in golden.Tensors.Where(
            tensor => tensor.Name == "attention_mask" || tensor.Name.StartsWith("base.", StringComparison.Ordinal)))
        {
            if (tensor.Name.EndsWith("position_embeddings.weight", StringComparison.Ordinal))
            {
                expected.Add(BertName(tensor.Name), [positions, width], tensor.ToFloat32()[(FirstPosition * width)..]);
            }
            else
            {
                expected.Copy(tensor, BertName(tensor.Name));
            }
        }

        expected.Write(folder.File("expected.safetensors"));
        Compare(folder.File("expected.safetensors"), output, "base.");

        static string BertName(string name) => name
            .Replace("roberta.", "bert.", StringComparison.Ordinal)
            .Replace("lm_head.bias", "cls.predictions.bias", StringComparison.Ordinal)
            .Replace("lm_head.dense", "cls.predictions.transform.dense", StringComparison.Ordinal)
            .Replace("lm_head.layer_norm", "cls.predictions.transform.LayerNorm", StringComparison.Ordinal);
    }

    [Fact]
    public void Labels_that_are_all_ignored_give_no_loss_and_zero_gradients_and_that_is_said()
    {
        using TemporaryFolder folder = new();
        string source = SharedFiles.Path("goldens/models/roberta-mlm"), inputs = folder.File("inputs.safetensors"),
            output = folder.File("result.safetensors");
        using SafetensorsFile golden = SafetensorsFile.Open(Path.Combine(source, "expected.safetensors"));
        int[] labels = golden["labels"].ToInt32();
        Array.Fill(labels, -100);
        new SafetensorsWriter().Copy(golden["input_ids"]).Copy(golden["attention_mask"]).Add("labels", [.. golden["labels"].Shape], labels)
            .Write(inputs);
        EngineResult result =
            EngineProcess.Run("forward", "--model", source, "--inputs", inputs, "--output", output, "--gradients").Succeeded();
        Assert.Contains("note: Every label is -100 and ignored", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("not finite", result.Error, StringComparison.Ordinal);
        using SafetensorsFile actual = SafetensorsFile.Open(output);
        Assert.True(double.IsNaN(actual["loss"].ToFloat64()[0]));
        Assert.All(
            actual.Tensors.Where(tensor => tensor.Name.StartsWith("grad.", StringComparison.Ordinal)),
            tensor => Assert.All(tensor.ToFloat64(), value => Assert.Equal(0, value)));
    }

    [Fact]
    public void Logits_that_are_not_numbers_are_said()
    {
        using TemporaryFolder folder = new();
        string source = SharedFiles.Path("goldens/models/bert-cls"), weights = folder.File("model.safetensors");
        File.Copy(Path.Combine(source, "config.json"), folder.File("config.json"));
        using (SafetensorsFile file = SafetensorsFile.Open(Path.Combine(source, "model.safetensors")))
        {
            var writer = new SafetensorsWriter();
            foreach (SafetensorsTensor tensor in file.Tensors)
            {
                float[] values = tensor.ToFloat32();
                values[0] = tensor.Name == "classifier.bias" ? float.NaN : values[0];
                writer.Add(tensor.Name, [.. tensor.Shape], values);
            }

            writer.Write(weights);
        }

        EngineResult result =
            EngineProcess.Run(
                "forward", "--model", folder.Root, "--inputs", Path.Combine(source, "expected.safetensors"), "--output",
                folder.File("result.safetensors")).Succeeded();
        Assert.Matches("note: ([0-9]+) of [0-9]+ logits are not finite", result.Error);
    }

    [Fact]
    public void What_forward_reads_is_not_written_over()
    {
        using TemporaryFolder folder = new();
        string source = SharedFiles.Path("goldens/models/bert-cls"), inputs = folder.File("inputs.safetensors");
        File.Copy(Path.Combine(source, "expected.safetensors"), inputs);
        byte[] before = File.ReadAllBytes(inputs);
        EngineProcess.Run(
            "forward", "--model", source, "--inputs", inputs, "--output", Path.Combine(folder.Root, ".", "inputs.safetensors"))
                .Refused(1, inputs, "choose another output");
        EngineProcess.Run("forward", "--model", source, "--inputs", inputs, "--output", Path.Combine(source, "model.safetensors"))
            .Refused(1, "model.safetensors", "choose another output");
        Assert.Equal(before, File.ReadAllBytes(inputs));
        EngineProcess.Run("forward", "--model", source, "--inputs", inputs, "--output", "")
            .Refused(2, "--output is empty; a file to write was expected.");
        EngineProcess.Run(
            "forward", "--model", source, "--adapter", folder.File("nope"), "--inputs", inputs, "--output",
            folder.File("result.safetensors"))
            .Refused(1, "nope", "there is no such folder; an adapter's or a run's was expected");
    }

    [Theory]
    [InlineData("SEQ_2_SEQ_LM", "task_type is SEQ_2_SEQ_LM; SEQ_CLS, TOKEN_CLS, QUESTION_ANS, CAUSAL_LM or none was expected")]
    [InlineData("CAUSAL_LM", "a model of type bert is not built for causal language modelling")]
    public void An_adapter_for_a_task_that_is_not_built_is_refused_by_name(string task, string expected)
    {
        using TemporaryFolder folder = new();
        string source = SharedFiles.Path("goldens/models/bert-cls");
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "adapter", "adapter_config.json")))!;
        config["task_type"] = task;
        folder.Write("adapter_config.json", config.ToJsonString());
        File.Copy(Path.Combine(source, "adapter", "adapter_model.safetensors"), folder.File("adapter_model.safetensors"));
        EngineProcess.Run(
            "forward", "--model", source, "--adapter", folder.Root, "--inputs", Path.Combine(source, "expected.safetensors"), "--output",
            folder.File("result.safetensors"))
            .Refused(1, expected);
    }

    /// <summary>A golden classifier's folder without its head and labels, said to be a language model's.</summary>
    private static void LanguageModelFolder(string source, string target, string architecture)
    {
        Directory.CreateDirectory(target);
        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(source, "config.json")))!;
        config["architectures"] = new JsonArray(architecture);
        config.AsObject().Remove("id2label");
        config.AsObject().Remove("label2id");
        File.WriteAllText(Path.Combine(target, "config.json"), config.ToJsonString());
        using SafetensorsFile weights = SafetensorsFile.Open(Path.Combine(source, "model.safetensors"));
        var writer = new SafetensorsWriter();
        foreach (SafetensorsTensor tensor in weights.Tensors.Where(
            tensor => !tensor.Name.StartsWith("classifier.", StringComparison.Ordinal) && tensor.Name != "score.weight"))
        {
            writer.Copy(tensor);
        }

        writer.Write(Path.Combine(target, "model.safetensors"));
    }

    /// <summary>Holds what forward wrote against every golden tensor of a prefix, and finds a gradient for each of those.</summary>
    private static void Compare(string golden, string output, string prefix)
    {
        using SafetensorsFile expected = SafetensorsFile.Open(golden);
        using SafetensorsFile actual = SafetensorsFile.Open(output);
        SafetensorsTensor[] wanted = [.. expected.Tensors.Where(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal))];
        string[] gradients = [.. wanted.Select(tensor => tensor.Name[prefix.Length..])
            .Where(name => name.StartsWith("grad.", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        Assert.Equal(
            gradients, actual.Tensors.Select(tensor => tensor.Name).Where(name => name.StartsWith("grad.", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));
        double noise = NoiseShare * wanted.Where(tensor => tensor.Name.Contains("grad.", StringComparison.Ordinal))
            .Select(tensor => Norm(tensor.ToFloat64())).DefaultIfEmpty().Max();
        foreach (SafetensorsTensor tensor in wanted)
        {
            string name = tensor.Name[prefix.Length..];
            double[] values = actual[name].RequireShape([.. tensor.Shape]).ToFloat64();
            if (name == "logits" && tensor.Shape.Count == 3)
            {
                AssertClose(name, AtTokens(expected, tensor.ToFloat64()), AtTokens(expected, values), 0);
                Assert.All(values, value => Assert.True(double.IsFinite(value)));
            }
            else
            {
                AssertClose(name, tensor.ToFloat64(), values, name.StartsWith("grad.", StringComparison.Ordinal) ? noise : 0);
            }
        }
    }

    [Fact]
    public void Without_labels_there_are_logits_and_hidden_states_and_no_loss()
    {
        using TemporaryFolder folder = new();
        string source = SharedFiles.Path("goldens/models/bert-cls");
        using SafetensorsFile golden = SafetensorsFile.Open(Path.Combine(source, "expected.safetensors"));
        string inputs = folder.File("inputs.safetensors");
        new SafetensorsWriter().Copy(golden["input_ids"]).Copy(golden["attention_mask"]).Copy(golden["token_type_ids"]).Write(inputs);
        string output = folder.File("result.safetensors");
        EngineProcess.Run("forward", "--model", source, "--inputs", inputs, "--output", output).Succeeded();
        using SafetensorsFile actual = SafetensorsFile.Open(output);
        Assert.False(actual.Contains("loss"));
        AssertClose("logits", golden["base.logits"].ToFloat64(), actual["logits"].ToFloat64(), 0);

        EngineProcess.Run("forward", "--model", source, "--inputs", inputs, "--output", output, "--gradients").Refused(1, "no labels");
    }

    [SharedFact]
    public void Published_encoder_gives_the_hidden_states_of_transformers_and_says_that_its_head_is_new()
    {
        using TemporaryFolder folder = new();
        string output = folder.File("result.safetensors"), inputs = folder.File("inputs.safetensors");
        using SafetensorsFile golden = SafetensorsFile.Open(SharedFiles.Path("goldens/real/all-MiniLM-L6-v2.safetensors"));
        int rows = golden.Tensors.Count(tensor => tensor.Name.StartsWith("input_ids.", StringComparison.Ordinal));
        int length = Enumerable.Range(0, rows).Max(row => (int)golden[$"input_ids.{row}"].ElementCount);
        var writer = new SafetensorsWriter();
        foreach (string name in (string[])["input_ids", "attention_mask", "token_type_ids"])
        {
            int[] padded = [.. Enumerable.Range(0, rows)
                .SelectMany(row => golden[$"{name}.{row}"].ToInt32() is var ids ? [.. ids, .. new int[length - ids.Length]] : ids)];
            writer.Add(name, [rows, length], padded);
        }

        writer.Write(inputs);
        EngineResult result =
            EngineProcess.Run(
                "forward", "--model", SharedFiles.Path("data/models/all-MiniLM-L6-v2"), "--inputs", inputs, "--output", output).Succeeded();
        Assert.Contains(
            "Not in the checkpoint, initialised from seed 0: classifier.weight, classifier.bias.", result.Error, StringComparison.Ordinal);

        using SafetensorsFile actual = SafetensorsFile.Open(output);
        for (int layer = 0; golden.Contains($"hidden.{layer}.0"); layer++)
        {
            SafetensorsTensor hidden = actual[$"hidden.{layer}"];
            int width = (int)hidden.Shape[2];
            for (int row = 0; row < rows; row++)
            {
                double[] expected = golden[$"hidden.{layer}.{row}"].ToFloat64();
                double[] values = new double[length * width];
                hidden.ReadFloat64(values, (long)row * length * width);
                AssertClose($"hidden.{layer}.{row}", expected, values[..expected.Length], 0);
                Assert.All(values[expected.Length..], value => Assert.Equal(0, value));
            }
        }
    }

    [Theory]
    [InlineData("labels", "labels: row 2 has NaN; a finite number was expected")]
    [InlineData("attention_mask", "row 0 has a hole at column 5")]
    [InlineData("left", "row 1 has padding before its tokens")]
    [InlineData("input_ids", "input_ids: row 0, token 3 is 5000")]
    [InlineData("shape", "[rows, length], both at least 1, was expected")]
    [InlineData("missing", "tensor 'attention_mask' is missing")]
    [InlineData("float", "an integer type was expected")]
    public void Broken_inputs_are_refused_with_a_sentence(string what, string expected)
    {
        using TemporaryFolder folder = new();
        string source = SharedFiles.Path("goldens/models/roberta-regression");
        using SafetensorsFile golden = SafetensorsFile.Open(Path.Combine(source, "expected.safetensors"));
        int[] ids = golden["input_ids"].ToInt32(), mask = golden["attention_mask"].ToInt32();
        float[] labels = golden["labels"].ToFloat32();
        long[] shape = [.. golden["input_ids"].Shape];
        var writer = new SafetensorsWriter();
        switch (what)
        {
            case "labels":
                labels[2] = float.NaN;
                break;
            case "attention_mask":
                mask[5] = 0;
                break;
            case "left":
                mask.AsSpan((int)shape[1], (int)shape[1]).Reverse();
                break;
            case "input_ids":
                ids[3] = 5000;
                break;
        }

        if (what == "float")
        {
            writer.Add("input_ids", shape, Array.ConvertAll(ids, id => (float)id));
        }
        else
        {
            writer.Add("input_ids", what == "shape" ? [ids.Length] : shape, ids);
        }

        if (what != "missing")
        {
            writer.Add("attention_mask", shape, mask);
        }

        string inputs = folder.File("inputs.safetensors"), output = folder.File("result.safetensors");
        writer.Add("labels", [labels.Length], labels).Write(inputs);
        EngineProcess.Run("forward", "--model", source, "--inputs", inputs, "--output", output).Refused(1, inputs, expected);
        Assert.False(File.Exists(output));
    }

    [Fact]
    public void Truncated_weights_are_refused_with_a_sentence()
    {
        using TemporaryFolder folder = new();
        string source = SharedFiles.Path("goldens/models/roberta-cls");
        File.Copy(Path.Combine(source, "config.json"), folder.File("config.json"));
        File.WriteAllBytes(folder.File("model.safetensors"), File.ReadAllBytes(Path.Combine(source, "model.safetensors"))[..^1000]);
        EngineProcess.Run(
            "forward", "--model", folder.Root, "--inputs", Path.Combine(source, "expected.safetensors"), "--output",
            folder.File("result.safetensors"))
            .Refused(1, "model.safetensors");
    }

    /// <summary>The real tokens' part of [rows, length, width].</summary>
    private static double[] AtTokens(SafetensorsFile file, double[] values)
    {
        int[] mask = file["attention_mask"].ToInt32();
        int width = values.Length / mask.Length;
        return [.. values.Where((_, index) => mask[index / width] == 1)];
    }

    private static void AssertClose(string name, double[] expected, double[] actual, double noise)
    {
        Assert.Equal(expected.Length, actual.Length);
        double difference = Norm([.. expected.Zip(actual, (a, b) => a - b)]);
        double bound = Math.Max(Tolerance * Norm(expected), noise);
        Assert.True(difference <= bound, $"{name} differs by {difference}, at most {bound} was expected");
    }

    private static double Norm(double[] values) => Math.Sqrt(values.Sum(value => value * value));
}
