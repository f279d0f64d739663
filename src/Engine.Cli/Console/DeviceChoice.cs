using System.CommandLine;
using Engine.Devices;

namespace Engine.Cli.Console;

/// <summary>The device of a command that has no run file, and what computes its products.</summary>
internal sealed class DeviceChoice
{
    private readonly Option<string?> device = CommonOptions.Device();
    private readonly Option<string?> products = CommonOptions.OneOf(
        new Option<string?>("--products")
        {
            Description = "What computes matrix products: own (Engine's kernels) or vendor (cublasLt, on cuda); without it vendor where "
                + "'engine devices' finds it.",
            HelpName = "LIBRARY",
        },
        "own",
        "vendor");

    private readonly Option<bool> tf32 = new("--tf32")
    {
        Description = "Let cublasLt round float32 operands to TF32, 10 bits of mantissa: faster and less exact.",
    };

    public DeviceChoice(Command command)
    {
        command.Add(device);
        command.Add(products);
        command.Add(tf32);
    }

    /// <summary>Opens the device.</summary>
    public Device Open(ParseResult arguments, CommandHost host)
    {
        ProductLibrary? library = arguments.GetValue(products) is { } name ? Enum.Parse<ProductLibrary>(name, ignoreCase: true) : null;
        var options = new DeviceOptions { Products = library, Tf32 = arguments.GetValue(tf32) };
        return CommonOptions.Open(arguments.GetValue(device) ?? DeviceCatalog.Default, options, host, host.Error);
    }
}
