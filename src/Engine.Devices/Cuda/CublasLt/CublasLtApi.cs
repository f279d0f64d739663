using System.Runtime.InteropServices;
using Engine.Devices.Native;

namespace Engine.Devices.Cuda.CublasLt;

/// <summary>
/// The part of cublasLt that products need: NVIDIA's library of matrix products, which comes with the CUDA toolkit or a Python package, not
/// with the driver. Matrices are stored column by column.
/// </summary>
internal static unsafe partial class CublasLtApi
{
    public const int Success = 0;

    /// <summary>No algorithm computes such a product.</summary>
    public const int NotSupported = 15;

    /// <summary><c>cudaDataType_t</c>.</summary>
    public const int Float32 = 0;
    public const int Float16 = 2;
    public const int BFloat16 = 14;

    /// <summary><c>cublasComputeType_t</c>.</summary>
    public const int Compute32 = 68;
    public const int Compute32FastTf32 = 77;

    /// <summary><c>cublasLtMatmulDescAttributes_t</c>.</summary>
    public const int TransposeA = 3;
    public const int TransposeB = 4;
    public const int Epilogue = 7;
    public const int BiasPointer = 8;
    public const int AuxiliaryPointer = 11;
    public const int AuxiliaryLeadingDimension = 12;
    public const int AuxiliaryBatchStride = 13;

    /// <summary><c>cublasLtEpilogue_t</c>: bits, of which the default is none of the others.</summary>
    public const uint EpilogueDefault = 1;
    public const uint EpilogueBias = 4;
    public const uint EpilogueGelu = 32;
    public const uint EpilogueAuxiliary = 128;

    /// <summary><c>cublasLtMatrixLayoutAttribute_t</c>.</summary>
    public const int BatchCount = 5;
    public const int BatchStride = 6;

    /// <summary><c>cublasLtMatmulPreferenceAttributes_t</c>; the alignments of B, C and D follow A's.</summary>
    public const int WorkspaceLimit = 1;
    public const int ReductionSchemes = 3;
    public const int AlignmentA = 5;

    /// <summary>
    /// <c>cublasLtReductionScheme_t</c>: parts of a long sum are stored in float32 and added in a step of their own, in one order.
    /// </summary>
    public const uint ReductionInComputeType = 2;

    /// <summary>The oldest version with every attribute above, as <c>cublasLtGetVersion</c> counts: that of CUDA 11.6.</summary>
    private const int OldestVersion = 110800;

    private const string Import = "cublasLt";

    /// <summary>Loads the library that an environment has; gives its version as <c>cublasLtGetVersion</c> counts.</summary>
    /// <param name="folders">Where it is sought.</param>
    /// <param name="driver">The driver's version as <c>cuDriverGetVersion</c> counts: a library of a later major version does not run on
    /// it.</param>
    /// <exception cref="DeviceException">There is none, or of no version that serves; the message says what to do.</exception>
    public static int Load(CublasLtFolders folders, int driver)
    {
        int newest = driver / 1000;
        new DriverLibrary(
            Import,
            "cublasLt, NVIDIA's library of matrix products,",
            folders.Candidates(newest),
            folders.Chosen is { } chosen
                ? $"ENGINE_CUBLAS is {chosen}: let it name cublasLt's file or its folder, or leave it unset."
                : "The CUDA toolkit's and Python's usual folders have none either. Install it (the CUDA toolkit, "
                    + $"or pip install {(newest > 12 ? "nvidia-cublas" : $"nvidia-cublas-cu{newest}")}), "
                + "or let ENGINE_CUBLAS name its file or its folder.").Load();
        int version = (int)GetVersion();

        // Early versions count 11.7.4 as 11704, later ones as 110704.
        version = version < 100000 ? (version / 1000 * 10000) + (version % 1000) : version;
        return version < OldestVersion || version / 10000 > newest
            ? throw new DeviceException(
                $"cublasLt {Text(version)} does not serve here: the driver speaks CUDA {newest}.{driver % 1000 / 10}, "
                    + $"and 11.8 to {newest} is needed. Let ENGINE_CUBLAS name another version's file or folder.")
            : version;
    }

    /// <summary>A version in words, 12.4.5.</summary>
    public static string Text(int version) => $"{version / 10000}.{version / 100 % 100}.{version % 100}";

    /// <summary>
    /// The name, number and meaning of a status, <c>CUBLAS_STATUS_NOT_SUPPORTED (15, the requested functionality is not supported)</c>.
    /// </summary>
    public static string Describe(int status) =>
        $"{Marshal.PtrToStringUTF8((nint)GetStatusName(status))} ({status}, {Marshal.PtrToStringUTF8((nint)GetStatusString(status))})";

    [LibraryImport(Import, EntryPoint = "cublasLtGetVersion")]
    private static partial nuint GetVersion();

    [LibraryImport(Import, EntryPoint = "cublasLtGetStatusName")]
    private static partial byte* GetStatusName(int status);

    [LibraryImport(Import, EntryPoint = "cublasLtGetStatusString")]
    private static partial byte* GetStatusString(int status);

    [LibraryImport(Import, EntryPoint = "cublasLtCreate")]
    public static partial int Create(nint* handle);

    [LibraryImport(Import, EntryPoint = "cublasLtDestroy")]
    public static partial int Destroy(nint handle);

    [LibraryImport(Import, EntryPoint = "cublasLtMatmulDescCreate")]
    public static partial int ProductCreate(nint* product, int computeType, int scaleType);

    [LibraryImport(Import, EntryPoint = "cublasLtMatmulDescDestroy")]
    public static partial int ProductDestroy(nint product);

    [LibraryImport(Import, EntryPoint = "cublasLtMatmulDescSetAttribute")]
    public static partial int ProductSet(nint product, int attribute, void* value, nuint bytes);

    [LibraryImport(Import, EntryPoint = "cublasLtMatrixLayoutCreate")]
    public static partial int LayoutCreate(nint* layout, int type, ulong rows, ulong columns, long leadingDimension);

    [LibraryImport(Import, EntryPoint = "cublasLtMatrixLayoutDestroy")]
    public static partial int LayoutDestroy(nint layout);

    [LibraryImport(Import, EntryPoint = "cublasLtMatrixLayoutSetAttribute")]
    public static partial int LayoutSet(nint layout, int attribute, void* value, nuint bytes);

    [LibraryImport(Import, EntryPoint = "cublasLtMatmulPreferenceCreate")]
    public static partial int PreferenceCreate(nint* preference);

    [LibraryImport(Import, EntryPoint = "cublasLtMatmulPreferenceDestroy")]
    public static partial int PreferenceDestroy(nint preference);

    [LibraryImport(Import, EntryPoint = "cublasLtMatmulPreferenceSetAttribute")]
    public static partial int PreferenceSet(nint preference, int attribute, void* value, nuint bytes);

    [LibraryImport(Import, EntryPoint = "cublasLtMatmulAlgoGetHeuristic")]
    public static partial int FindAlgorithm(
        nint handle, nint product, nint a, nint b, nint c, nint d, nint preference, int most, CublasLtFound* found, int* count);

    [LibraryImport(Import, EntryPoint = "cublasLtMatmul")]
    public static partial int Multiply(
        nint handle,
        nint product,
        float* alpha,
        ulong a,
        nint layoutA,
        ulong b,
        nint layoutB,
        float* beta,
        ulong c,
        nint layoutC,
        ulong d,
        nint layoutD,
        CublasLtAlgorithm* algorithm,
        ulong workspace,
        nuint workspaceBytes,
        nint stream);
}

/// <summary>A way to compute a product: <c>cublasLtMatmulAlgo_t</c>, which holds no pointer.</summary>
[StructLayout(LayoutKind.Sequential, Size = 64)]
internal struct CublasLtAlgorithm
{
    private readonly ulong first;
}

/// <summary>What the search for an algorithm gives: <c>cublasLtMatmulHeuristicResult_t</c>, whose end is reserved.</summary>
[StructLayout(LayoutKind.Sequential, Size = 96)]
internal struct CublasLtFound
{
    public CublasLtAlgorithm Algorithm;
    public nuint WorkspaceBytes;
    public int Status;
}
