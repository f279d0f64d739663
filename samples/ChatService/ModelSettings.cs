using Engine.Devices;
using Engine.Model.Chat;
using Engine.Model.Generation;

namespace ChatService;

/// <summary>The section <c>Engine</c> of appsettings.json, or <c>--Engine:Model=...</c> on the command line.</summary>
internal sealed class ModelSettings
{
    /// <summary>Hugging Face folder of the model.</summary>
    public string Model { get; init; } = "";

    /// <summary>PEFT folder of what it was fine-tuned to; none for the model alone.</summary>
    public string? Adapter { get; init; }

    /// <summary>cpu, opencl or cuda.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>The name the model answers under.</summary>
    public string Name { get; init; } = "engine";

    /// <summary>A template's name, <c>none</c> for a model that only goes on with text; without it the one of the model's folder.</summary>
    public string? Template { get; init; }

    /// <summary>Loads the model with its adapter.</summary>
    public Generator Load(Device device)
    {
        if (Model.Length == 0)
        {
            throw new InvalidOperationException(
                "No model is named; set Engine:Model to its folder, in appsettings.json or as --Engine:Model=FOLDER.");
        }

        Generator generator = Generator.Open(device, Model);
        if (Adapter is not null)
        {
            generator.AddAdapter("adapter", Adapter);
            generator.UseAdapter("adapter");
        }

        return generator;
    }

    /// <summary>How conversations are laid out.</summary>
    public ChatTemplate? ChatTemplate() => Engine.Model.Chat.ChatTemplate.Named(Template, Model);
}
