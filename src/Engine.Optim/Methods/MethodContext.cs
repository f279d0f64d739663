using Engine.Common;
using Engine.Graph;
using Engine.Graph.Operators;
using Engine.Kernels;
using Engine.Model.Execution;

namespace Engine.Optim.Methods;

/// <summary>What a method may use while it declares its state and builds its part of a step.</summary>
public sealed class MethodContext
{
    private readonly List<(Variable Words, int[] Content)> tables = [];
    private readonly List<(Variable Numbers, float[] Content)> numbers = [];

    /// <param name="model">The model with its adapters and trainable parameters.</param>
    /// <param name="scalars">The step's scalars (<see cref="StepScalars"/>).</param>
    /// <param name="noiseRandom">The state of the method's noise generator: its seed and the optimizer step.</param>
    /// <param name="optimizer">The settings of the run's AdamW.</param>
    /// <param name="moments">AdamW's m and v, [trainable elements] each.</param>
    /// <param name="totalSteps">Optimizer steps of the whole run, or of its longest task.</param>
    internal MethodContext(
        TransformerModel model,
        SessionReports reports,
        Variable scalars,
        Variable noiseRandom,
        AdamWOptions optimizer,
        (Variable First, Variable Second) moments,
        long totalSteps)
    {
        Moments = moments;
        Model = model;
        Optimizer = optimizer;
        TotalSteps = totalSteps;
        Trainables = model.Trainables ?? throw new ArgumentException("A frozen model cannot be trained.", nameof(model));
        Losses = reports;
        Scalars = scalars;
        NoiseRandom = noiseRandom;
    }

    /// <summary>The model with its adapters.</summary>
    public TransformerModel Model { get; }

    /// <summary>Its trainable tensors.</summary>
    public TrainableParameters Trainables { get; }

    /// <summary>Memory of the method's state, which checkpoints hold; reserve variables in <see cref="TrainingMethod.Attach"/>.</summary>
    public StorageBlock State { get; } = new("method");

    /// <summary>
    /// Memory of what has moved from adapters into base weights, or is kept of earlier ones, and belongs to the run's result; checkpoints
    /// and the weights of the best evaluation hold it. It changes between steps alone (<see cref="TrainingMethod.BetweenSteps"/>).
    /// </summary>
    public StorageBlock Merged { get; } = new("method");

    /// <summary>Memory that nothing reads in a later step, such as the copy of perturbed weights.</summary>
    public StorageBlock Scratch { get; } = new("method");

    /// <summary>A few numbers that are read to the host once, at the end of a step (<see cref="TrainingMethod.OnStepEnd"/>).</summary>
    public StorageBlock Reports => Losses.Block;

    /// <summary>Small memory a host writes: tables of tensors, masks of one number a tensor.</summary>
    public StorageBlock Tables { get; } = new("tables");

    /// <summary>float32 [<see cref="StepScalars.Count"/>]: what changes from step to step, by the slots of <see cref="StepScalars"/>.</summary>
    public Variable Scalars { get; }

    /// <summary>
    /// uint32 [4]: seed (<see cref="TrainingMethod.NoiseSeed"/>) and optimizer step of the method's counter-based generator, Philox4x32-10.
    /// </summary>
    public Variable NoiseRandom { get; }

    /// <summary>The settings of the run's AdamW.</summary>
    public AdamWOptions Optimizer { get; }

    /// <summary>The moments of AdamW, laid out as <see cref="TrainableParameters.Values"/>.</summary>
    public (Variable First, Variable Second) Moments { get; }

    /// <summary>[1] The mean loss of the step's micro-batches in the pass that ran last.</summary>
    public Variable Loss => Losses.Loss;

    /// <summary>The losses that a step is reported by.</summary>
    internal SessionReports Losses { get; }

    /// <summary>Optimizer steps of the run, or of the task that is under way; of the longest one before the first begins.</summary>
    public long TotalSteps { get; internal set; }

    /// <summary>The A and B of every adapted layer, named as trainable tensors.</summary>
    public IReadOnlyList<(string Name, Variable Value)> AdapterTensors
    {
        get
        {
            HashSet<Variable> factors = [.. Model.Adapters.SelectMany(layer => new[] { layer.A, layer.B })];
            return [.. Trainables.Entries.Where(entry => factors.Contains(entry.Value))];
        }
    }

    /// <summary>The adapters' factors where the run has adapters, else every trainable tensor.</summary>
    public IReadOnlyList<(string Name, Variable Value)> AdaptersOrAll => Model.Adapters.Count > 0 ? AdapterTensors : Trainables.Entries;

    /// <summary>Trainable tensors as one launch works on them; the same table serves their values, their gradients and packed copies.</summary>
    public TensorSegments Segments(IEnumerable<(string Name, Variable Value)> tensors)
    {
        var table = new SegmentTable([.. tensors.Select(tensor => new Segment(
            checked((int)(tensor.Value.ByteOffset / sizeof(float))),
            (int)tensor.Value.Shape.Count,
            Scaled: tensor.Name.Contains("weight", StringComparison.Ordinal)))]);
        return new TensorSegments(table, Table("segments", table.Encode()));
    }

    /// <summary>A filter for each of these trainable tensors, as one launch works on all of them.</summary>
    internal TensorFilters Filters(IEnumerable<(Variable Tensor, MatrixFilter Filter)> tensors)
    {
        (Variable Tensor, MatrixFilter Filter)[] all = [.. tensors];
        var table = new FilterTable(
            [.. all.Select(entry => new Segment(TrainableParameters.OffsetOf(entry.Tensor), (int)entry.Tensor.Shape.Count))],
            [.. all.Select(entry => entry.Filter)]);
        Variable kernels = Tables.Reserve("filter_weights", new Shape(table.Kernels.Length));
        numbers.Add((kernels, table.Kernels));
        return new TensorFilters(table, Table("filter_segments", table.Segments.Encode()), Table("filters", table.Data), kernels);
    }

    /// <summary>Pairs of factors as one launch works on all of them.</summary>
    /// <param name="factors">A [rank, in], B [out, rank] and the scale s of s B A for each layer.</param>
    /// <param name="values">The run of parameters that they lie in.</param>
    /// <param name="rankKey">The key that says the rank, for messages.</param>
    /// <exception cref="ConfigurationException">A rank is above the largest that the kernels take.</exception>
    internal LowRankLayers LowRankLayers(
        IEnumerable<(Variable A, Variable B, float Scale)> factors, Variable values, string rankKey, string method)
    {
        var pairs = new List<LowRankPair>();
        int direction = 0;
        foreach ((Variable a, Variable b, float scale) in factors)
        {
            int rank = a.Shape.Rows;
            if (rank > LowRank.LargestRank)
            {
                throw new ConfigurationException($"{rankKey} is {rank}, and method {method} takes ranks up to {LowRank.LargestRank}; lower it, or choose another method.");
            }

            int Offset(Variable factor) => checked((int)((factor.ByteOffset - values.ByteOffset) / sizeof(float)));
            pairs.Add(new LowRankPair(Offset(a), Offset(b), direction, b.Shape.Rows, a.Shape.Columns, rank, scale));
            direction = checked(direction + (int)b.Shape.Count);
        }

        var table = new LowRankTable(pairs);
        return new LowRankLayers(table, Table("low_rank", table.Data), values);
    }

    /// <summary>Writes the tables once their memory is there.</summary>
    internal void UploadTables()
    {
        foreach ((Variable words, int[] content) in tables)
        {
            words.View<int>().Write(content);
        }

        foreach ((Variable values, float[] content) in numbers)
        {
            values.View<float>().Write(content);
        }
    }

    private Variable Table(string name, int[] content)
    {
        Variable words = Tables.Reserve($"{name}.{tables.Count}", new Shape(content.Length), Devices.ElementType.Int32);
        tables.Add((words, content));
        return words;
    }
}
