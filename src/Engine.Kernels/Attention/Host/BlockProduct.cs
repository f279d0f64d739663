using Engine.Kernels.Host;

namespace Engine.Kernels;

/// <summary>The left operand of a block product: strips of a tile's rows, each strip at a fixed distance from the one before.</summary>
/// <param name="Data">Element (0, 0).</param>
/// <param name="Row">Elements from one row of a strip to the next.</param>
/// <param name="Step">Elements from one k to the next.</param>
/// <param name="Strip">Elements from one strip to the next.</param>
internal readonly unsafe record struct LeftBlock(nint Data, long Row, long Step, long Strip);

/// <summary>The right operand of a block product: packed panels, or a row-major block in scratch.</summary>
/// <param name="Data">Element (0, 0).</param>
/// <param name="Step">Elements from one k to the next; 0: packed panels.</param>
internal readonly unsafe record struct RightBlock(nint Data, long Step);

/// <summary>
/// Products of blocks that lie in one worker's scratch, in register tiles of <typeparamref name="TTile"/>. Rows are padded to
/// whole tiles and columns to whole registers; what the padding holds is never read into a valid element.
/// </summary>
internal static unsafe class BlockProduct<T, TTile>
    where T : struct, ISimd<T>
    where TTile : struct, ITile<T>
{
    private static int Wide => Tiles.WideColumns<T>();

    public static int PadRows(int rows) => (rows + TTile.Rows - 1) / TTile.Rows * TTile.Rows;

    public static int PadColumns(int columns) => (columns + T.Count - 1) / T.Count * T.Count;

    /// <summary>Copies rows [rows, depth] to strips: a left operand of <see cref="PadRows"/>(rows) x depth elements.</summary>
    public static LeftBlock PackLeft(float* source, long stride, int rows, int depth, float* target)
    {
        for (int row = 0; row < rows; row += TTile.Rows)
        {
            MatMulPacking.Pack<T, float>(
                source + (row * stride), stride, 1, Math.Min(TTile.Rows, rows - row), TTile.Rows, depth, target + ((long)row * depth));
        }

        return new LeftBlock((nint)target, 1, TTile.Rows, (long)TTile.Rows * depth);
    }

    /// <summary>A row-major block in scratch as the left operand.</summary>
    public static LeftBlock Left(float* block, long stride) => new((nint)block, stride, 1, TTile.Rows * stride);

    /// <summary>The transpose of a row-major block in scratch as the left operand.</summary>
    public static LeftBlock LeftTransposed(float* block, long stride) => new((nint)block, 1, stride, TTile.Rows);

    /// <summary>
    /// Copies the transpose of rows [columns, depth] to panels: a right operand of depth x <see cref="PadColumns"/>(columns) elements.
    /// </summary>
    public static RightBlock PackRightTransposed(float* source, long stride, int columns, int depth, float* target)
    {
        int width;
        for (int column = 0; column < columns; column += width)
        {
            width = Width(columns - column);
            MatMulPacking.Pack<T, float>(
                source + (column * stride), stride, 1, Math.Min(width, columns - column), width, depth, target + ((long)column * depth));
        }

        return new RightBlock((nint)target, 0);
    }

    /// <summary>
    /// Copies rows [depth, columns] to a right operand of depth x <see cref="PadColumns"/>(columns) elements. Where they lie, rows of one
    /// head are a model's width apart, which maps them to a few sets of the first cache level.
    /// </summary>
    public static RightBlock PackRight(float* source, long stride, int columns, int depth, float* target)
    {
        int padded = PadColumns(columns);
        MatMulPacking.Pack<T, float>(source, 1, stride, columns, padded, depth, target);
        return new RightBlock((nint)target, padded);
    }

    /// <summary>c [rows, columns] = alpha a b (+ c), c in scratch with room for the padding.</summary>
    public static void Multiply(
        int rows, int columns, int depth, LeftBlock a, RightBlock b, float* c, long cRow, float alpha, bool accumulate)
    {
        int width;
        for (int column = 0; column < columns; column += width)
        {
            width = Width(columns - column);
            float* right = (float*)b.Data + (b.Step == 0 ? (long)column * depth : column);
            long rightStep = b.Step == 0 ? width : b.Step;
            float* left = (float*)a.Data;
            for (int row = 0; row < rows; row += TTile.Rows, left += a.Strip)
            {
                float* target = c + (row * cRow) + column;
                if (width == Wide)
                {
                    TTile.Wide(depth, left, a.Row, a.Step, right, rightStep, target, cRow, alpha, accumulate);
                }
                else
                {
                    TTile.Narrow(depth, left, a.Row, a.Step, right, rightStep, target, cRow, alpha, accumulate);
                }
            }
        }
    }

    /// <summary>The width of the next panel when that many columns are left; a panel is not wider than their padding.</summary>
    private static int Width(int left) => PadColumns(left) >= Wide ? Wide : T.Count;
}
