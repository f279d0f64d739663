using System.Numerics;

namespace Engine.Model.Chat.Jinja;

/// <summary>A slice whose ends are integers or none.</summary>
internal sealed record JinjaSlice(object? Start, object? Stop, object? Step);

/// <summary>Items and slices of sequences, counted from the end where negative.</summary>
internal static class PythonSlices
{
    /// <summary>The part of a text between two places in code points.</summary>
    public static string Slice(string text, int start, int stop)
    {
        int length = PythonText.Length(text);
        (start, stop) = (Bounded(start, length), Bounded(stop, length));
        return start >= stop ? "" : text[Utf16Place(text, start)..Utf16Place(text, stop)];
    }

    /// <summary>Where in UTF-16 a code point stands.</summary>
    public static int Utf16Place(string text, int place)
    {
        int at = 0;
        for (int passed = 0; passed < place; passed++)
        {
            at += at + 1 < text.Length && char.IsSurrogatePair(text[at], text[at + 1]) ? 2 : 1;
        }

        return at;
    }

    public static object? Apply(object? value, JinjaSlice slice)
    {
        switch (value)
        {
            case string text:
                return string.Concat(Picked([.. PythonText.Characters(text)], slice));
            case JinjaMarkup markup:
                return new JinjaMarkup(string.Concat(Picked([.. PythonText.Characters(markup.Text)], slice)));
            case List<object?> list:
                return Picked(list, slice);
            case JinjaTuple tuple:
                return new JinjaTuple(Picked(tuple.Items, slice));
            case JinjaRange range:
                (int start, int count, int step) = Places(slice, range.Count);
                BigInteger first = range.Start + (range.Step * start), stride = range.Step * step;
                return new JinjaRange(first, first + (stride * count), stride);
            case JinjaBytes bytes:
                return new JinjaBytes([.. Picked(bytes.Bytes, slice)]);
            default:
                throw JinjaException.Type($"'{PythonText.TypeName(value)}' object is not subscriptable");
        }
    }

    private static List<T> Picked<T>(IReadOnlyList<T> items, JinjaSlice slice)
    {
        (int start, int count, int step) = Places(slice, items.Count);
        List<T> picked = new(count);
        for (int i = 0; i < count; i++)
        {
            picked.Add(items[start + (i * step)]);
        }

        return picked;
    }

    private static (int Start, int Count, int Step) Places(JinjaSlice slice, int length)
    {
        int step = slice.Step is null ? 1 : Place(slice.Step);
        if (step == 0)
        {
            throw JinjaException.Value("slice step cannot be zero");
        }

        // A step further than the length picks one item, as the length itself does.
        step = Math.Clamp(step, -length - 1, length + 1);
        int lowest = step > 0 ? 0 : -1, highest = step > 0 ? length : length - 1;
        int End(object? end, int otherwise) => end is null ? otherwise
            : Place(end) is var place && place < 0 ? Math.Max(lowest, place + length) : Math.Min(highest, place);
        int start = End(slice.Start, step > 0 ? lowest : highest), stop = End(slice.Stop, step > 0 ? highest : lowest);
        int distance = step > 0 ? stop - start : start - stop;
        return (start, distance <= 0 ? 0 : ((distance - 1) / Math.Abs(step)) + 1, step);
    }

    private static int Place(object? value) => value is not JinjaUndefined && PythonValues.AsInteger(value) is null
        ? throw JinjaException.Type("slice indices must be integers or None or have an __index__ method")
        : PythonValues.Index(value);

    private static int Bounded(int place, int length) => Math.Clamp(place < 0 ? place + length : place, 0, length);
}
