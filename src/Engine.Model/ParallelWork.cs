using System.Runtime.ExceptionServices;

namespace Engine.Model;

/// <summary>Work in numbered pieces on all processors.</summary>
internal static class ParallelWork
{
    /// <summary>Each piece's result, in the pieces' order.</summary>
    /// <param name="count">Pieces.</param>
    /// <param name="work">Makes a piece's result; called from several threads.</param>
    /// <remarks>Where pieces fail, the first one's exception is thrown as it is: that of a loop over them.</remarks>
    public static TResult[] Run<TResult>(int count, Func<int, TResult> work)
    {
        var results = new TResult[count];
        var gate = new Lock();
        (int Piece, Exception Exception)? failure = null;
        Parallel.For(0, count, (piece, loop) =>
        {
            try
            {
                results[piece] = work(piece);
            }
            catch (Exception exception)
            {
                lock (gate)
                {
                    failure = failure is { } earlier && earlier.Piece < piece ? earlier : (piece, exception);
                }

                // Pieces before this one still run, so that the first failure is found.
                loop.Break();
            }
        });
        if (failure is { } first)
        {
            ExceptionDispatchInfo.Throw(first.Exception);
        }

        return results;
    }
}
