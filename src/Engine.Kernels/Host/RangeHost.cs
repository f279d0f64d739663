namespace Engine.Kernels.Host;

/// <summary>
/// Host work over a range of <c>count</c> elements. It is cut into pieces of <see cref="Grain"/> elements whatever the number
/// of threads, so results do not depend on it; a range of one piece runs on the caller and wakes nobody.
/// </summary>
internal abstract class RangeHost(CpuDevice device, long count) : HostLaunch(device), IHostBody
{
    /// <summary>Elements of a piece: some microseconds of work. A multiple of a Philox group (64 elements).</summary>
    public const int Grain = 16 * 1024;

    /// <summary>Pieces into which <paramref name="count"/> elements are cut.</summary>
    public static int Pieces(long count) => checked((int)((count + Grain - 1) / Grain));

    protected long Count => count;

    void IHostBody.Run(int piece, int worker)
    {
        long start = (long)piece * Grain;
        Range(start, (int)Math.Min(Grain, count - start), worker);
    }

    protected override void Execute(HostThreads threads) => threads.For(Pieces(count), this);

    /// <summary>Does elements <paramref name="start"/> to <paramref name="start"/> + <paramref name="length"/>.</summary>
    protected abstract void Range(long start, int length, int worker);
}

/// <summary>Host work row by row: whole rows make a piece of about <see cref="RangeHost.Grain"/> elements, one row at least.</summary>
internal abstract class RowHost(CpuDevice device, int rows, int columns) : HostLaunch(device), IHostBody
{
    private readonly int rowsPerPiece = Math.Max(1, RangeHost.Grain / Math.Max(1, columns));

    protected int Rows => rows;

    protected int Columns => columns;

    void IHostBody.Run(int piece, int worker)
    {
        int first = piece * rowsPerPiece;
        int last = Math.Min(rows, first + rowsPerPiece);
        for (int row = first; row < last; row++)
        {
            Row(row, worker);
        }
    }

    protected override void Execute(HostThreads threads) => threads.For((rows + rowsPerPiece - 1) / rowsPerPiece, this);

    protected abstract void Row(int row, int worker);
}

/// <summary>
/// Host work down the columns of a [rows, columns] matrix: a piece is a strip of columns with all rows, walked in order, so
/// that sums over rows need no workspace. Strips are whole vectors wide, as narrow as keeps a piece worth a thread's while.
/// </summary>
internal abstract class StripHost(CpuDevice device, int rows, int columns) : HostLaunch(device), IHostBody
{
    /// <summary>Four vectors, 256 bytes: whole cache lines of every row, and accumulators that stay in registers.</summary>
    protected const int StripColumns = 64;

    private readonly int stripsPerPiece = (int)Math.Max(1, RangeHost.Grain / ((long)StripColumns * Math.Max(1, rows)));

    protected int Rows => rows;

    protected int Columns => columns;

    private int Strips => (columns + StripColumns - 1) / StripColumns;

    void IHostBody.Run(int piece, int worker)
    {
        int last = Math.Min(Strips, (piece + 1) * stripsPerPiece);
        for (int strip = piece * stripsPerPiece; strip < last; strip++)
        {
            int column = strip * StripColumns;
            Strip(column, Math.Min(StripColumns, columns - column));
        }
    }

    protected override void Execute(HostThreads threads) => threads.For((Strips + stripsPerPiece - 1) / stripsPerPiece, this);

    /// <summary>Does columns <paramref name="column"/> to <paramref name="column"/> + <paramref name="width"/>.</summary>
    protected abstract void Strip(int column, int width);
}
