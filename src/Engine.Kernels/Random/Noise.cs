namespace Engine.Kernels;

/// <summary>Seeded Gaussian noise from counters: Philox4x32-10 (Salmon et al. 2011) and Box-Muller.</summary>
internal static class Noise
{
    /// <summary>
    /// y[i, j] = w[i, j] + deviation[i] * z(i * columns + j), z the standard normals of (seed, stream, step). w, y [rows, columns],
    /// deviation [rows]; y may be w where w is float32.
    /// </summary>
    public static Launch Perturb(
        Device device, int rows, int columns, uint stream, WeightView w, BufferView<float> deviation, BufferView<uint> random,
        BufferView<float> y)
    {
        Operand.Require(w, (long)rows * columns);
        Operand.Require(deviation, rows);
        Operand.Require(random, RandomState.Count);
        Operand.Require(y, (long)rows * columns);
        return w.Type switch
        {
            ElementType.Float32 => Bind(w.As<float>()),
            ElementType.Float16 => Bind(w.As<Half>()),
            _ => Bind(w.As<BFloat16>()),
        };

        Launch Bind<TStored>(BufferView<TStored> stored)
            where TStored : unmanaged
        {
            if (device is CpuDevice { Features.HostVectors: true } cpu)
            {
                return new PerturbHost<TStored>(cpu, rows, columns, stream, stored, deviation, random, y);
            }

            long count = (long)rows * columns;
            return NoiseKernels.PerturbKernel.Bind(
                device, LaunchShapes.Elements(device, (count + 3) / 4), stored, deviation, random, y, stream, columns, count);
        }
    }

    /// <summary>y[e] = z(e), the standard normals themselves.</summary>
    public static Launch Normals(Device device, long count, uint stream, BufferView<uint> random, BufferView<float> y)
    {
        Operand.Require(random, RandomState.Count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new NormalsHost(cpu, count, stream, random, y);
        }

        return NoiseKernels.NormalsKernel.Bind(device, LaunchShapes.Elements(device, (count + 3) / 4), random, y, stream, count);
    }

    /// <summary>
    /// y[e] = 1 or -1, each as likely as the other: the top bit of the word that element e has of (seed, stream, step); Rademacher numbers.
    /// </summary>
    public static Launch Signs(Device device, long count, uint stream, BufferView<uint> random, BufferView<float> y)
    {
        Operand.Require(random, RandomState.Count);
        Operand.Require(y, count);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new SignsHost(cpu, count, stream, random, y);
        }

        return NoiseKernels.SignsKernel.Bind(device, LaunchShapes.Elements(device, (count + 3) / 4), random, y, stream, count);
    }

    /// <summary>
    /// Flat-LoRA's deviation of each output row (arXiv 2409.14396, equation 7), over the squared norms that <paramref name="deviation"/>
    /// holds before: deviation[i] = scalars[slot] * rho / sqrt(columns) * ||W0_i + s (B A)_i||, from ||W0_i||^2 there,
    /// aw = A W0^T [rank, rows], b = B [rows, rank], gram = A A^T [rank, rank], by
    /// ||W0_i + s (B A)_i||^2 = ||W0_i||^2 + 2 s b_i . aw_i + s^2 b_i gram b_i. A negative square (round-off) counts as 0.
    /// </summary>
    public static Launch FlatDeviation(
        Device device, int slot, int rows, int columns, int rank, float rho, float loraScale,
        BufferView<float> aw, BufferView<float> b, BufferView<float> gram, BufferView<float> scalars, BufferView<float> deviation)
    {
        Operand.Require(aw, (long)rank * rows);
        Operand.Require(b, (long)rows * rank);
        Operand.Require(gram, (long)rank * rank);
        Operand.Require(scalars, StepScalars.Count);
        Operand.Require(deviation, rows);
        if (device is CpuDevice { Features.HostVectors: true } cpu)
        {
            return new FlatDeviationHost(cpu, slot, rows, columns, rank, rho, loraScale, aw, b, gram, scalars, deviation);
        }

        int groupSize = LaunchShapes.RowGroup(device, rank);
        return NoiseKernels.FlatDeviationKernel.Bind(
            device, new LaunchShape(rows, groupSize), aw, b, gram, scalars, deviation, slot, rows, columns, rank, rho, loraScale,
            groupSize)
            .AlsoMoves(sizeof(float) * (long)rows);
    }
}
