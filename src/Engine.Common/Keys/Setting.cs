namespace Engine.Common.Keys;

/// <summary>How a message speaks of a setting.</summary>
internal enum SettingForm
{
    /// <summary>By its name, or by what it is set to.</summary>
    Plain,

    /// <summary>As something that stands there or does not: "the key 'data' is missing".</summary>
    Noun,

    /// <summary>As the section with all in it: "add an 'adapter:' section".</summary>
    Section,
}

/// <summary>
/// A setting in a message: the key of a run file, or what the program that asked calls it (<see cref="SettingWords"/>). It becomes text
/// when the message is made, so that one sentence serves both.
/// </summary>
/// <param name="Key">The key with its sections before it, <c>data.train</c>; those may be left out where no other section has it.</param>
/// <param name="Value">The value that is spoken of, as a run file has it; null: none.</param>
/// <param name="Form">How it is spoken of.</param>
internal readonly record struct Setting(string Key, string? Value, SettingForm Form)
{
    /// <summary>As a run file has it: <c>data.train</c>, <c>packing: true</c>, <c>the key 'data'</c>, <c>'adapter:' section</c>.</summary>
    public string InRunFile => Form switch
    {
        SettingForm.Noun => $"the key '{Key}'",
        SettingForm.Section => $"'{Key}:' section",
        _ => Value is null ? Key : $"{Key}: {Value}",
    };

    /// <summary>A setting, or one that has a value.</summary>
    public static Setting Of(string key, string? value = null) => new(key, value, SettingForm.Plain);

    /// <summary>A setting as something that is there or missing.</summary>
    public static Setting Noun(string key) => new(key, Value: null, SettingForm.Noun);

    /// <summary>A section as a whole.</summary>
    public static Setting Section(string key) => new(key, Value: null, SettingForm.Section);

    /// <summary>In the words of who asked.</summary>
    public override string ToString() => SettingWords.Of(this);
}
