using System.Globalization;
using System.Text;
using Engine.Devices.Cpu;
using Engine.Devices.Cuda;
using Engine.Devices.Native;
using Engine.Devices.OpenCl;

namespace Engine.Devices;

/// <summary>The devices of one kind on this machine.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Devices">The devices, in the order of their numbers.</param>
/// <param name="Problem">Why there is none, or what cannot be used beside those listed; null when all is well.</param>
public sealed record DeviceListing(DeviceKind Kind, IReadOnlyList<DeviceInfo> Devices, string? Problem);

/// <summary>Lists and opens devices. What was asked for is opened or refused; nothing else takes its place.</summary>
public static class DeviceCatalog
{
    /// <summary>The device that is there on every machine.</summary>
    public const string Default = "cpu";

    /// <summary>Every kind of device, in the order cpu, opencl, cuda.</summary>
    public static IReadOnlyList<DeviceListing> List() => List(OpenClApi.Library, CudaApi.Library);

    /// <summary>Opens a device.</summary>
    /// <param name="id"><c>cpu</c>, <c>opencl</c> or <c>cuda</c> (the first of that kind), <c>opencl:N</c> or <c>cuda:N</c>, N from
    /// 0.</param>
    /// <param name="options">What computes its products; null: <see cref="DeviceOptions"/> as it is.</param>
    /// <exception cref="DeviceException">The name is unknown or the device is not there; the message lists what is. Or it has no library
    /// for products, and that was asked for.</exception>
    public static Device Open(string id, DeviceOptions? options = null) => Open(id, OpenClApi.Library, CudaApi.Library, options);

    internal static IReadOnlyList<DeviceListing> List(DriverLibrary openCl, DriverLibrary cuda)
    {
        return [new DeviceListing(DeviceKind.Cpu, [CpuDevice.Describe(new CpuOptions())], null), ListOpenCl(openCl), ListCuda(cuda)];
    }

    internal static Device Open(string id, DriverLibrary openCl, DriverLibrary cuda, DeviceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(id);
        options ??= new DeviceOptions();
        string Present() => DeviceCatalog.Present(List(openCl, cuda));
        string[] parts = id.Split(':');
        int number = 0;
        bool numbered = parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out number);
        bool wellFormed = parts[0] == "cpu" ? parts.Length == 1 : parts.Length == 1 || numbered;
        switch (parts[0])
        {
            case "cpu" when wellFormed:
                options.RequireNoLibrary(id);
                return new CpuDevice();
            case "opencl" when wellFormed:
                options.RequireNoLibrary(id);
                List<OpenClCandidate> platforms = Require(() => OpenClPlatforms.Find(openCl, out _), id, Present);
                return OpenClDevice.Open(Pick(platforms, number, id, Present));
            case "cuda" when wellFormed:
                List<CudaCandidate> cards = Require(() => CudaPlatform.Find(cuda), id, Present);
                return CudaDevice.Open(Pick(cards, number, id, Present), options);
            default:
                throw new DeviceException(
                    $"There is no kind of device named '{id}': write cpu, opencl, opencl:N, cuda or cuda:N, N from 0.{Present()}");
        }
    }

    private static DeviceListing ListOpenCl(DriverLibrary library)
    {
        try
        {
            List<OpenClCandidate> found = OpenClPlatforms.Find(library, out List<string> problems);
            string? problem = problems.Count > 0 ? string.Join(" ", problems) : null;
            return new DeviceListing(
                DeviceKind.OpenCl,
                [.. found.Select(candidate => candidate.Info)],
                problem ?? (found.Count == 0 ? "The OpenCL platforms have no devices." : null));
        }
        catch (DeviceException exception)
        {
            return new DeviceListing(DeviceKind.OpenCl, [], exception.Message);
        }
    }

    private static DeviceListing ListCuda(DriverLibrary library)
    {
        try
        {
            return new DeviceListing(DeviceKind.Cuda, [.. CudaPlatform.Find(library).Select(CudaProducts.Describe)], null);
        }
        catch (DeviceException exception)
        {
            return new DeviceListing(DeviceKind.Cuda, [], exception.Message);
        }
    }

    private static List<T> Require<T>(Func<List<T>> find, string id, Func<string> present)
    {
        try
        {
            return find();
        }
        catch (DeviceException exception)
        {
            throw new DeviceException($"Device {id} cannot be opened. {exception.Message}{present()}", exception);
        }
    }

    private static T Pick<T>(List<T> candidates, int number, string id, Func<string> present) =>
        number < candidates.Count
            ? candidates[number]
            : throw new DeviceException($"Device {id} is not there: {candidates.Count} of that kind were found.{present()}");

    /// <summary>The devices that are there and why others are not, one a line.</summary>
    private static string Present(IReadOnlyList<DeviceListing> listings)
    {
        var text = new StringBuilder("\nThis machine has:");
        foreach (DeviceListing listing in listings)
        {
            foreach (DeviceInfo device in listing.Devices)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n  {device}");
            }

            if (listing.Problem is { } problem)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"\n  {(listing.Devices.Count == 0 ? "no " : "")}{listing.Kind.ToString().ToLowerInvariant()}: {problem}");
            }
        }

        return text.ToString();
    }
}
