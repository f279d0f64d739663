using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Engine.Kernels.Host;

/// <summary>The elements of a dense matrix as terms of a column sum.</summary>
internal readonly unsafe struct MatrixRows(int columns, float* x) : IRowLanes
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Load(int row, int column) => Vector512.Load(x + ((long)row * columns) + column);

    public Vector512<float> LoadPartial(int row, int column, int count) => Lanes.LoadPartial(x + ((long)row * columns) + column, count);
}
