using System.Numerics;
using System.Runtime.CompilerServices;

namespace Engine.Model.Chat.Jinja;

/// <summary>Bounds of what a template may do: how deep, how long, how much.</summary>
internal static class Limits
{
    /// <summary>Characters of one text, items of one list.</summary>
    public const int MaxLength = 1 << 24;

    /// <summary>Calls of macros within macros.</summary>
    public const int MaxCalls = 200;

    /// <summary>Expressions within expressions, over all calls.</summary>
    public const int MaxDepth = 1000;

    private const int MaxBits = 1 << 14;

    /// <summary>What is left of <see cref="JinjaOptions.MaxWork"/> to the rendering on this thread.</summary>
    [field: ThreadStatic]
    private static long WorkLeft { get; set; }

    /// <summary>Does what may take so much work. It may stand in another's bounds: what is left to that one stays.</summary>
    public static T Within<T>(long work, Func<T> run)
    {
        long outer = WorkLeft;
        WorkLeft = work;
        try
        {
            return run();
        }
        finally
        {
            WorkLeft = outer;
        }
    }

    /// <summary>Counts work before it is done.</summary>
    public static void Work(long steps)
    {
        WorkLeft -= steps;
        if (WorkLeft < 0)
        {
            throw new JinjaException(JinjaErrorKind.Limit, "The template does more work than is allowed.");
        }
    }

    /// <summary>Counts a step that may lead to deeper ones, and ends a template before its depth ends the process.</summary>
    public static void Step()
    {
        Work(1);
        if (!RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new JinjaException(JinjaErrorKind.Limit, "The template or one of its values is nested too deeply.");
        }
    }

    /// <summary>Before a text or list of this length is made.</summary>
    public static void CheckLength(long length)
    {
        if (length > MaxLength)
        {
            throw new JinjaException(JinjaErrorKind.Limit, $"A value would have more than {MaxLength} characters or items.");
        }
    }

    public static BigInteger Checked(BigInteger number)
    {
        CheckBits(number.GetBitLength());
        return number;
    }

    /// <summary>Before an integer of so many bits is made.</summary>
    public static void CheckBits(long bits)
    {
        if (bits > MaxBits)
        {
            throw new JinjaException(JinjaErrorKind.Overflow, $"An integer would have more than {MaxBits} bits.");
        }
    }
}
