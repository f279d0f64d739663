using System.Runtime.InteropServices;
using Engine.Kernels;

namespace Engine.Bench;

/// <summary>OpenBLAS as the system installed it (Debian: libopenblas0-pthread): the peer of matrix products.</summary>
internal static unsafe partial class OpenBlas
{
    private const string Library = "libopenblas.so.0";
    private const int RowMajor = 101;
    private const int NoTranspose = 111;
    private const int Transpose = 112;

    [LibraryImport(Library, EntryPoint = "openblas_set_num_threads")]
    public static partial void SetThreads(int count);

    /// <summary>C = alpha op(A) op(B) + beta C, dense operands.</summary>
    public static void Multiply(MatMulShape shape, float* a, float* b, float* c)
    {
        bool aTransposed = shape.Layout == MatMulLayout.TN, bTransposed = shape.Layout == MatMulLayout.NT;
        Sgemm(
            RowMajor, aTransposed ? Transpose : NoTranspose, bTransposed ? Transpose : NoTranspose, shape.M, shape.N, shape.K,
            shape.Alpha, a, aTransposed ? shape.M : shape.K, b, bTransposed ? shape.K : shape.N, shape.Beta, c, shape.N);
    }

    [LibraryImport(Library, EntryPoint = "cblas_sgemm")]
    private static partial void Sgemm(
        int order, int transposeA, int transposeB, int m, int n, int k, float alpha, float* a, int lda, float* b, int ldb, float beta,
        float* c, int ldc);
}
