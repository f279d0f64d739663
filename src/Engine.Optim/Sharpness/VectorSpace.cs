using Engine.Devices;
using Engine.Kernels;

namespace Engine.Optim.Sharpness;

/// <summary>A vector on a device.</summary>
internal sealed class SurfaceVector : IDisposable
{
    private readonly DeviceBuffer? owned;

    /// <summary>A vector of its own memory, which holds anything.</summary>
    internal SurfaceVector(DeviceBuffer buffer)
    {
        owned = buffer;
        View = buffer.View<float>();
    }

    /// <summary>A vector in memory that is somebody else's.</summary>
    public SurfaceVector(BufferView<float> view) => View = view;

    /// <summary>float32 [dimension].</summary>
    public BufferView<float> View { get; }

    public void Dispose() => owned?.Dispose();
}

/// <summary>
/// Arithmetic with the vectors of a loss surface, on its device. Sums have a fixed order, randomness comes from counters: the same calls
/// give the same numbers.
/// </summary>
internal sealed class VectorSpace : IDisposable
{
    /// <summary>The owner under which the device counts vectors.</summary>
    public const string Owner = "sharpness";

    private readonly SegmentTable whole;
    private readonly SegmentTable layers;
    private readonly DeviceBuffer wholeWords;
    private readonly DeviceBuffer layerWords;
    private readonly DeviceBuffer workspace;
    private readonly DeviceBuffer sums;
    private readonly DeviceBuffer rowValues;
    private readonly DeviceBuffer random;

    /// <param name="tensors">At least one, one behind the other, those of a layer in any order.</param>
    public VectorSpace(Device device, IReadOnlyList<SurfaceTensor> tensors)
    {
        Device = device;
        Tensors = tensors;
        Dimension = tensors.Sum(tensor => tensor.Count);
        whole = new SegmentTable([new Segment(0, Dimension)]);
        layers = new SegmentTable([.. tensors.Select(tensor => new Segment(tensor.First, tensor.Count))]);
        wholeWords = Words(whole);
        layerWords = Words(layers);
        workspace = device.Allocate(sizeof(float) * Math.Max(Segments.Workspace(whole), Segments.Workspace(layers)), Owner);
        sums = device.Allocate(sizeof(float) * Math.Max(1, tensors.Count), Owner);
        rowValues = device.Allocate(sizeof(float) * tensors.Max(tensor => tensor.Rows), Owner);
        random = device.Allocate(sizeof(uint) * RandomState.Count, Owner);
    }

    public Device Device { get; }

    public IReadOnlyList<SurfaceTensor> Tensors { get; }

    /// <summary>Elements of a vector.</summary>
    public int Dimension { get; }

    /// <summary>The layers in the order of their first tensors.</summary>
    public IReadOnlyList<string> Layers => [.. Tensors.Select(tensor => tensor.Layer).Distinct()];

    /// <summary>A vector with memory of its own, which holds anything.</summary>
    public SurfaceVector Create() => new(Device.Allocate(sizeof(float) * (long)Dimension, Owner));

    /// <summary>y = x.</summary>
    public void Copy(SurfaceVector x, SurfaceVector y) => Run(Elementwise.Copy(Device, Dimension, x.View, y.View));

    /// <summary>y += factor * x.</summary>
    public void AddScaled(double factor, SurfaceVector x, SurfaceVector y) =>
        Run(Elementwise.AddScaled(Device, Dimension, (float)factor, x.View, y.View));

    /// <summary>y += factor * x in the tensors of one layer.</summary>
    public void AddScaled(double factor, SurfaceVector x, SurfaceVector y, string layer)
    {
        foreach (SurfaceTensor tensor in Tensors.Where(tensor => tensor.Layer == layer))
        {
            Run(Elementwise.AddScaled(Device, tensor.Count, (float)factor, Window(x, tensor), Window(y, tensor)));
        }
    }

    /// <summary>x *= factor.</summary>
    public void Scale(double factor, SurfaceVector x) => Run(Elementwise.Scale(Device, Dimension, (float)factor, x.View, x.View));

    /// <summary>x = 0.</summary>
    public void Clear(SurfaceVector x) => Run(Elementwise.Fill(Device, Dimension, 0f, x.View));

    /// <summary>x . y.</summary>
    public double Dot(SurfaceVector x, SurfaceVector y) => Dots(whole, wholeWords, x, y)[0];

    /// <summary>||x||.</summary>
    public double Norm(SurfaceVector x) => Math.Sqrt(Dot(x, x));

    /// <summary>||x|| in each layer, in the order of <see cref="Layers"/>.</summary>
    public IReadOnlyList<double> LayerNorms(SurfaceVector x)
    {
        float[] squares = Dots(layers, layerWords, x, x);
        return [.. Layers.Select(layer => Math.Sqrt(squares.Where((_, i) => Tensors[i].Layer == layer).Sum(square => (double)square)))];
    }

    /// <summary>Makes x a vector of length 1; false where it is zero and stays so.</summary>
    public bool Normalize(SurfaceVector x)
    {
        double norm = Norm(x);
        if (norm > 0)
        {
            Scale(1 / norm, x);
        }

        return norm > 0;
    }

    /// <summary>x = 1 or -1 in each element (Rademacher numbers), by (seed, sample).</summary>
    public void FillSigns(SurfaceVector x, ulong seed, uint sample)
    {
        Seed(seed, sample);
        foreach (SurfaceTensor tensor in Tensors)
        {
            Run(Noise.Signs(Device, tensor.Count, StreamOf(tensor), random.View<uint>(), Window(x, tensor)));
        }
    }

    /// <summary>x = standard normals, by (seed, sample).</summary>
    public void FillNormals(SurfaceVector x, ulong seed, uint sample)
    {
        Seed(seed, sample);
        foreach (SurfaceTensor tensor in Tensors)
        {
            FillNormals(x, tensor);
        }
    }

    /// <summary>x = noise with deviation sigma / sqrt(columns) * ||row of w|| (Flat-LoRA's), by (seed, sample); zero in vectors.</summary>
    public void FillNoise(SurfaceVector x, SurfaceVector w, double sigma, ulong seed, uint sample) =>
        FillByFilter(
            x, w, seed, sample,
            (tensor, norms) => [.. norms.Select(square => (float)(sigma / Math.Sqrt(tensor.Columns) * Math.Sqrt(square)))]);

    /// <summary>
    /// x = a Gaussian direction each of whose rows is as long as that row of w (Li et al. 2018), by (seed, sample); zero in vectors.
    /// </summary>
    public void FillDirection(SurfaceVector x, SurfaceVector w, ulong seed, uint sample) =>
        FillByFilter(x, w, seed, sample, (tensor, norms) =>
        {
            FillNormals(x, tensor);
            float[] drawn = RowSquares(x, tensor);
            return [.. norms.Zip(drawn, (square, own) => own > 0 ? (float)Math.Sqrt((double)square / own) : 0f)];
        });

    public void Dispose()
    {
        foreach (DeviceBuffer buffer in (ReadOnlySpan<DeviceBuffer>)[wholeWords, layerWords, workspace, sums, rowValues, random])
        {
            buffer.Dispose();
        }
    }

    /// <summary>Row i of each matrix of x becomes deviation[i] times its normals.</summary>
    /// <param name="deviations">The deviations of a tensor's rows from the squared norms of w's rows.</param>
    private void FillByFilter(SurfaceVector x, SurfaceVector w, ulong seed, uint sample, Func<SurfaceTensor, float[], float[]> deviations)
    {
        Seed(seed, sample);
        foreach (SurfaceTensor tensor in Tensors)
        {
            float[]? rows = tensor.HasFilters ? deviations(tensor, RowSquares(w, tensor)) : null;
            BufferView<float> target = Window(x, tensor);
            Run(Elementwise.Fill(Device, tensor.Count, 0f, target));
            if (rows is not null)
            {
                BufferView<float> deviation = rowValues.View<float>(0, tensor.Rows);
                deviation.Write(rows);
                Run(Noise.Perturb(Device, tensor.Rows, tensor.Columns, StreamOf(tensor), target, deviation, random.View<uint>(), target));
            }
        }
    }

    private void FillNormals(SurfaceVector x, SurfaceTensor tensor) =>
        Run(Noise.Normals(Device, tensor.Count, StreamOf(tensor), random.View<uint>(), Window(x, tensor)));

    private float[] RowSquares(SurfaceVector x, SurfaceTensor tensor)
    {
        BufferView<float> result = rowValues.View<float>(0, tensor.Rows);
        Run(Reductions.RowSquaredNorms(Device, tensor.Rows, tensor.Columns, Window(x, tensor), result));
        return result.ToArray();
    }

    private float[] Dots(SegmentTable table, DeviceBuffer words, SurfaceVector x, SurfaceVector y)
    {
        BufferView<float> result = sums.View<float>(0, table.SegmentCount);
        Run(Segments.Dots(Device, table, words.View<int>(), x.View, false, y.View, false, workspace.View<float>(), result));
        return result.ToArray();
    }

    private void Seed(ulong seed, uint sample)
    {
        var state = new uint[RandomState.Count];
        state[RandomState.SeedLow] = (uint)seed;
        state[RandomState.SeedHigh] = (uint)(seed >> 32);
        state[RandomState.Step] = sample;
        random.View<uint>().Write(state);
    }

    private DeviceBuffer Words(SegmentTable table)
    {
        DeviceBuffer buffer = Device.Allocate(sizeof(int) * (long)table.WordCount, Owner);
        buffer.View<int>().Write(table.Encode());
        return buffer;
    }

    private static uint StreamOf(SurfaceTensor tensor) => RandomStream.Directions + tensor.Stream;

    private static BufferView<float> Window(SurfaceVector x, SurfaceTensor tensor) => x.View.Slice(tensor.First, tensor.Count);

    private static void Run(params ReadOnlySpan<Launch> launches)
    {
        foreach (Launch launch in launches)
        {
            launch.Enqueue();
            launch.Dispose();
        }
    }
}
