using Engine.Model.Adapters;
using Engine.Model.Forms;

namespace Engine.Optim.Methods;

/// <summary>A method that trains adapters of a form of its own (<see cref="Method.Form"/>), which the model is made with.</summary>
/// <param name="init">A file with start values; null for none.</param>
internal abstract class AdapterMethod(Method settings, string? init = null) : TrainingMethod
{
    public override string Name => settings.Name;

    /// <summary>What the adapters compute.</summary>
    public AdapterForm Form => settings.Form!;

    public override MethodRole Role => MethodRole.Adapter;

    public override void Attach(MethodContext context)
    {
        base.Attach(context);
        foreach (LoraLinear layer in AdapterRequirement.Layers(this, "trains adapters of its own form", context, plain: false))
        {
            if (layer.Form?.GetType() != Form.GetType())
            {
                throw Refusal(
                    $"method {Name} trains adapters of its own form, and the model was made with others; give them LoraTarget.Form.");
            }
        }
    }

    public override void Initialize()
    {
        if (init is not null)
        {
            FormFile.Start(Context.Model, init, "method.init");
        }
    }
}
