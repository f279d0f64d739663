using Engine.Devices;
using Engine.Graph;
using Engine.Model.Architectures;
using Engine.Model.Files;
using Engine.Model.Safetensors;

namespace Engine.Model.Execution;

/// <summary>What became of a checkpoint's tensors and a model's parameters.</summary>
/// <param name="Initialized">Parameters the checkpoint lacks, drawn anew.</param>
/// <param name="Unused">Tensors the model has no place for.</param>
public sealed record LoadReport(IReadOnlyList<string> Initialized, IReadOnlyList<string> Unused);

/// <summary>Moves parameters between checkpoints and devices.</summary>
public static class ModelWeights
{
    private const int ChunkElements = 1 << 20;

    /// <summary>
    /// Loads every parameter. A folder that holds only the body is read without the base prefix; parameters of the head that the checkpoint
    /// lacks are initialised as Transformers does, from <paramref name="seed"/>.
    /// </summary>
    /// <exception cref="ModelFileException">A parameter of the body is missing, a shape differs, or tied tensors differ.</exception>
    public static LoadReport Load(TransformerModel model, TensorSource checkpoint, ulong seed)
    {
        Architecture architecture = model.Architecture;
        var initialized = new List<string>();
        var missing = new List<string>();
        var used = new HashSet<string>(StringComparer.Ordinal);
        IReadOnlyList<ParameterSpec> specs = architecture.Parameters;
        for (int i = 0; i < specs.Count; i++)
        {
            SafetensorsTensor? tensor = Find(checkpoint, architecture, specs[i].Name);
            if (tensor is not null)
            {
                used.Add(tensor.Name);
                Upload(tensor.RequireShape(Longs(specs[i].Shape)), model.Parameter(specs[i].Name));
            }
            else if (specs[i].Head)
            {
                Initialize(model.Parameter(specs[i].Name), specs[i], architecture, seed, i);
                initialized.Add(specs[i].Name);
            }
            else
            {
                missing.Add(specs[i].Name);
            }
        }

        if (missing.Count > 0)
        {
            throw new ModelFileException(
                checkpoint.SourcePath,
                $"{missing.Count} parameters of {architecture.Name} are missing: {string.Join(", ", missing.Take(5))}{(missing.Count > 5 ? ", ..." : string.Empty)}. "
                + "They were looked for with and without the prefix '" + architecture.BasePrefix + "'.");
        }

        foreach (ParameterAlias alias in architecture.Aliases)
        {
            if (checkpoint.TryGet(alias.Name, out SafetensorsTensor? copy))
            {
                used.Add(alias.Name);
                RequireEqual(copy, Find(checkpoint, architecture, alias.Parameter)!);
            }
        }

        RefreshNorms(model);
        return new LoadReport(initialized, [.. checkpoint.Tensors.Select(tensor => tensor.Name).Where(name => !used.Contains(name))]);
    }

    /// <summary>Draws every parameter anew, as Transformers initialises a model without weights.</summary>
    public static void InitializeAll(TransformerModel model, ulong seed)
    {
        IReadOnlyList<ParameterSpec> specs = model.Architecture.Parameters;
        for (int i = 0; i < specs.Count; i++)
        {
            Initialize(model.Parameter(specs[i].Name), specs[i], model.Architecture, seed, i);
        }

        RefreshNorms(model);
    }

    /// <summary>Writes the squared row norms that DoRA keeps of its frozen weights. Whoever changes a weight calls it.</summary>
    internal static void RefreshNorms(TransformerModel model)
    {
        foreach (LoraLinear adapter in model.Adapters.Where(adapter => adapter.BaseNorm is not null))
        {
            int columns = adapter.Weight.Shape.Columns;
            var row = new float[columns];
            var norms = new float[adapter.Weight.Shape.Rows];
            BufferView<float> weight = adapter.Weight.View<float>();
            for (int i = 0; i < norms.Length; i++)
            {
                weight.Slice((long)i * columns, columns).Read(row.AsSpan());
                norms[i] = (float)row.Sum(value => (double)value * value);
            }

            adapter.BaseNorm!.View<float>().Write(norms);
        }
    }

    /// <summary>Writes every parameter, float32, as <c>model.safetensors</c>.</summary>
    public static void Save(TransformerModel model, string path)
    {
        var writer = new SafetensorsWriter();
        foreach (ParameterSpec spec in model.Architecture.Parameters)
        {
            BufferView<float> view = model.Parameter(spec.Name).View<float>();
            writer.Add<float>(spec.Name, Longs(spec.Shape), (first, destination) => view.Slice(first, destination.Length).Read(destination));
        }

        writer.Write(path);
    }

    /// <summary>Copies a checkpoint's tensor to a variable as float32.</summary>
    public static void Upload(SafetensorsTensor tensor, Variable variable)
    {
        BufferView<float> view = variable.View<float>();
        var chunk = new float[Math.Min(ChunkElements, view.Length)];
        for (long first = 0; first < view.Length; first += chunk.Length)
        {
            Span<float> part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, view.Length - first));
            tensor.ReadFloat32(part, first);
            view.Slice(first, part.Length).Write(part);
        }
    }

    /// <summary>A shape as safetensors has it.</summary>
    public static long[] Longs(Shape shape) => [.. shape.Dimensions.ToArray().Select(dimension => (long)dimension)];

    /// <summary>A parameter under its name, without the base prefix, with the norm names of BERT's first checkpoints, or under another name.</summary>
    private static SafetensorsTensor? Find(TensorSource checkpoint, Architecture architecture, string name)
    {
        string bare = name.StartsWith(architecture.BasePrefix, StringComparison.Ordinal) ? name[architecture.BasePrefix.Length..] : name;
        IEnumerable<string> aliases = architecture.Aliases.Where(alias => alias.Parameter == name).Select(alias => alias.Name);
        foreach (string candidate in (string[])[name, bare, Legacy(name), Legacy(bare), .. aliases])
        {
            if (checkpoint.TryGet(candidate, out SafetensorsTensor? tensor))
            {
                return tensor;
            }
        }

        return null;

        static string Legacy(string name) => name
            .Replace("LayerNorm.weight", "LayerNorm.gamma", StringComparison.Ordinal)
            .Replace("LayerNorm.bias", "LayerNorm.beta", StringComparison.Ordinal);
    }

    /// <summary>A checkpoint may hold a tied weight under both names; then they must be one.</summary>
    private static void RequireEqual(SafetensorsTensor copy, SafetensorsTensor original)
    {
        copy.RequireShape([.. original.Shape]);
        var left = new float[Math.Min(ChunkElements, copy.ElementCount)];
        var right = new float[left.Length];
        for (long first = 0; first < copy.ElementCount; first += left.Length)
        {
            int count = (int)Math.Min(left.Length, copy.ElementCount - first);
            copy.ReadFloat32(left.AsSpan(0, count), first);
            original.ReadFloat32(right.AsSpan(0, count), first);
            if (!left.AsSpan(0, count).SequenceEqual(right.AsSpan(0, count)))
            {
                throw new ModelFileException(
                    copy.FilePath, $"{copy.Name} differs from {original.Name}, but the configuration ties them; set tie_word_embeddings to false in config.json to use both.");
            }
        }
    }

    private static void Initialize(Variable variable, ParameterSpec spec, Architecture architecture, ulong seed, int index)
    {
        var values = new float[spec.Shape.Count];
        switch (spec.Initialization)
        {
            case ParameterInitialization.Ones:
                values.AsSpan().Fill(1f);
                break;
            case ParameterInitialization.Normal:
                var normals = new double[values.Length];
                new PhiloxGenerator(seed, RandomStream.Initialization, (uint)index).FillNormals(normals);
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = (float)(architecture.InitializerRange * normals[i]);
                }

                break;
        }

        variable.View<float>().Write(values);
    }
}
