using System.Numerics.Tensors;
using Engine.Devices;
using Engine.Devices.Kernels;
using Engine.Graph;
using Engine.Kernels;
using Engine.Model.Adapters;
using Engine.Model.Architectures;
using Engine.Common.Files;
using Engine.Common.Keys;
using Engine.Model.Execution;
using Engine.Safetensors;

namespace Engine.Model.Loading;

/// <summary>What became of a checkpoint's tensors and a model's parameters.</summary>
/// <param name="Initialized">Parameters the checkpoint lacks, drawn anew.</param>
/// <param name="Unused">Tensors the model has no place for.</param>
internal sealed record LoadReport(IReadOnlyList<string> Initialized, IReadOnlyList<string> Unused);

/// <summary>Moves parameters between checkpoints and devices.</summary>
internal static class ModelWeights
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
                RequireClasses(tensor, architecture, specs[i]);
                tensor.RequireShape(StoredShape(architecture, specs[i]));
                if (specs[i].Transposed)
                {
                    UploadTransposed(tensor, model.Parameter(specs[i].Name));
                }
                else
                {
                    UploadRows(tensor, model.Parameter(specs[i].Name));
                }
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
                $"{(missing.Count == 1 ? $"1 parameter of {architecture.Name} is" : $"{missing.Count} parameters of {architecture.Name} are")} missing: "
                + $"{string.Join(", ", missing.Take(5))}{(missing.Count > 5 ? ", ..." : string.Empty)}. "
                + "They were looked for with and without the prefix '" + architecture.BasePrefix + "'.");
        }

        var compared = new HashSet<string>(StringComparer.Ordinal);
        foreach (ParameterAlias alias in architecture.Aliases)
        {
            // Also where an adapter unties them: the checkpoint still has one weight for both.
            if (checkpoint.TryGet(alias.Name, out SafetensorsTensor? copy) && !compared.Contains(alias.Parameter))
            {
                used.Add(alias.Name);
                compared.Add(alias.Name);
                RequireEqual(copy, Find(checkpoint, architecture, alias.Parameter)!);
            }
        }

        return new LoadReport(initialized, [.. checkpoint.Tensors.Select(tensor => tensor.Name).Where(name => !used.Contains(name))]);
    }

    /// <summary>
    /// The shape a checkpoint has a parameter in: where the vocabulary is another than the checkpoint's, with the checkpoint's rows. Rows
    /// it lacks become the mean of those it has, as Transformers starts new tokens (up to a deviation of 3e-5 of the rows' own); rows it
    /// has too many are left out. A matrix that checkpoints hold the other way round has its two sizes swapped.
    /// </summary>
    internal static long[] StoredShape(Architecture architecture, ParameterSpec spec)
    {
        long[] shape = Longs(spec.Shape);
        if (spec.Transposed)
        {
            return [shape[1], shape[0]];
        }

        shape[0] = spec.RowPerToken && architecture.ModelConfig.StoredVocabularySize is { } stored ? stored : shape[0];
        return shape;
    }

    /// <summary>Draws every parameter anew, as Transformers initialises a model without weights.</summary>
    public static void InitializeAll(TransformerModel model, ulong seed)
    {
        IReadOnlyList<ParameterSpec> specs = model.Architecture.Parameters;
        for (int i = 0; i < specs.Count; i++)
        {
            Initialize(model.Parameter(specs[i].Name), specs[i], model.Architecture, seed, i);
        }
    }

    /// <summary>
    /// Writes the squared row norms that DoRA keeps of its frozen weights, which must be loaded: one launch a layer, and nothing of it
    /// comes to the host.
    /// </summary>
    internal static void RefreshNorms(TransformerModel model)
    {
        foreach (LoraLinear adapter in model.Adapters)
        {
            if (adapter.BaseNorm is { } norms)
            {
                Variable weight = adapter.Weight;
                using Launch launch = Reductions.RowSquaredNorms(
                    weight.Block.Buffer.Device, weight.Shape.Rows, weight.Shape.Columns, weight.Weight(), norms.View<float>());
                launch.Enqueue();
            }
        }
    }

    /// <summary>Writes every parameter as it is stored, as <c>model.safetensors</c>.</summary>
    public static void Save(TransformerModel model, string path)
    {
        var writer = new SafetensorsWriter();
        foreach (ParameterSpec spec in model.Architecture.Parameters)
        {
            Variable parameter = model.Parameter(spec.Name);
            if (spec.Transposed)
            {
                int rows = spec.Shape.Rows, columns = spec.Shape.Columns;
                writer.AddFloat32As(
                    StoredAs(parameter.Type), spec.Name, [columns, rows],
                    new TransposedMatrix((first, destination) => Read(parameter, first, destination), rows, columns).Fill);
                continue;
            }

            _ = parameter.Type switch
            {
                ElementType.Float16 => writer.Add(spec.Name, Longs(spec.Shape), Fill<Half>(parameter)),
                ElementType.BFloat16 => writer.AddStored(SafetensorsType.BFloat16, spec.Name, Longs(spec.Shape), Fill<BFloat16>(parameter)),
                _ => writer.Add(spec.Name, Longs(spec.Shape), Fill<float>(parameter)),
            };
        }

        writer.Write(path);
    }

    /// <summary>A parameter's values, or its gradient's, as a checkpoint holds the parameter.</summary>
    /// <param name="spec">The parameter; null for one that no checkpoint has.</param>
    internal static HostTensor AsStored(string name, Variable values, ParameterSpec? spec)
    {
        float[] own = values.View<float>().ToArray();
        (int rows, int columns) = (values.Shape.Rows, values.Shape.Columns);
        return spec is { Transposed: true }
            ? new HostTensor(name, [columns, rows], new TransposedMatrix((_, to) => own.CopyTo(to), rows, columns).Make())
            : new HostTensor(name, Longs(values.Shape), own);
    }

    /// <summary>Reads a stored weight as the model has it, [out, in].</summary>
    internal static TensorFill<float> Oriented(SafetensorsTensor stored, ParameterSpec spec)
    {
        TensorFill<float> source = (first, destination) => stored.ReadFloat32(destination, first);
        return spec.Transposed ? new TransposedMatrix(source, spec.Shape.Columns, spec.Shape.Rows).Fill : source;
    }

    /// <summary>
    /// Copies a checkpoint's tensor to a variable, or as many of its elements as both have: as it is where both store one type, else
    /// through float32, rounded to nearest even.
    /// </summary>
    /// <exception cref="ModelFileException">The variable is float16 and a number lies beyond its range.</exception>
    public static void Upload(SafetensorsTensor tensor, Variable variable)
    {
        switch (variable.Type)
        {
            case ElementType.Float16:
                Upload<Half>(tensor, variable, SafetensorsType.Float16, (source, destination) => NarrowHalf(tensor, source, destination));
                break;
            case ElementType.BFloat16:
                Upload<BFloat16>(tensor, variable, SafetensorsType.BFloat16, NarrowBFloat16);
                break;
            default:
                Upload<float>(tensor, variable, SafetensorsType.Float32, (source, destination) => source.CopyTo(destination));
                break;
        }
    }

    /// <summary>Reads elements of a variable, whatever type it stores, as float32.</summary>
    /// <param name="first">The first element.</param>
    public static void Read(Variable variable, long first, Span<float> values)
    {
        switch (variable.Type)
        {
            case ElementType.Float16:
                var halves = new Half[values.Length];
                variable.View<Half>().Slice(first, values.Length).Read(halves.AsSpan());
                TensorPrimitives.ConvertToSingle(halves, values);
                break;
            case ElementType.BFloat16:
                var wide = new BFloat16[values.Length];
                variable.View<BFloat16>().Slice(first, values.Length).Read(wide.AsSpan());
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] = (float)wide[i];
                }

                break;
            default:
                variable.View<float>().Slice(first, values.Length).Read(values);
                break;
        }
    }

    /// <summary>Copies a variable to another of the same shape, which stores the same type or float32.</summary>
    internal static void Copy(Variable source, Variable target)
    {
        var wide = new float[Math.Min(ChunkElements, source.Shape.Count)];
        for (long first = 0; first < source.Shape.Count; first += wide.Length)
        {
            Span<float> part = wide.AsSpan(0, (int)Math.Min(wide.Length, source.Shape.Count - first));
            Read(source, first, part);
            Write(target, part, first);
        }
    }

    /// <summary>Writes float32 numbers to a variable in its own type, rounded to nearest even.</summary>
    /// <param name="first">The first element that is written.</param>
    public static void Write(Variable variable, ReadOnlySpan<float> values, long first = 0)
    {
        switch (variable.Type)
        {
            case ElementType.Float16:
                var halves = new Half[values.Length];
                TensorPrimitives.ConvertToHalf(values, halves);
                variable.View<Half>().Slice(first, values.Length).Write(halves);
                break;
            case ElementType.BFloat16:
                var narrow = new BFloat16[values.Length];
                NarrowBFloat16(values, narrow);
                variable.View<BFloat16>().Slice(first, values.Length).Write(narrow);
                break;
            default:
                variable.View<float>().Slice(first, values.Length).Write(values);
                break;
        }
    }

    /// <summary>Reads rows of a table, [indices, columns].</summary>
    internal static void ReadRows(Variable table, IReadOnlyList<int> indices, Span<float> rows)
    {
        int columns = table.Shape.Columns;
        for (int i = 0; i < indices.Count; i++)
        {
            Read(table, (long)indices[i] * columns, rows.Slice(i * columns, columns));
        }
    }

    /// <summary>Hands out a variable's elements part by part, as they are stored.</summary>
    public static TensorFill<T> Fill<T>(Variable variable)
        where T : unmanaged
    {
        BufferView<T> view = variable.View<T>();
        return (first, destination) => view.Slice(first, destination.Length).Read(destination);
    }

    /// <summary>A shape as safetensors has it.</summary>
    public static long[] Longs(Shape shape) => [.. shape.Dimensions.ToArray().Select(dimension => (long)dimension)];

    /// <summary>
    /// A parameter under its name, without the base prefix, with the norm names of BERT's first checkpoints, or under another name.
    /// </summary>
    /// <exception cref="ModelFileException">It holds whole numbers.</exception>
    internal static SafetensorsTensor? Find(TensorSource checkpoint, Architecture architecture, string name)
    {
        string bare = Bare(name);
        IEnumerable<string> aliases = architecture.Aliases.Where(alias => alias.Parameter == name).Select(alias => alias.Name);
        foreach (string candidate in (string[])[
            name, bare, Legacy(name), Legacy(bare), .. aliases.SelectMany(alias => new[] { alias, Bare(alias) })])
        {
            if (checkpoint.TryGet(candidate, out SafetensorsTensor? tensor))
            {
                return tensor.Type.IsFloatingPoint()
                    ? tensor
                    : throw new ModelFileException(
                        tensor.FilePath,
                        $"tensor '{tensor.Name}' holds {tensor.Type.HeaderName()}; a floating-point type was expected (quantized "
                            + "weights are not read).");
            }
        }

        return null;

        string Bare(string full) =>
            full.StartsWith(architecture.BasePrefix, StringComparison.Ordinal) ? full[architecture.BasePrefix.Length..] : full;

        static string Legacy(string name) => name
            .Replace("LayerNorm.weight", "LayerNorm.gamma", StringComparison.Ordinal)
            .Replace("LayerNorm.bias", "LayerNorm.beta", StringComparison.Ordinal);
    }

    /// <summary>A checkpoint may hold a tied weight under both names; then they must be one.</summary>
    internal static void RequireEqual(SafetensorsTensor copy, SafetensorsTensor original)
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
                    copy.FilePath,
                    $"{copy.Name} differs from {original.Name}, but the configuration ties them; set tie_word_embeddings to false in "
                    + "config.json to use both.");
            }
        }
    }

    /// <summary>A head of other classes than the configuration names is a slip in the names rather than in the weights.</summary>
    private static void RequireClasses(SafetensorsTensor tensor, Architecture architecture, ParameterSpec spec)
    {
        ReadOnlySpan<int> expected = spec.Shape.Dimensions;
        if (!spec.Head || architecture.Head.NamesTokens() || expected[0] != architecture.OutputSize
            || tensor.Shape.Count != expected.Length
                || tensor.Shape[0] == expected[0] || tensor.Shape.Skip(1).Any(size => size != architecture.HiddenSize))
        {
            return;
        }

        IReadOnlyList<string> names = architecture.ModelConfig.Labels.Names;
        throw new ModelFileException(
            tensor.FilePath,
            $"{tensor.Name} has {tensor.Shape[0]} rows, "
                + $"one for each class, and {(names.Count == 1 ? "1 class is" : $"{names.Count} classes are")} named "
            + $"({string.Join(", ", names.Take(5))}{(names.Count > 5 ? ", ..." : "")}). Give id2label in config.json a name for each row, "
            + "or num_labels their number; for a run with other classes give a model without a trained head.");
    }

    /// <summary>
    /// Copies a tensor's rows to a variable of as many, fewer or more; rows the tensor lacks become the mean of those it has.
    /// </summary>
    private static void UploadRows(SafetensorsTensor tensor, Variable variable)
    {
        Upload(tensor, variable);
        int rows = variable.Shape[0], stored = checked((int)tensor.Shape[0]), columns = checked((int)(variable.Shape.Count / rows));
        if (stored >= rows)
        {
            return;
        }

        var row = new float[columns];
        var sums = new double[columns];
        for (int i = 0; i < stored; i++)
        {
            Read(variable, (long)i * columns, row);
            for (int j = 0; j < columns; j++)
            {
                sums[j] += row[j];
            }
        }

        float[] mean = [.. sums.Select(sum => (float)(sum / stored))];
        for (int i = stored; i < rows; i++)
        {
            Write(variable, mean, (long)i * columns);
        }
    }

    /// <summary>Copies a matrix that the checkpoint holds the other way round.</summary>
    private static void UploadTransposed(SafetensorsTensor tensor, Variable variable)
    {
        TensorFill<float> stored = (first, destination) => tensor.ReadFloat32(destination, first);
        float[] values = new TransposedMatrix(stored, variable.Shape.Columns, variable.Shape.Rows).Make();
        if (variable.Type == ElementType.Float16)
        {
            NarrowHalf(tensor, values, new Half[values.Length]);
        }

        Write(variable, values);
    }

    private static SafetensorsType StoredAs(ElementType type) => type switch
    {
        ElementType.Float16 => SafetensorsType.Float16,
        ElementType.BFloat16 => SafetensorsType.BFloat16,
        _ => SafetensorsType.Float32,
    };

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
                var generator = new PhiloxGenerator(seed, RandomStream.Initialization, (uint)index);
                generator.FillNormals(normals);
                for (int i = 0; i < values.Length; i++)
                {
                    for (ulong draw = 1; Math.Abs(normals[i]) > spec.Cutoff; draw++)
                    {
                        generator.FillNormals(normals.AsSpan(i, 1), (draw * (ulong)values.Length) + (ulong)i);
                    }

                    values[i] = (float)(architecture.InitializerRange * spec.Deviation * normals[i]);
                }

                break;
        }

        Write(variable, values);
    }

    private static void Upload<T>(SafetensorsTensor tensor, Variable variable, SafetensorsType stored, Narrowing<T> narrow)
        where T : unmanaged
    {
        BufferView<T> view = variable.View<T>().Slice(0, Math.Min(variable.Shape.Count, tensor.ElementCount));
        var chunk = new T[Math.Min(ChunkElements, view.Length)];
        float[] wide = tensor.Type == stored ? [] : new float[chunk.Length];
        for (long first = 0; first < view.Length; first += chunk.Length)
        {
            Span<T> part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, view.Length - first));
            if (wide.Length == 0)
            {
                tensor.ReadStored(part, first);
            }
            else
            {
                tensor.ReadFloat32(wide.AsSpan(0, part.Length), first);
                narrow(wide.AsSpan(0, part.Length), part);
            }

            view.Slice(first, part.Length).Write(part);
        }
    }

    private static void NarrowBFloat16(ReadOnlySpan<float> source, Span<BFloat16> destination) =>
        TensorConversion.NarrowBFloat16(source, System.Runtime.InteropServices.MemoryMarshal.Cast<BFloat16, ushort>(destination));

    private static void NarrowHalf(SafetensorsTensor tensor, ReadOnlySpan<float> source, Span<Half> destination)
    {
        TensorPrimitives.ConvertToHalf(source, destination);
        for (int i = 0; i < source.Length; i++)
        {
            if (Half.IsInfinity(destination[i]) && float.IsFinite(source[i]))
            {
                throw new ModelFileException(
                    tensor.FilePath,
                    $"tensor '{tensor.Name}' holds {source[i]}, which float16 cannot (at most 65504); use "
                        + $"{Setting.Of("dtype", "bfloat16")} or float32.");
            }
        }
    }

    private delegate void Narrowing<T>(ReadOnlySpan<float> source, Span<T> destination);
}
