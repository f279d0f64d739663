using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Batching;
using Engine.Model.Execution;
using Engine.Model.Loading;
using Engine.Safetensors;
using Engine.Tests;

namespace Engine.Model.Tests.Execution;

/// <summary>The padded batch of a golden model (goldens/models), what Transformers computed of it, and the comparison.</summary>
internal sealed class GoldenBatch : IDisposable
{
    /// <summary>
    /// Norm of the difference over norm of the golden: PyTorch's own float32 is at 1e-6, and 1e-4 means that something is wrong.
    /// </summary>
    public const double Tolerance = 1e-4;

    /// <summary>The models of which the repository holds all that Transformers computed.</summary>
    public static readonly string[] WithAllGradients =
        ["roberta-cls", "roberta-regression", "roberta-mlm", "bert-cls", "qwen2-cls", "distilbert-cls"];

    /// <summary>The models whose hidden states and gradients under full fine-tuning only ../shared has.</summary>
    public static readonly string[] WithAdapterGradients = ["qwen2", "qwen3", "llama", "qwen2-bfloat16"];

    /// <summary>Decoders that only ../shared has.</summary>
    public static readonly string[] OtherDecoders = ["mistral", "gemma2", "gemma3-text", "phi3", "gpt2"];

    /// <summary>The models that only ../shared has.</summary>
    public static readonly string[] Shared = ["xlm-roberta-cls", "modernbert-cls", .. OtherDecoders];

    /// <summary>Models of families that came after the first ones (goldens/later).</summary>
    private static readonly string[] Later = ["distilbert-cls", .. Shared];

    private readonly SafetensorsFile expected;

    public GoldenBatch(string name)
        : this(name, SharedFiles.Path(FolderOf(name)))
    {
    }

    private GoldenBatch(string name, string folder)
    {
        Folder = folder;
        expected = SafetensorsFile.Open(Path.Combine(Folder, "expected.safetensors"));
        SafetensorsTensor ids = expected["input_ids"];
        Architecture = ModelFolder.Open(Folder).CreateArchitecture();
        Layout = PaddedLayout.FromMask(name, expected["attention_mask"].ToInt32(), (int)ids.Shape[0], (int)ids.Shape[1]);
        RaggedBatch batch =
            Layout.ToRagged(ids.ToInt32(), expected.TryGet("token_type_ids", out SafetensorsTensor? types) ? types.ToInt32() : default);
        SafetensorsTensor labels = expected["labels"];
        Batch = Architecture.Head switch
        {
            HeadKind.Regression => batch with { Targets = labels.ToFloat32() },
            HeadKind.MaskedLm => batch with { TokenLabels = Layout.TokenLabels(labels.ToInt32()) },
            HeadKind.CausalLm => batch.WithNextTokenLabels(Layout.TokenLabels(labels.ToInt32())),
            _ => batch with { ClassLabels = labels.ToInt32() },
        };
    }

    /// <summary>The batch with all that Transformers computed of it, from ../shared where the repository holds a part.</summary>
    public static GoldenBatch Whole(string name) => new(name, SharedFiles.Whole(FolderOf(name)));

    public string Folder { get; }

    public string AdapterFolder => Path.Combine(Folder, "adapter");

    public Architecture Architecture { get; }

    public PaddedLayout Layout { get; }

    public RaggedBatch Batch { get; }

    /// <summary>The batch's shape with logits at every token, which holds any of its other shapes.</summary>
    public BatchShape Capacity => BatchShape.Of(Architecture, Batch, everyToken: true).Max(BatchShape.Of(Architecture, Batch));

    /// <summary>Holds logits against <c>PREFIX.logits</c>.</summary>
    public void CheckLogits(ModelRun run, string prefix)
    {
        float[] logits = expected[$"{prefix}.logits"].ToFloat32();
        CheckNear($"{prefix}.logits", Architecture.Head.PredictsTokens() ? Ragged(logits) : logits, run.Logits);
    }

    /// <summary>The norm of the logits' distance from <c>PREFIX.logits</c>, over the norm of these.</summary>
    public double Distance(ModelRun run, string prefix)
    {
        float[] logits = expected[$"{prefix}.logits"].ToFloat32(), golden = Architecture.Head.PredictsTokens() ? Ragged(logits) : logits;
        return Norm(golden.Zip(run.Logits, (a, b) => a - b)) / Norm(golden);
    }

    /// <summary>Holds logits, hidden states and loss against <c>PREFIX.logits</c> and so on.</summary>
    public void CheckOutputs(ModelRun run, string prefix, bool hiddenStates)
    {
        CheckLogits(run, prefix);
        Assert.InRange(Math.Abs(run.Loss - expected[$"{prefix}.loss"].ToFloat32()[0]) / run.Loss, 0, Tolerance);
        foreach ((int layer, float[] hidden) in (hiddenStates ? run.HiddenStates : []).Index())
        {
            CheckNear($"{prefix}.hidden.{layer}", Ragged(expected[$"{prefix}.hidden.{layer}"].ToFloat32()), hidden);
        }
    }

    /// <summary>Holds every trainable tensor's gradient against <c>PREFIX.grad.NAME</c>, and finds one for each of those.</summary>
    public void CheckGradients(TrainableParameters trainables, string prefix)
    {
        Dictionary<string, float[]> gradients =
            trainables.Entries.ToDictionary(entry => entry.Name, entry => AsStored(entry.Name, entry.Value.Gradient!));
        string[] names = [.. expected.Tensors.Select(tensor => tensor.Name)
            .Where(name => name.StartsWith($"{prefix}.grad.", StringComparison.Ordinal))];
        Assert.Equal(
            names.Select(name => name[$"{prefix}.grad.".Length..]).Order(StringComparer.Ordinal),
            gradients.Keys.Order(StringComparer.Ordinal));
        double largest = names.Max(name => Norm(expected[name].ToFloat32()));
        foreach (string name in names)
        {
            CheckNear(name, expected[name].ToFloat32(), gradients[name[$"{prefix}.grad.".Length..]], largest);
        }
    }

    public void Dispose() => expected.Dispose();

    private float[] AsStored(string name, Variable gradient) =>
        ModelWeights.AsStored(name, gradient, Architecture.Parameters.FirstOrDefault(spec => spec.Name == name)).Values;

    /// <param name="scale">Where the golden is itself round-off (a key bias has no gradient), 1e-4 of this norm is the floor of the
    /// comparison.</param>
    private static void CheckNear(string name, float[] golden, float[] actual, double scale = 0)
    {
        double difference = Norm(golden.Zip(actual, (a, b) => a - b));
        double allowed = Tolerance * Math.Max(Norm(golden), 1e-4 * scale);
        Assert.True(difference <= allowed, $"{name}: off by {difference:E2} in norm, allowed {allowed:E2}");
    }

    private static double Norm(IEnumerable<float> values) => Math.Sqrt(values.Sum(value => (double)value * value));

    private static string FolderOf(string name) => $"goldens/{(Later.Contains(name) ? "later" : "models")}/{name}";

    private float[] Ragged(float[] padded)
    {
        int width = padded.Length / (Layout.Rows * Layout.Length);
        var ragged = new float[Layout.TokenCount * width];
        Layout.Gather(padded, width, ragged);
        return ragged;
    }
}
