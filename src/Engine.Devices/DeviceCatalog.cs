using System.Globalization;
using System.Text;
using Engine.Devices.Cuda;
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

    private static readonly DeviceProvider[] Known =
        [new CpuProvider(), new OpenClProvider(OpenClApi.Library), new CudaProvider(CudaApi.Library)];

    /// <summary>Every kind of device, in the order cpu, opencl, cuda.</summary>
    public static IReadOnlyList<DeviceListing> List() => List(Known);

    /// <summary>Opens a device.</summary>
    /// <param name="id"><c>cpu</c>, <c>opencl</c> or <c>cuda</c> (the first of that kind), <c>opencl:N</c> or <c>cuda:N</c>, N from
    /// 0.</param>
    /// <param name="options">What computes its products; null: <see cref="DeviceOptions"/> as it is.</param>
    /// <exception cref="DeviceException">The name is unknown or the device is not there; the message lists what is. Or it has no library
    /// for products, and that was asked for.</exception>
    public static Device Open(string id, DeviceOptions? options = null) => Open(id, Known, options);

    internal static IReadOnlyList<DeviceListing> List(IReadOnlyList<DeviceProvider> providers) => [.. providers.Select(List)];

    internal static Device Open(string id, IReadOnlyList<DeviceProvider> providers, DeviceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(id);
        options ??= new DeviceOptions();
        string[] parts = id.Split(':');
        int number = 0;
        if (providers.FirstOrDefault(known => known.Name == parts[0]) is not { } provider || !(parts.Length == 1
            || (provider.IsNumbered && parts.Length == 2
                && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out number))))
        {
            throw new DeviceException($"There is no kind of device named '{id}': write {Ids(providers)}, N from 0.{Present(providers)}");
        }

        if (!provider.HasProductLibrary)
        {
            options.RequireNoLibrary(id);
        }

        IReadOnlyList<Func<DeviceOptions, Device>> found;
        try
        {
            found = provider.Find();
        }
        catch (DeviceException exception)
        {
            throw new DeviceException($"Device {id} cannot be opened. {exception.Message}{Present(providers, exception.Message)}", exception);
        }

        return number < found.Count
            ? found[number](options)
            : throw new DeviceException($"Device {id} is not there: {found.Count} of that kind were found.{Present(providers)}");
    }

    private static DeviceListing List(DeviceProvider provider)
    {
        try
        {
            return provider.List();
        }
        catch (DeviceException exception)
        {
            return new DeviceListing(provider.Kind, [], exception.Message);
        }
    }

    /// <summary>What may be written: <c>cpu, opencl, opencl:N, cuda or cuda:N</c>.</summary>
    private static string Ids(IReadOnlyList<DeviceProvider> providers)
    {
        string[] ids = [.. providers.SelectMany(known => known.IsNumbered ? [known.Name, $"{known.Name}:N"] : new[] { known.Name })];
        return $"{string.Join(", ", ids[..^1])} or {ids[^1]}";
    }

    /// <summary>The devices that are there and why others are not, one a line.</summary>
    /// <param name="said">A reason that the message has already; null for none.</param>
    private static string Present(IReadOnlyList<DeviceProvider> providers, string? said = null)
    {
        var text = new StringBuilder("\nThis machine has:");
        foreach (DeviceListing listing in List(providers))
        {
            foreach (DeviceInfo device in listing.Devices)
            {
                text.Append(CultureInfo.InvariantCulture, $"\n  {device}");
            }

            if (listing.Problem is { } problem)
            {
                string reason = problem == said ? "as said" : problem;
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"\n  {(listing.Devices.Count == 0 ? "no " : "")}{listing.Kind.ToString().ToLowerInvariant()}: {reason}");
            }
        }

        return text.ToString();
    }
}
