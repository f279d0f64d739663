namespace Engine.Compiler.Tests.Kernels;

/// <summary>Operators, conversions and mathematics: one result slot for each construct, so that a failure names it.</summary>
internal static partial class ArithmeticKernels
{
    public const int IntegerSlots = 20;
    public const int ConversionSlots = 18;
    public const int FloatSlots = 25;

    private const int Offset = 3;
    private const float Scale = 0.1f;

    private enum Mode : byte
    {
        Low = 1,
        High = 200,
    }

    /// <summary>results [slots] of one pair of integers.</summary>
    public static void IntegersOf(int a, int b, long[] results)
    {
        uint u = (uint)a;
        long w = (long)a * b;
        results[0] = a / b;
        results[1] = a % b;
        results[2] = a << b;
        results[3] = a >> b;
        results[4] = a >>> b;
        results[5] = u >> b;
        results[6] = w << b;
        results[7] = w >>> b;
        results[8] = (a & b) | (a ^ ~b);
        results[9] = u / 7u * 3u;
        results[10] = u + b;
        results[11] = (long)(u * 2654435761u);
        results[12] = Math.Min(a, b) + Math.Max(a, b) + Math.Clamp(a, -5, 5);
        results[13] = Math.Abs(b) + (a > b ? a : b);
        results[14] = (long)(Math.BigMul(u, 0xD2511F53u) >> 32);
        results[15] = a == b || (a < b && b >= 3) ? 1 : 0;
        results[16] = (a != 0) ^ (b <= 2) ? Offset : -Offset;
        results[17] = -a + +b;
        results[18] = (long)Mode.High + (byte)Mode.Low;
        results[19] = Math.BigMul(a, b) + 5_000_000_000L;
    }

    [Kernel]
    public static void Integers(ArrayView<int> a, ArrayView<int> b, ArrayView<long> results)
    {
        int i = Group.IdxX;
        int x = a[i];
        int y = b[i];
        uint u = (uint)x;
        long w = (long)x * y;
        ArrayView<long> r = results.SubView((long)i * IntegerSlots, IntegerSlots);
        r[0] = x / y;
        r[1] = x % y;
        r[2] = x << y;
        r[3] = x >> y;
        r[4] = x >>> y;
        r[5] = u >> y;
        r[6] = w << y;
        r[7] = w >>> y;
        r[8] = (x & y) | (x ^ ~y);
        r[9] = u / 7u * 3u;
        r[10] = u + y;
        r[11] = (long)(u * 2654435761u);
        r[12] = Math.Min(x, y) + Math.Max(x, y) + Math.Clamp(x, -5, 5);
        r[13] = Math.Abs(y) + (x > y ? x : y);
        r[14] = (long)(Math.BigMul(u, 0xD2511F53u) >> 32);
        r[15] = x == y || (x < y && y >= 3) ? 1 : 0;
        r[16] = (x != 0) ^ (y <= 2) ? Offset : -Offset;
        r[17] = -x + +y;
        r[18] = (long)Mode.High + (byte)Mode.Low;
        r[19] = Math.BigMul(x, y) + 5_000_000_000L;
    }

    /// <summary>results [slots] of one float converted to everything.</summary>
    public static void ConversionsOf(float f, long[] results)
    {
        int k = (int)f;
        results[0] = k;
        results[1] = (uint)f;
        results[2] = (long)f;
        results[3] = (long)(ulong)f;
        results[4] = (sbyte)f;
        results[5] = (byte)f;
        results[6] = (short)f;
        results[7] = (ushort)f;
        results[8] = (sbyte)k;
        results[9] = (byte)k;
        results[10] = (ushort)k;
        results[11] = (uint)k;
        results[12] = (long)(ulong)k;
        results[13] = BitConverter.SingleToInt32Bits((float)k);
        results[14] = BitConverter.SingleToInt32Bits((float)(uint)k);
        results[15] = BitConverter.SingleToUInt32Bits(f);
        results[16] = BitConverter.SingleToInt32Bits(BitConverter.UInt32BitsToSingle(0x3F800000u + (uint)(k & 0xFF)));
        results[17] = BitConverter.SingleToInt32Bits((float)(Half)f) + BitConverter.SingleToInt32Bits((float)(BFloat16)f);
    }

    [Kernel]
    public static void Conversions(ArrayView<float> x, ArrayView<long> results)
    {
        float f = x[Group.IdxX];
        ArrayView<long> r = results.SubView((long)Group.IdxX * ConversionSlots);
        int k = (int)f;
        r[0] = k;
        r[1] = (uint)f;
        r[2] = (long)f;
        r[3] = (long)(ulong)f;
        r[4] = (sbyte)f;
        r[5] = (byte)f;
        r[6] = (short)f;
        r[7] = (ushort)f;
        r[8] = (sbyte)k;
        r[9] = (byte)k;
        r[10] = (ushort)k;
        r[11] = (uint)k;
        r[12] = (long)(ulong)k;
        r[13] = BitConverter.SingleToInt32Bits((float)k);
        r[14] = BitConverter.SingleToInt32Bits((float)(uint)k);
        r[15] = BitConverter.SingleToUInt32Bits(f);
        r[16] = BitConverter.SingleToInt32Bits(BitConverter.UInt32BitsToSingle(0x3F800000u + (uint)(k & 0xFF)));
        r[17] = BitConverter.SingleToInt32Bits((float)(Half)f) + BitConverter.SingleToInt32Bits((float)(BFloat16)f);
    }

    /// <summary>results [slots] of one pair of floats.</summary>
    public static void FloatsOf(float a, float b, float[] results)
    {
        float p = MathF.Abs(a) + 0.5f;
        results[0] = (a * b) + (a / b) - Scale;
        results[1] = MathF.Exp(a);
        results[2] = MathF.Log(p);
        results[3] = MathF.Sqrt(p);
        results[4] = MathF.Tanh(a);
        results[5] = MathF.Cos(a);
        results[6] = MathF.Sin(a);
        results[7] = MathF.Abs(a);
        results[8] = MathF.Floor(a);
        results[9] = MathF.Ceiling(a);
        results[10] = MathF.Round(a);
        results[11] = MathF.Truncate(a);
        results[12] = MathF.CopySign(p, a);
        results[13] = MathF.Min(a, b);
        results[14] = MathF.Max(a, b);
        results[15] = MathF.FusedMultiplyAdd(a, b, Scale);
        results[16] = Math.Max(a, b) - Math.Min(a, b);
        results[17] = Math.Clamp(a, -1f, 1f);
        results[18] = float.IsNaN(a / 0f) ? 1f : 0f;
        results[19] = MathF.Max(a, float.NegativeInfinity);
        results[20] = -a + 1e-12f;
        results[21] = float.IsNaN(MathF.Max(float.NaN, a) + MathF.Min(b, float.NaN)) ? 1f : 0f;
        results[22] = Difference(1e8f, 1e8f - a);
        results[23] = a + 1e8f + -1e8f;
        results[24] = float.IsInfinity(a * 1e38f * 1e-38f) ? 1f : 0f;
    }

    [Kernel]
    public static void Floats(ArrayView<float> x, ArrayView<float> y, ArrayView<float> results)
    {
        float a = x[Group.IdxX];
        float b = y[Group.IdxX];
        ArrayView<float> r = results.SubView((long)Group.IdxX * FloatSlots);
        float p = MathF.Abs(a) + 0.5f;
        r[0] = (a * b) + (a / b) - Scale;
        r[1] = KernelMath.Exp(a);
        r[2] = KernelMath.Log(p);
        r[3] = MathF.Sqrt(p);
        r[4] = KernelMath.Tanh(a);
        r[5] = KernelMath.Cos(a);
        r[6] = KernelMath.Sin(a);
        r[7] = MathF.Abs(a);
        r[8] = MathF.Floor(a);
        r[9] = MathF.Ceiling(a);
        r[10] = MathF.Round(a);
        r[11] = MathF.Truncate(a);
        r[12] = MathF.CopySign(p, a);
        r[13] = MathF.Min(a, b);
        r[14] = MathF.Max(a, b);
        r[15] = MathF.FusedMultiplyAdd(a, b, Scale);
        r[16] = Math.Max(a, b) - Math.Min(a, b);
        r[17] = Math.Clamp(a, -1f, 1f);
        r[18] = float.IsNaN(a / 0f) ? 1f : 0f;
        r[19] = MathF.Max(a, float.NegativeInfinity);
        r[20] = -a + 1e-12f;
        r[21] = float.IsNaN(MathF.Max(float.NaN, a) + MathF.Min(b, float.NaN)) ? 1f : 0f;
        r[22] = Difference(1e8f, 1e8f - a);
        r[23] = a + 1e8f + -1e8f;
        r[24] = float.IsInfinity(a * 1e38f * 1e-38f) ? 1f : 0f;
    }

    private static float Difference(float a, float b) => a - b;

    /// <summary>Storage types: y = 2 x + 0.3 as float, one element at a time.</summary>
    [Kernel]
    public static void Store<T>(ArrayView<T> x, ArrayView<T> y)
        where T : unmanaged
    {
        int i = Group.IdxX;
        Storage.Store(y, i, (2f * Storage.Load(x, i)) + 0.3f);
    }

    /// <summary>The same, by way of shared memory of the storage type.</summary>
    [Kernel]
    public static void StoreShared<T>(ArrayView<T> x, ArrayView<T> y)
        where T : unmanaged
    {
        ArrayView<T> tile = SharedMemory.Allocate<T>(64);
        int i = Group.IdxX;
        Storage.Store(tile, i, Storage.Load(x, i));
        Group.Barrier();
        int j = Group.DimX - 1 - i;
        Storage.Store(y, j, (2f * Storage.Load(tile, j)) + 0.3f);
    }
}
