using System.CommandLine;
using Engine.Devices;
using Engine.Model;
using Engine.Model.Generation;

namespace Engine.Cli.Console;

/// <summary>The model of generate and chat with its adapters.</summary>
internal sealed class GeneratorOptions
{
    private readonly Option<string> model = CommonOptions.Model("Hugging Face folder of a causal language model.");
    private readonly Option<string[]> adapters = new("--adapter")
    {
        Description = "PEFT adapter folder to put on the model. Several may be loaded, each under its folder's name or as NAME=FOLDER; the first is in use.",
        HelpName = "FOLDER",
    };

    private readonly Option<bool> allowMissing = CommonOptions.AllowMissing();
    private readonly Option<int?> context = new("--context") { Description = "The most tokens of a prompt with its answer; without it the model's positions.", HelpName = "N" };
    private readonly Option<string?> dtype = CommonOptions.Dtype("auto");
    private readonly Option<string?> device = CommonOptions.Device();

    public GeneratorOptions(Command command)
    {
        command.Add(model);
        command.Add(adapters);
        command.Add(allowMissing);
        command.Add(context);
        command.Add(dtype);
        command.Add(device);
    }

    /// <summary>The model's folder.</summary>
    public string Model(ParseResult arguments) => arguments.GetRequiredValue(model);

    /// <summary>Opens the device.</summary>
    public Device Device(ParseResult arguments, CommandHost host) => CommonOptions.Open(arguments.GetValue(device) ?? "cpu", host.Error);

    /// <summary>Loads the model and the adapters.</summary>
    public Generator Open(ParseResult arguments, Device target, CommandHost host)
    {
        string[] given = arguments.GetValue(adapters) ?? [];
        Generator generator = Generator.Open(
            target,
            Model(arguments),
            arguments.GetValue(context),
            CommonOptions.WeightTypeOf(arguments.GetValue(dtype)) ?? WeightType.Auto,
            given is [var first, ..] ? NamedFolder(first).Folder : null);
        try
        {
            CommonOptions.Note(generator.Notes, host.Error);
            foreach (string adapter in given)
            {
                (string name, string folder) = NamedFolder(adapter);
                CommonOptions.Note(generator.AddAdapter(name, folder, arguments.GetValue(allowMissing)), host.Error);
                generator.UseAdapter(generator.Adapter ?? name);
            }

            return generator;
        }
        catch
        {
            generator.Dispose();
            throw;
        }
    }

    private static (string Name, string Folder) NamedFolder(string text)
    {
        int equals = text.IndexOf('=');
        return equals < 0 || Directory.Exists(text)
            ? (Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(text))), text)
            : (text[..equals], text[(equals + 1)..]);
    }
}
