namespace Engine.Devices;

/// <summary>
/// The counter-based generator every device shares, on the host: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2,
/// 3", 2011). Key = (seed low, seed high), counter = (block low, block high, stream, step); element e is lane e % 4 of block e / 4.
/// It holds no state: the same (seed, stream, step, element) gives the same number at any time and in any order.
/// </summary>
/// <param name="Seed">The 64-bit key.</param>
/// <param name="Stream">What the numbers are for; host uses are listed in <see cref="RandomStream"/>.</param>
/// <param name="Step">The optimizer step, or the epoch for draws made once per epoch.</param>
internal readonly record struct PhiloxGenerator(ulong Seed, uint Stream, uint Step)
{
    private const int Rounds = 10;
    private const double WordScale = 1.0 / 4294967296.0;

    /// <summary>The bare generator: four counter words and two key words in, four random words out.</summary>
    public static PhiloxWords Words(PhiloxWords counter, uint key0, uint key1)
    {
        (uint c0, uint c1, uint c2, uint c3) = (counter.X, counter.Y, counter.Z, counter.W);
        for (int round = 0; round < Rounds; round++)
        {
            ulong p0 = 0xD2511F53UL * c0;
            ulong p1 = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ key0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ key1, (uint)p0);
            key0 += 0x9E3779B9u;
            key1 += 0xBB67AE85u;
        }

        return new PhiloxWords(c0, c1, c2, c3);
    }

    /// <summary>The four words of one block.</summary>
    public PhiloxWords Block(ulong block) =>
        Words(new PhiloxWords((uint)block, (uint)(block >> 32), Stream, Step), (uint)Seed, (uint)(Seed >> 32));

    /// <summary>
    /// A uniform whole number in [0, <paramref name="bound"/>), from the first 64 bits of a block; its bias is below bound / 2^64.
    /// </summary>
    public int Below(ulong block, int bound)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        PhiloxWords words = Block(block);
        return (int)Math.BigMul(((ulong)words.Y << 32) | words.X, (ulong)bound, out _);
    }

    /// <summary>Standard normals of the elements from <paramref name="firstElement"/> on, by Box-Muller in float64.</summary>
    public void FillNormals(Span<double> values, ulong firstElement = 0)
    {
        for (int i = 0; i < values.Length;)
        {
            ulong element = firstElement + (ulong)i;
            PhiloxWords words = Block(element / 4);
            (double z0, double z1) = BoxMuller(words.X, words.Y);
            (double z2, double z3) = BoxMuller(words.Z, words.W);
            for (int lane = (int)(element % 4); lane < 4 && i < values.Length; lane++, i++)
            {
                values[i] = lane switch { 0 => z0, 1 => z1, 2 => z2, _ => z3 };
            }
        }
    }

    /// <summary>A random order of 0 ... count - 1 (Fisher-Yates; position i draws from block i).</summary>
    public int[] Permutation(int count)
    {
        int[] order = new int[count];
        for (int i = 0; i < count; i++)
        {
            int j = Below((ulong)i, i + 1);
            order[i] = order[j];
            order[j] = i;
        }

        return order;
    }

    /// <summary>A word as a uniform number strictly between 0 and 1: (word + 0.5) / 2^32.</summary>
    public static double ToUniform(uint word) => (word + 0.5) * WordScale;

    private static (double First, double Second) BoxMuller(uint x, uint y)
    {
        double radius = Math.Sqrt(-2.0 * Math.Log(ToUniform(x)));
        (double sin, double cos) = Math.SinCos(2.0 * Math.PI * ToUniform(y));
        return (radius * cos, radius * sin);
    }
}

/// <summary>Four 32-bit words, lowest first: a counter of <see cref="PhiloxGenerator"/> or its output.</summary>
internal readonly record struct PhiloxWords(uint X, uint Y, uint Z, uint W);

/// <summary>
/// Philox streams. A method's noise counts adapted layers from 0, dropout counts its places from <see cref="Dropout"/> and adapted layers
/// from
/// <see cref="LoraDropout"/>, and the draws made on the host lie at the top of the range: one seed can serve all of them without two uses
/// reading the same numbers.
/// </summary>
internal static class RandomStream
{
    /// <summary>
    /// Directions in which sharpness is measured: the first tensor's; the others' follow. The step is the sample's number.
    /// </summary>
    public const uint Directions = 0x4000_0000;

    /// <summary>Noise on the gradients of a step; an element is a trainable number's place. The step is the optimizer step.</summary>
    public const uint GradientNoise = 0x6000_0000;

    /// <summary>The model's own first dropout of a forward pass; the others follow. The step is the micro-batch.</summary>
    public const uint Dropout = 0x8000_0000;

    /// <summary>
    /// Dropout on the first adapted layer's input; those of the others follow by the layers' numbers. The step is the micro-batch.
    /// </summary>
    public const uint LoraDropout = 0xC000_0000;

    /// <summary>First values of the boosters of XGBLoRA by their numbers; the step is the adapted layer's number.</summary>
    public const uint BoosterInitialization = 0xFFFE_0000;

    /// <summary>First values of SD-LoRA's directions by their tasks' numbers; the step is the adapted layer's number.</summary>
    public const uint DirectionInitialization = 0xFFFD_0000;

    /// <summary>Which examples fall into which batch; the step is the epoch.</summary>
    public const uint Shuffle = 0xFFFF_0001;

    /// <summary>The order of an epoch's batches; the step is the epoch.</summary>
    public const uint BatchOrder = 0xFFFF_0002;

    /// <summary>Masks of masked-language modelling; the step is the epoch.</summary>
    public const uint TokenMask = 0xFFFF_0003;

    /// <summary>First values of new parameters; the step is the tensor's number.</summary>
    public const uint Initialization = 0xFFFF_0004;

    /// <summary>First values of new adapters; the step is the adapted layer's number.</summary>
    public const uint AdapterInitialization = 0xFFFF_0005;

    /// <summary>
    /// Which tensors take part in a step of ESAM or SL-SAM, or in a booster of XGBLoRA; the step is the optimizer step or the booster's
    /// number.
    /// </summary>
    public const uint TensorSelection = 0xFFFF_0006;

    /// <summary>Which token a text goes on with; the step is the number of tokens generated before it.</summary>
    public const uint Sampling = 0xFFFF_0007;

    /// <summary>First values of a method's auxiliary adapters; the step is the adapted layer's number.</summary>
    public const uint AuxiliaryInitialization = 0xFFFF_0008;

    /// <summary>Directions in which a weight's singular vectors are looked for; the step is the adapted layer's number.</summary>
    public const uint SingularVectors = 0xFFFF_0009;

    /// <summary>Which rows are held out as validation data; the step is the class's number.</summary>
    public const uint ValidationSplit = 0xFFFF_000A;

    /// <summary>First values of adapters' routers; the step is the adapted layer's number.</summary>
    public const uint RouterInitialization = 0xFFFF_000B;

    /// <summary>The order in which rows are dealt out to the clients of a federated run; the step is the class's number.</summary>
    public const uint ClientRows = 0xFFFF_000C;

    /// <summary>The clients' shares of a class; the step is the class's number plus the classes of earlier draws.</summary>
    public const uint ClientShares = 0xFFFF_000D;

    /// <summary>Which clients take part in a round; the step is the round.</summary>
    public const uint ClientSelection = 0xFFFF_000E;
}
