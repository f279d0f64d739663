namespace Engine.Kernels;

/// <summary>
/// The r x r matrices a layer has in the workspace of the compiled kernels, as pairs, each in a slot of the largest rank squared. The first
/// six are products; those of even number sum over the layer's inputs, those of odd number over its outputs.
/// </summary>
internal static class LowRankSlots
{
    /// <summary>A A^T, then its pseudo-inverse.</summary>
    public const int A = 0;

    /// <summary>B^T B, then its pseudo-inverse.</summary>
    public const int B = 1;

    /// <summary>G_A G_A^T.</summary>
    public const int GradientA = 2;

    /// <summary>G_B^T G_B.</summary>
    public const int GradientB = 3;

    /// <summary>D = G_A A^T, then (B^T B)^+ D (A A^T)^+.</summary>
    public const int CrossA = 4;

    /// <summary>C = G_B^T B.</summary>
    public const int CrossB = 5;

    /// <summary>Number of products.</summary>
    public const int Products = 6;

    /// <summary>Number of products of the factors alone, the first ones.</summary>
    public const int FactorProducts = 2;

    /// <summary>Eigenvectors of A A^T, then (B^T B)^+ D.</summary>
    public const int EigenvectorsA = 6;

    /// <summary>Eigenvectors of B^T B, then (A A^T)^+ C.</summary>
    public const int EigenvectorsB = 7;

    private const int Count = 8;

    /// <summary>Elements of workspace of a layer: the slots, and what E_B is multiplied by.</summary>
    public static long LayerStride(int largestRank) => (2L * Count * largestRank * largestRank) + 1;

    /// <summary>Where a slot starts, counted in pairs.</summary>
    public static long Offset(int layer, int slot, int largestRank) =>
        (((long)layer * Count) + slot) * largestRank * largestRank;

    /// <summary>Where a layer's factor lies, in elements: behind the slots of all layers.</summary>
    public static long Factor(int layer, int layers, int largestRank) => (2L * Count * layers * largestRank * largestRank) + layer;
}
