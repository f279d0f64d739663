using System.Text.Json;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Common.Files;
using Engine.Model.Peft;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>What decoders have beyond the golden models' numbers: real text, tied weights, selected rows, labels.</summary>
public sealed class DecoderTests
{
    /// <summary>
    /// A trained Llama on real text (shared/goldens/real): the logarithm of the probability of every token, all texts in one batch.
    /// </summary>
    [SharedFact]
    public void A_trained_model_gives_every_token_of_a_story_the_likelihood_that_transformers_gives_it()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(SharedFiles.Path("goldens/real/tinystory-llama.json")));
        (int[] Ids, double[] LogLikelihoods)[] texts = [.. document.RootElement.EnumerateArray().Select(text => (
            text.GetProperty("greedy_ids").EnumerateArray().Select(id => id.GetInt32()).ToArray(),
            text.GetProperty("log_likelihoods").EnumerateArray().Select(value => value.GetDouble()).ToArray()))];
        RaggedBatch batch = RaggedBatch.FromRows([.. texts.Select(text => (text.Ids, (int[]?)null))]);
        batch = batch.WithNextTokenLabels(batch.InputIds);
        string folder = SharedFiles.Path("data/models/tinystory-llama");
        Architecture architecture = ModelFolder.Open(folder).CreateArchitecture();
        using var loaded = new LoadedModel(folder, null, train: false, BatchShape.Of(architecture, batch));
        float[] losses = loaded.Run(batch, new RunnerOptions()).RowLosses;
        int place = 0;
        foreach ((int[] ids, double[] expected) in texts)
        {
            Assert.Equal(ids.Length - 1, expected.Length);
            foreach (double logLikelihood in expected)
            {
                // Logits near 20 in size, in float32 through two layers: 1e-6 of them in each, and a sum over 2048 of their exponentials.
                Assert.Equal(logLikelihood, -losses[place++], 1e-4);
            }
        }
    }

    [Theory]
    [InlineData("llama")]
    [InlineData("qwen3")]
    public void The_last_layer_computes_only_keys_and_values_for_every_token(string name)
    {
        using var golden = new GoldenBatch(name);
        BatchShape shape = BatchShape.Of(golden.Architecture, golden.Batch) with { Tokens = 256 };
        Assert.InRange(shape.Selected, 1, 255);
        using var model = new TransformerModel(golden.Architecture, new Tuning.Frozen());
        using var inputs = new BatchInputs(golden.Architecture, shape);
        GraphBuilder graph = model.BuildGraph(inputs, shape, new RunnerOptions()).Graph;
        string last = $"model.layers.{golden.Architecture.NumLayers - 1}.";
        Assert.Equal(
            [$"{last}self_attn.k_proj.weight", $"{last}self_attn.v_proj.weight"],
            graph.Nodes.Where(
                node => node.Operator.Name == "MatMul" && node.Outputs[0].Shape.Rows == shape.Tokens
                    && node.Inputs[1].Name.StartsWith(last, StringComparison.Ordinal))
                .Select(node => node.Inputs[1].Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_label_moves_to_the_token_before_it_and_never_into_another_row()
    {
        RaggedBatch batch = RaggedBatch.FromRows([([1, 2, 3], null), ([4], null), ([5, 6], null)]);
        const int None = RaggedBatch.IgnoredLabel;
        Assert.Equal([None, 12, None, None, 14, None], batch.WithNextTokenLabels([11, None, 12, 13, 99, 14]).TokenLabels!);
    }

    [Fact]
    public void A_text_is_pooled_at_its_last_token_that_is_not_padding()
    {
        Architecture classifier = ModelFolder.Open(SharedFiles.Path("goldens/models/qwen2-cls")).CreateArchitecture();
        Assert.Equal(2, classifier.PooledToken([7, 8, 9]));
        Assert.Equal(1, classifier.PooledToken([0, 8, 0, 0]));
        Assert.Equal(0, classifier.PooledToken([0, 0]));
        Architecture withoutPadding =
            ModelFolder.Open(SharedFiles.Path("goldens/models/qwen2")).CreateArchitecture(HeadKind.SequenceClassification);
        Assert.Equal(3, withoutPadding.PooledToken([0, 8, 0, 0]));
    }

    [Fact]
    public void A_tied_weight_may_stand_in_the_checkpoint_under_both_names_if_it_is_one()
    {
        using var golden = new GoldenBatch("qwen2");
        using var folder = new TemporaryFolder();
        File.Copy(Path.Combine(golden.Folder, "config.json"), folder.File("config.json"));
        using (Checkpoint source = Checkpoint.Open(golden.Folder))
        {
            SafetensorsTensor embeddings = source["model.embed_tokens.weight"];
            Write(embeddings.ToFloat32());
            using (var loaded = new LoadedModel(folder.Root, null, train: false, golden.Capacity))
            {
                Assert.Empty(loaded.Report.Unused);
            }

            // A classifier of the same folder has no output layer over the vocabulary; the copy is as good as before.
            Assert.Equal(["model.embed_tokens.weight"], ModelAdapters.Tuning(
                ModelFolder.Open(folder.Root).CreateArchitecture(HeadKind.SequenceClassification),
                new AdapterConfig { ModulesToSave = ["embed_tokens"] }).SavedParameters);

            float[] other = embeddings.ToFloat32();
            other[^1] += 1;
            Write(other);
            string message =
                Assert.Throws<ModelFileException>(() => new LoadedModel(folder.Root, null, train: false, golden.Capacity)).Message;
            Assert.Contains("lm_head.weight differs from model.embed_tokens.weight", message);

            void Write(float[] head)
            {
                var writer = new SafetensorsWriter();
                foreach (SafetensorsTensor tensor in source.Tensors)
                {
                    writer.Copy(tensor);
                }

                writer.Add("lm_head.weight", [.. embeddings.Shape], head);
                writer.Write(folder.File(Checkpoint.SingleFileName));
            }
        }
    }

    [Fact]
    public void Adapters_go_where_peft_puts_them()
    {
        Architecture tied = ModelFolder.Open(SharedFiles.Path("goldens/models/qwen2")).CreateArchitecture();
        Architecture untied = ModelFolder.Open(SharedFiles.Path("goldens/models/qwen3")).CreateArchitecture();
        Assert.Equal(["q_proj", "v_proj"], Adapted(new AdapterConfig()));
        Assert.Equal(
            ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
            Adapted(new AdapterConfig { TargetModules = ModulePattern.OfExpression("all-linear") }));
        Assert.Equal(["lm_head.weight"], ModelAdapters.Tuning(untied, new AdapterConfig { ModulesToSave = ["lm_head"] }).SavedParameters);
        Assert.Equal(
            ["model.embed_tokens.weight"],
            ModelAdapters.Tuning(untied, new AdapterConfig { ModulesToSave = ["embed_tokens"] }).SavedParameters);
        Assert.Equal(
            ["model.embed_tokens.weight"],
            ModelAdapters.Tuning(tied, new AdapterConfig { ModulesToSave = ["embed_tokens"] }).SavedParameters);

        // What PEFT would adapt in another way or refuse is not left out in silence.
        Assert.Contains("model.embed_tokens, model.layers.0.", Refused(untied, ModulePattern.OfExpression(".*")));
        Assert.Contains("layer tied to embeddings): lm_head.", Refused(tied, ModulePattern.Of("q_proj", "lm_head")));

        string Refused(Architecture architecture, ModulePattern targets) =>
            Assert.Throws<ArgumentException>(
                () => ModelAdapters.Tuning(architecture, new AdapterConfig { TargetModules = targets })).Message;

        IEnumerable<string> Adapted(AdapterConfig config) =>
            ModelAdapters.Tuning(untied, config).Adapters.Select(target => target.Module.Split('.')[^1]).Distinct();
    }
}
