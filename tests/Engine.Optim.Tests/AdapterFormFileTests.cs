using System.Text.Json.Nodes;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Devices.Cpu;
using Engine.Model.Adapters;
using Engine.Model.Loading;
using Engine.Model;
using Engine.Model.Architectures;
using Engine.Model.Execution;
using Engine.Model.Peft;
using Engine.Optim.Methods;
using Engine.Tests;

namespace Engine.Optim.Tests;

/// <summary>What files hold of adapters with a form, and what is made of them.</summary>
public sealed class AdapterFormFileTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory();

    [SharedTheory]
    [InlineData("beamlora", "LORA")]
    [InlineData("goat", "GOAT")]
    [InlineData("effilora", "EFFILORA")]
    public void A_saved_adapter_computes_what_was_trained(string name, string peftType)
    {
        using var run = new GoldenRun("cpu", GoldenFiles.Related(name), LossAverage.Batches, (settings, _) => GoldenRun.MethodOf(settings));
        if (name == "beamlora")
        {
            for (int step = 0; step < 5; step++)
            {
                run.Step(step);
            }
        }

        run.SaveAdapter(folder.FullName);
        float[] expected = run.Logits(0);
        Assert.Equal(
            peftType, (string?)JsonNode.Parse(File.ReadAllText(Path.Combine(folder.FullName, AdapterConfig.FileName)))!["peft_type"]);

        using Device device = new CpuDevice();
        ModelFolder model = ModelFolder.Open(SharedFiles.Path("goldens/models/roberta-cls"));
        Architecture architecture = model.CreateArchitecture();
        using AdapterFile file = AdapterFile.Read(folder.FullName);
        using var plain = new TransformerModel(architecture, new Tuning.Frozen());
        plain.Allocate(device);
        ModelLoading.LoadWeights(plain, model, seed: 0);
        float[] weight = Weight(plain);
        using (TransformerModel adapted = plain.WithAdapter(architecture, ModelAdapters.Tuning(architecture, file)))
        {
            adapted.Allocate(device);
            Assert.Empty(ModelAdapters.Load(adapted, file).Unused);
            Near(expected, Logits(device, adapted, run));
        }

        // The adapter had a weight of its own where it changes it.
        Assert.Equal(weight, Weight(plain));
        string merged = Path.Combine(folder.FullName, "merged");
        if (peftType == "LORA")
        {
            AdapterMerge.Write(model, folder.FullName, merged, new MergeOptions());
            ModelFolder whole = ModelFolder.Open(merged);
            using var mergedModel = new TransformerModel(whole.CreateArchitecture(), new Tuning.Frozen());
            mergedModel.Allocate(device);
            ModelLoading.LoadWeights(mergedModel, whole, seed: null);
            Near(expected, Logits(device, mergedModel, run));
        }
        else
        {
            var refusal = Assert.Throws<ModelFileException>(() => AdapterMerge.Write(model, folder.FullName, merged, new MergeOptions()));
            Assert.Contains($"an adapter of {name} cannot be merged into the weights", refusal.Message, StringComparison.Ordinal);
            Assert.False(Directory.Exists(merged) && Directory.EnumerateFiles(merged).Any());
        }
    }

    /// <summary>The factors as LoRA are rounded; what goes on with the gates has the factors as they were.</summary>
    [SharedFact]
    public void Beamlora_goes_on_from_its_own_folder_to_the_bit()
    {
        using var run = new GoldenRun("cpu", GoldenFiles.Related("beamlora"), LossAverage.Batches);
        for (int step = 0; step < 5; step++)
        {
            run.Step(step);
        }

        run.SaveAdapter(folder.FullName);
        using AdapterFile file = AdapterFile.Read(folder.FullName);
        using Device device = new CpuDevice();
        Architecture architecture = run.Model.Architecture;
        using var model = new TransformerModel(
            architecture, ModelAdapters.Tuning(architecture, file.Config with { Form = run.Config!.Form }));
        model.Allocate(device);
        ModelAdapters.Load(model, file);
        Assert.Equal(run.Model.Trainables!.Values.View<float>().ToArray(), model.Trainables!.Values.View<float>().ToArray());
    }

    /// <summary>Gates in a file of plain LoRA are not left out in silence.</summary>
    [SharedFact]
    public void Factors_with_gates_are_refused_as_plain_lora()
    {
        ModelFolder model = ModelFolder.Open(SharedFiles.Path("goldens/models/roberta-cls"));
        string gated = SharedFiles.Path("goldens/related/beamlora.init");
        var refusal = Assert.Throws<ModelFileException>(() => AdapterMerge.Write(model, gated, folder.FullName, new MergeOptions()));
        Assert.Contains("the file holds gates of BeamLoRA", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("method: beamlora", refusal.Message, StringComparison.Ordinal);
    }

    [SharedFact]
    public void What_a_form_does_not_go_with_is_refused_by_name()
    {
        Architecture encoder = ModelFolder.Open(SharedFiles.Path("goldens/models/roberta-cls")).CreateArchitecture();
        Architecture decoder = ModelFolder.Open(SharedFiles.Path("goldens/models/llama")).CreateArchitecture();
        foreach (Method method in (Method[])[new BeamLora(), new Goat(), new EffiLora()])
        {
            Refused(encoder, new AdapterConfig { Form = method.Form, UseDora = true }, $"{method.Name}: use_dora");
            Refused(encoder, new AdapterConfig { Form = method.Form, InitLoraWeights = "pissa" }, $"{method.Name}: init_lora_weights");
        }

        Refused(encoder, new AdapterConfig { Form = new Goat().Form, Rank = 12 }, "goat: r is 12, which 8 experts cannot share evenly");
        Refused(encoder, new AdapterConfig { Form = new Goat().Form, UseRslora = true }, "goat: use_rslora");
        Refused(decoder, new AdapterConfig { Form = new EffiLora().Form }, "effilora: it needs an encoder");

        static void Refused(Architecture architecture, AdapterConfig config, string part) =>
            Assert.Contains(
                part, Assert.Throws<ArgumentException>(() => ModelAdapters.Tuning(architecture, config)).Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Delete(recursive: true);

    private static float[] Weight(TransformerModel model) =>
        model.Parameter("roberta.encoder.layer.0.attention.self.query.weight").View<float>().ToArray();

    private static float[] Logits(Device device, TransformerModel model, GoldenRun run) =>
        PaddedForward.Run(device, model, run.Batch(0), gradients: false, "test").Single(tensor => tensor.Name == "logits").Values;

    /// <summary>Sums of float32 in another order.</summary>
    private static void Near(float[] expected, float[] actual) =>
        Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 2e-5 * expected.Max(Math.Abs)));
}
