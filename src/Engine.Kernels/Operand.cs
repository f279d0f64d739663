using System.Runtime.CompilerServices;

namespace Engine.Kernels;

/// <summary>Checks of what kernels are bound to: a view that is too short is found before memory is touched.</summary>
internal static class Operand
{
    /// <exception cref="ArgumentException">The view has fewer than <paramref name="elements"/> elements.</exception>
    public static void Require<T>(
        BufferView<T> view, long elements, [CallerArgumentExpression(nameof(view))] string name = "", [CallerMemberName] string kernel = "")
        where T : unmanaged
    {
        if (elements < 0 || view.Length < elements)
        {
            throw TooShort(view.Length, elements, name, kernel);
        }
    }

    /// <summary>As above, for a weight.</summary>
    public static void Require(
        WeightView view, long elements, [CallerArgumentExpression(nameof(view))] string name = "", [CallerMemberName] string kernel = "")
    {
        if (elements < 0 || view.Length < elements)
        {
            throw TooShort(view.Length, elements, name, kernel);
        }
    }

    /// <summary>As above; null passes.</summary>
    public static void Require<T>(
        BufferView<T>? view, long elements, [CallerArgumentExpression(nameof(view))] string name = "",
        [CallerMemberName] string kernel = "")
        where T : unmanaged
    {
        if (view is { } present)
        {
            Require(present, elements, name, kernel);
        }
    }

    private static ArgumentException TooShort(long length, long elements, string name, string kernel) =>
        new($"{kernel} needs {elements} elements of {name}, and the view it is given has {length}.", name);
}
