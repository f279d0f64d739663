using Engine.Devices.Cuda.CublasLt;

namespace Engine.Devices.Cuda;

/// <summary>Which library computes a card's products.</summary>
internal static class CudaProducts
{
    /// <summary>A card with what computes its products where nothing is asked for.</summary>
    public static DeviceInfo Describe(CudaCandidate card)
    {
        try
        {
            return Choose(card, new DeviceOptions(), CublasLtFolders.OfProcess(), out _);
        }
        catch (DeviceException exception)
        {
            return card.Info with
            {
                Products =
                $"cublasLt, which does not start, so that the device opens with Engine's own products alone ({exception.Message})"
            };
        }
    }

    /// <summary>Chooses by options and by what is there; gives the card with what was chosen in words.</summary>
    /// <exception cref="DeviceException">What was asked for is not there.</exception>
    public static DeviceInfo Choose(CudaCandidate card, DeviceOptions options, CublasLtFolders folders, out ProductLibrary chosen)
    {
        chosen = ProductLibrary.Own;
        if (options.Products == ProductLibrary.Own)
        {
            return options.Tf32
                ? throw new DeviceException(
                    $"Products in TF32 are computed by cublasLt, and {card.Info} was asked for products by Engine's own kernels; "
                        + "leave out one of the two.")
                : card.Info;
        }

        if (options.Tf32 && !card.Info.Features.MatrixUnits)
        {
            throw new DeviceException(
                $"TF32 needs compute capability 8.0 or later, and {card.Info} has {card.Architecture / 10}.{card.Architecture % 10}; "
                    + "leave it out.");
        }

        try
        {
            int version = CublasLtApi.Load(folders, card.DriverVersion);
            chosen = ProductLibrary.Vendor;
            return card.Info with { Products = $"cublasLt {CublasLtApi.Text(version)}" };
        }
        catch (DeviceException exception) when (options is { Products: null, Tf32: false } && folders.Chosen is null)
        {
            return card.Info with { Products = $"Engine's kernels ({exception.Message})" };
        }
    }
}
