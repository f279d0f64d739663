using System.Runtime.InteropServices;

namespace Engine.Devices.Cuda.CublasLt;

/// <summary>
/// A product by cublasLt with its descriptors and algorithm, made once: enqueuing is one call. The library stores matrices column by
/// column, so that every matrix is to it its own transpose: it computes D^T = op(B)^T op(A)^T, B being its first operand. The same bits at
/// every run: sums in parts are added in one order.
/// </summary>
internal sealed unsafe class CublasLtProduct : Launch, ICudaWork
{
    /// <summary>The mode in which a thread may load code while it captures: <c>CU_STREAM_CAPTURE_MODE_RELAXED</c>.</summary>
    private const int Relaxed = 2;

    private readonly CudaDevice device;
    private readonly CublasLtHandle library;
    private readonly CublasLtCall call;
    private readonly bool roundsToTf32;
    private readonly nint product;
    private readonly nint layoutA;
    private readonly nint layoutB;
    private readonly nint layoutC;
    private readonly nint layoutD;
    private readonly DeviceBuffer[] buffers;

    /// <summary>What the library reads at each call.</summary>
    private Constants* constants;

    private CublasLtProduct(CudaDevice device, CublasLtHandle library, CublasLtCall call)
        : base(device, call.Cost)
    {
        this.device = device;
        this.library = library;
        this.call = call;
        roundsToTf32 = library.Tf32 && call.A.Type == ElementType.Float32;
        buffers =
            [.. ((DeviceBuffer?[])[call.A.Buffer, call.B.Buffer, call.C.Buffer, call.D.Buffer, call.Bias?.Buffer,
                call.Preactivation?.Buffer]).OfType<DeviceBuffer>().Distinct()];
        Name = call.A.Type switch
        {
            ElementType.BFloat16 => "cublasLt_bf16",
            ElementType.Float16 => "cublasLt_f16",
            _ => roundsToTf32 ? "cublasLt_tf32" : "cublasLt_f32",
        };
        foreach (DeviceBuffer buffer in buffers)
        {
            buffer.ThrowIfDisposed();
            if (!ReferenceEquals(buffer.Device, device))
            {
                throw new ArgumentException($"{Name} is bound to a buffer of {buffer.Device}, and runs on {device}.");
            }
        }

        constants = (Constants*)NativeMemory.AllocZeroed((nuint)sizeof(Constants));
        (constants->Alpha, constants->Beta) = (call.Alpha, call.Beta);
        try
        {
            product = Describe();
            layoutA = Layout(call.A);
            layoutB = Layout(call.B);
            layoutC = Layout(call.C);
            layoutD = Layout(call.D);
        }
        catch
        {
            Release();
            throw;
        }
    }

    public override string Name { get; }

    public override string? Library => Name;

    public IReadOnlyList<DeviceBuffer> Buffers => buffers;

    /// <summary>Binds a product; null where the library has no algorithm for it.</summary>
    public static CublasLtProduct? TryBind(CudaDevice device, CublasLtHandle library, CublasLtCall call)
    {
        using Lock.Scope driver = device.Call();
        device.ThrowIfDisposed();
        device.MakeCurrent();
        var bound = new CublasLtProduct(device, library, call);
        try
        {
            if (bound.FindAlgorithm())
            {
                return bound;
            }
        }
        catch
        {
            bound.Dispose();
            throw;
        }

        bound.Dispose();
        return null;
    }

    public void CheckAlive()
    {
        for (int i = 0; i < buffers.Length; i++)
        {
            if (buffers[i].IsDisposed)
            {
                throw new ObjectDisposedException(
                    nameof(DeviceBuffer),
                    $"{Name} is bound to a buffer of {buffers[i].Bytes:N0} bytes (owner {buffers[i].Owner}) that is disposed.");
            }
        }
    }

    protected override void Release()
    {
        foreach (nint layout in (ReadOnlySpan<nint>)[layoutA, layoutB, layoutC, layoutD])
        {
            if (layout != 0)
            {
                CublasLtApi.LayoutDestroy(layout);
            }
        }

        if (product != 0)
        {
            CublasLtApi.ProductDestroy(product);
        }

        NativeMemory.Free(constants);
        constants = null;
    }

    private protected override void EnqueueCore()
    {
        CheckAlive();
        device.MakeCurrent();

        // A first call may load the library's code, which a capturing thread may not do otherwise.
        int mode = Relaxed;
        device.Check(CudaApi.ExchangeCaptureMode(&mode), "cuThreadExchangeStreamCaptureMode");
        int status = CublasLtApi.Multiply(
            library.Handle, product, &constants->Alpha, call.B.Address, layoutB, call.A.Address, layoutA, &constants->Beta, call.C.Address,
            layoutC, call.D.Address, layoutD,
            &constants->Algorithm, library.Workspace, (nuint)library.WorkspaceBytes, device.Stream);
        device.Check(CudaApi.ExchangeCaptureMode(&mode), "cuThreadExchangeStreamCaptureMode");
        Check(status, "cublasLtMatmul");
    }

    private static int TypeOf(ElementType type) => type switch
    {
        ElementType.Float32 => CublasLtApi.Float32,
        ElementType.Float16 => CublasLtApi.Float16,
        ElementType.BFloat16 => CublasLtApi.BFloat16,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "a type of products was expected"),
    };

    /// <summary>The largest power of two, up to what the library looks at, that divides a matrix's address.</summary>
    private static uint Alignment(CublasLtMatrix matrix) => (uint)Math.Min(256, matrix.Address & (~matrix.Address + 1));

    private nint Describe()
    {
        nint made;
        Check(CublasLtApi.ProductCreate(&made, roundsToTf32 ? CublasLtApi.Compute32FastTf32 : CublasLtApi.Compute32, CublasLtApi.Float32),
            "cublasLtMatmulDescCreate");
        try
        {
            Set(made, CublasLtApi.TransposeA, call.TransposeB ? 1 : 0);
            Set(made, CublasLtApi.TransposeB, call.TransposeA ? 1 : 0);
            Set(made, CublasLtApi.Epilogue, Epilogue());
            if (call.Bias is { } bias)
            {
                Set(made, CublasLtApi.BiasPointer, Address(bias));
            }

            if (call.Preactivation is { } kept)
            {
                Set(made, CublasLtApi.AuxiliaryPointer, Address(kept));
                Set(made, CublasLtApi.AuxiliaryLeadingDimension, call.D.Stride);
                Set(made, CublasLtApi.AuxiliaryBatchStride, call.Batch == 1 ? 0 : call.D.BatchStride);
            }
        }
        catch
        {
            CublasLtApi.ProductDestroy(made);
            throw;
        }

        return made;

        void Set<T>(nint target, int attribute, T value)
            where T : unmanaged =>
                Check(CublasLtApi.ProductSet(target, attribute, &value, (nuint)sizeof(T)), $"cublasLtMatmulDescSetAttribute({attribute})");

        static ulong Address(BufferView<float> view) => ((CudaBuffer)view.Buffer).Address + (ulong)view.ByteOffset;
    }

    private uint Epilogue()
    {
        uint steps = (call.Bias is null ? 0 : CublasLtApi.EpilogueBias)
            | (call.Gelu ? CublasLtApi.EpilogueGelu : 0)
            | (call.Preactivation is null ? 0 : CublasLtApi.EpilogueAuxiliary);
        return steps == 0 ? CublasLtApi.EpilogueDefault : steps;
    }

    /// <summary>A matrix as the library sees it: its columns are our rows.</summary>
    private nint Layout(CublasLtMatrix matrix)
    {
        nint made;
        Check(CublasLtApi.LayoutCreate(&made, TypeOf(matrix.Type), (ulong)matrix.Columns, (ulong)matrix.Rows, matrix.Stride),
            "cublasLtMatrixLayoutCreate");
        int batch = call.Batch;
        long apart = matrix.BatchStride;
        int status = CublasLtApi.LayoutSet(made, CublasLtApi.BatchCount, &batch, sizeof(int));
        if (status == CublasLtApi.Success)
        {
            status = CublasLtApi.LayoutSet(made, CublasLtApi.BatchStride, &apart, sizeof(long));
        }

        if (status != CublasLtApi.Success)
        {
            CublasLtApi.LayoutDestroy(made);
        }

        Check(status, "cublasLtMatrixLayoutSetAttribute");
        return made;
    }

    /// <summary>Takes the algorithm that the library would choose; false where it has none.</summary>
    private bool FindAlgorithm()
    {
        nint preference;
        Check(CublasLtApi.PreferenceCreate(&preference), "cublasLtMatmulPreferenceCreate");
        CublasLtFound found;
        int count, status;
        try
        {
            Set(preference, CublasLtApi.WorkspaceLimit, library.WorkspaceBytes);
            Set(preference, CublasLtApi.ReductionSchemes, CublasLtApi.ReductionInComputeType);
            ReadOnlySpan<CublasLtMatrix> matrices = [call.B, call.A, call.C, call.D];
            for (int i = 0; i < matrices.Length; i++)
            {
                Set(preference, CublasLtApi.AlignmentA + i, Alignment(matrices[i]));
            }

            status = CublasLtApi.FindAlgorithm(library.Handle, product, layoutB, layoutA, layoutC, layoutD, preference, 1, &found, &count);
        }
        finally
        {
            CublasLtApi.PreferenceDestroy(preference);
        }

        if (status == CublasLtApi.NotSupported || (status == CublasLtApi.Success && (count == 0 || found.Status != CublasLtApi.Success)))
        {
            return false;
        }

        Check(status, "cublasLtMatmulAlgoGetHeuristic");
        constants->Algorithm = found.Algorithm;
        return true;

        void Set<T>(nint target, int attribute, T value)
            where T : unmanaged =>
                Check(CublasLtApi.PreferenceSet(target, attribute, &value, (nuint)sizeof(T)),
                    $"cublasLtMatmulPreferenceSetAttribute({attribute})");
    }

    private void Check(int status, string function)
    {
        if (status != CublasLtApi.Success)
        {
            CublasLtHandle.Check(device, status, function, $"The product is {Name}, {call.D.Rows} x {call.D.Columns}.");
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct Constants
    {
        public CublasLtAlgorithm Algorithm;
        public float Alpha;
        public float Beta;
    }
}
