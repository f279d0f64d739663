using System.Text;
using System.Text.RegularExpressions;

namespace Engine.Model.Peft;

/// <summary>
/// A regular expression of an adapter configuration, which is written for Python's <c>re</c>. What .NET spells differently is translated
/// (<c>(?P&lt;name&gt;</c>, <c>(?P=name)</c>, <c>\Z</c>, <c>{,n}</c>); what it reads differently or cannot read is refused.
/// </summary>
internal sealed class PythonRegex
{
    // A pattern from a stranger's file must not hang the program.
    private const int MaxLength = 4096;
    private static readonly TimeSpan MatchTimeout = TimeSpan.FromSeconds(1);

    private readonly string pattern;
    private readonly Regex regex;

    /// <param name="shown">What messages have of the pattern: as the user wrote it.</param>
    private PythonRegex(string pattern, string end, string shown)
    {
        this.pattern = shown;
        if (pattern.Length > MaxLength)
        {
            throw new ArgumentException(
                $"a regular expression of {pattern.Length:N0} characters is longer than the {MaxLength:N0} allowed; "
                    + $"it starts with '{shown[..Math.Min(40, shown.Length)]}'.");
        }

        try
        {
            regex = new Regex($@"\A(?:{Translate(pattern, shown)}){end}", RegexOptions.CultureInvariant, MatchTimeout);
        }
        catch (RegexParseException exception)
        {
            throw new ArgumentException($"the regular expression '{shown}' is not understood: {Fault(shown, exception)}", exception);
        }
    }

    /// <summary>A pattern that has to cover the whole name, as <c>re.fullmatch</c>.</summary>
    /// <exception cref="ArgumentException">The pattern is not understood; the message has it.</exception>
    public static PythonRegex FullMatch(string pattern) => new(pattern, @"\z", pattern);

    /// <summary>A pattern that has to start where the name starts, as <c>re.match</c>.</summary>
    /// <exception cref="ArgumentException">The pattern is not understood; the message has it.</exception>
    public static PythonRegex Match(string pattern) => new(pattern, "", pattern);

    /// <summary>A pattern that has to cover the whole name, or what follows one of its dots.</summary>
    /// <exception cref="ArgumentException">The pattern is not understood; the message has it.</exception>
    public static PythonRegex Ending(string pattern) => new($@"(.*\.)?({pattern})", @"\z", pattern);

    /// <summary>A pattern with a user's name of a module in it, which has to start where the name starts.</summary>
    /// <exception cref="ArgumentException">The name is not understood; the message has it.</exception>
    public static PythonRegex Around(string before, string name, string after) => new(before + name + after, "", name);

    /// <summary>Whether the pattern matches <paramref name="name"/>.</summary>
    /// <exception cref="ArgumentException">Matching takes too long.</exception>
    public bool IsMatch(string name) => Find(name).Success;

    /// <summary>The match with its groups; unsuccessful if there is none.</summary>
    /// <exception cref="ArgumentException">Matching takes too long.</exception>
    public Match Find(string name)
    {
        try
        {
            return regex.Match(name);
        }
        catch (RegexMatchTimeoutException exception)
        {
            throw new ArgumentException($"the regular expression '{pattern}' takes too long on '{name}'; write a simpler one.", exception);
        }
    }

    /// <summary>What .NET finds wrong with a pattern by itself, without the pattern that its message begins with.</summary>
    /// <param name="inPlace">What it found where more stands around the pattern.</param>
    private static string Fault(string shown, RegexParseException inPlace)
    {
        RegexParseException fault = inPlace;
        try
        {
            _ = new Regex(Translate(shown, shown), RegexOptions.CultureInvariant, MatchTimeout);
        }
        catch (RegexParseException alone)
        {
            fault = alone;
        }

        return fault.Message.Split($"at offset {fault.Offset}. ", 2)[^1];
    }

    private static string Translate(string pattern, string shown)
    {
        StringBuilder result = new(pattern.Length);
        bool inClass = false;
        bool named = false;
        bool numbered = false;
        for (int i = 0; i < pattern.Length; i++)
        {
            string rest = pattern[i..];
            if (rest[0] == '\\' && rest.Length > 1)
            {
                numbered |= !inClass && rest[1] is >= '1' and <= '9';
                result.Append(!inClass && rest[1] == 'Z' ? @"\z" : rest[..2]);
                i++;
            }
            else if (inClass)
            {
                inClass = rest[0] != ']';
                // .NET would take an inner bracket after a hyphen for a subtraction, Python takes it literally.
                result.Append(rest[0] == '[' ? @"\[" : rest[..1]);
            }
            else if (rest[0] == '[')
            {
                // A bracket that comes first (after ^) is a member of the class, not its end.
                int opening = rest.StartsWith("[^]", StringComparison.Ordinal)
                    ? 3
                    : rest.StartsWith("[]", StringComparison.Ordinal) || rest.StartsWith("[^", StringComparison.Ordinal) ? 2 : 1;
                result.Append(rest[..opening]);
                i += opening - 1;
                inClass = true;
            }
            else if (rest.StartsWith("(?P<", StringComparison.Ordinal))
            {
                named = true;
                result.Append("(?<");
                i += 3;
            }
            else if (rest.StartsWith("(?P=", StringComparison.Ordinal) && rest.Contains(')'))
            {
                int close = rest.IndexOf(')');
                result.Append(@"\k<").Append(rest[4..close]).Append('>');
                i += close;
            }
            else if (rest.StartsWith("{,", StringComparison.Ordinal))
            {
                result.Append("{0,");
                i++;
            }
            else
            {
                result.Append(rest[0]);
            }
        }

        return named && numbered
            ? throw new ArgumentException(
                $"the regular expression '{shown}' mixes named groups with numbered references, which .NET numbers differently; "
                    + "name the references too: (?P=name).")
            : result.ToString();
    }
}
