using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using Engine.Cli.Progress;
using Engine.Common;
using Engine.Common.Files;
using Engine.Devices;
using Engine.Model;
using Engine.Training.Configuration;

namespace Engine.Cli.Console;

/// <summary>Options that several commands have, so that they read alike everywhere.</summary>
internal static class CommonOptions
{
    public const string OutputName = "--output";

    /// <summary>
    /// The option for a setting of the library, by the name of its property: <c>AllowMissing</c> is <c>--allow-missing</c>.
    /// </summary>
    public static string NameOf(string setting) =>
        setting == nameof(DataSelection.Header) ? ReadingOptions.NoHeaderName : $"--{JsonNamingPolicy.KebabCaseLower.ConvertName(setting)}";

    /// <summary><c>--output</c>, which is not empty.</summary>
    /// <param name="absent">What is meant where it is left out; null: it is required.</param>
    public static Option<string> Output(string description, string helpName, string? absent = null)
    {
        Option<string> option = new(OutputName) { Description = description, HelpName = helpName, Required = absent is null };
        if (absent is not null)
        {
            option.DefaultValueFactory = _ => absent;
        }

        option.Validators.Add(result =>
        {
            string? given = result.GetValue(option);
            string wanted = helpName.ToLowerInvariant();
            if (string.IsNullOrWhiteSpace(given))
            {
                result.AddError($"--output is empty; a {wanted} to write was expected.");
            }
            else if (wanted == "folder" ? File.Exists(given) : Directory.Exists(given))
            {
                result.AddError($"--output is '{given}', which is a {(wanted == "folder" ? "file" : "folder")}; a {wanted} to write was "
                    + "expected.");
            }
        });
        return option;
    }

    /// <summary>An option that takes one of these words.</summary>
    public static Option<T> OneOf<T>(Option<T> option, params string[] words)
    {
        option.Validators.Add(result =>
        {
            foreach (string given in result.Tokens.Select(token => token.Value).Except(words))
            {
                result.AddError($"{option.Name} is '{given}'; {NearestName.Hint(given, words)}.");
            }
        });
        option.CompletionSources.Add(words);
        return option;
    }

    /// <summary>An option whose number is written as in a run file, whatever the language of the system: 0.5, 1e-3.</summary>
    public static Option<double> Number(Option<double> option)
    {
        option.CustomParser = argument => ReadNumber(argument) ?? 0;
        return option;
    }

    /// <summary>The same where the option may be absent.</summary>
    public static Option<float?> Number(Option<float?> option)
    {
        option.CustomParser = argument => (float?)ReadNumber(argument);
        return option;
    }

    /// <summary>The same where the number may be left out, too.</summary>
    public static Option<double?> Number(Option<double?> option)
    {
        option.CustomParser = argument => argument.Tokens.Count == 0 ? null : ReadNumber(argument);
        return option;
    }

    /// <summary><c>--device</c>; absent means what the description says.</summary>
    public static Option<string?> Device(string absent = "cpu") => new("--device")
    {
        Description = $"cpu, opencl, opencl:N, cuda or cuda:N (see 'engine devices'); without it {absent}.",
        HelpName = "DEVICE",
    };

    /// <summary><c>--allow-missing</c>.</summary>
    public static Option<bool> AllowMissing() => new("--allow-missing")
    {
        Description = "Accept an adapter that lacks tensors, has some without a place in the model, or names its modules by another "
            + "prefix; what was done is listed.",
    };

    /// <summary><c>--dtype</c>; absent means what the description says.</summary>
    public static Option<string?> Dtype(string absent)
    {
        var option = new Option<string?>("--dtype")
        {
            Description = "How frozen matrices are stored on the device: auto (as the checkpoint stores them), float32, bfloat16 or "
                + $"float16; arithmetic is float32. Without it {absent}.",
            HelpName = "TYPE",
        };
        return OneOf(option, "auto", "float32", "bfloat16", "float16");
    }

    /// <summary>The value of <see cref="Dtype"/>; null where it is absent.</summary>
    public static WeightType? WeightTypeOf(string? name) => name is null ? null : Enum.Parse<WeightType>(name, ignoreCase: true);

    /// <summary>Writes notes, one a line.</summary>
    public static void Note(IEnumerable<string> notes, TextWriter output)
    {
        foreach (string note in notes)
        {
            output.WriteLine($"note: {note}");
        }
    }

    private static double? ReadNumber(ArgumentResult argument)
    {
        string text = argument.Tokens[^1].Value;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number))
        {
            return number;
        }

        argument.AddError($"{((OptionResult)argument.Parent!).Option.Name} is '{text}'; a number such as 0.5 was expected.");
        return null;
    }

    /// <summary>Opens a device, and shows how far its kernels are compiled where that takes long.</summary>
    public static Device Open(string id, DeviceOptions options, CommandHost host, TextWriter notes)
    {
        Device device = DeviceCatalog.Open(id, options);
        bool drawsOver = host.Interactive && host.Console.Profile.Capabilities.Ansi;
        device.Compiling += new CompilingView(notes, drawsOver, TimeProvider.System).Report;
        return device;
    }

    /// <summary>Says which device is used; called when what may be wrong before it is needed is known to be right.</summary>
    public static void Announce(Device device, TextWriter notes) => notes.WriteLine(device.Options switch
    {
        { Products: ProductLibrary.Own } => $"device: {device}",
        { Tf32: true } => $"device: {device}, products by {device.Info.Products} in TF32",
        _ => $"device: {device}, products by {device.Info.Products}",
    });
}
