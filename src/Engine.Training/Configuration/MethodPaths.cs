using Engine.Common.Keys;
using Engine.Optim.Methods;

namespace Engine.Training.Configuration;

/// <summary>The files and folders that a run's training methods read.</summary>
internal static class MethodPaths
{
    /// <summary>Each by its dotted key.</summary>
    public static IEnumerable<(string Key, string Path)> Of(Method? method) =>
        from single in Together.Of(method)
        from key in KeysOf(single)
        where key.Property.GetValue(single) is string
        select (Dotted(key), (string)key.Property.GetValue(single)!);

    /// <summary>The method with other paths.</summary>
    /// <param name="change">Makes one of a dotted key and the path that it has.</param>
    public static Method? Change(Method? method, Func<string, string, string> change) => method switch
    {
        null => null,
        Together several => new Together([.. several.Methods.Select(single => Changed(single, change))]),
        _ => Changed(method, change),
    };

    private static Method Changed(Method method, Func<string, string, string> change)
    {
        Method copy = method with { };
        foreach (SectionKey key in KeysOf(copy))
        {
            if (key.Property.GetValue(copy) is string path)
            {
                key.Property.SetValue(copy, change(Dotted(key), path));
            }
        }

        return copy;
    }

    private static IEnumerable<SectionKey> KeysOf(Method method) => SectionKey.Of(method.GetType()).Where(key => key.Definition.IsPath);

    private static string Dotted(SectionKey key) => $"method.{key.Name}";
}
