namespace Engine.Training.Data;

/// <summary>
/// Sequences whose first element is made at once, so that what is wrong with their source is known before other work begins.
/// </summary>
internal static class Begun
{
    /// <summary>Reads the first element now, and the others when they are asked for; the sequence is gone through once.</summary>
    public static IEnumerable<T> Reading<T>(IEnumerable<T> source)
    {
        IEnumerator<T> elements = source.GetEnumerator();
        try
        {
            return Rest(elements, elements.MoveNext());
        }
        catch
        {
            elements.Dispose();
            throw;
        }
    }

    private static IEnumerable<T> Rest<T>(IEnumerator<T> elements, bool isAtOne)
    {
        using (elements)
        {
            for (; isAtOne; isAtOne = elements.MoveNext())
            {
                yield return elements.Current;
            }
        }
    }
}
