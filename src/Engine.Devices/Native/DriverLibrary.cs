using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Engine.Devices.Native;

/// <summary>
/// A vendor's shared library, loaded when a device of its kind is first asked for: a machine without it builds and runs
/// everything else. Its imports may be called once <see cref="Load"/> has returned.
/// </summary>
/// <param name="importName">The name in <see cref="LibraryImportAttribute"/>.</param>
/// <param name="product">What the library is, for errors.</param>
/// <param name="candidates">File names or paths, tried in order.</param>
/// <param name="remedy">A sentence that says how to get it.</param>
internal sealed class DriverLibrary(string importName, string product, ImmutableArray<string> candidates, string remedy)
{
    private static readonly Lock Gate = new();
    private static readonly Dictionary<string, nint> Loaded = [];

    private nint handle;

    static DriverLibrary() => NativeLibrary.SetDllImportResolver(
        Assembly.GetExecutingAssembly(),
        (name, _, _) =>
        {
            lock (Gate)
            {
                // Zero hands other libraries (the C runtime) to the default search.
                return Loaded.GetValueOrDefault(name);
            }
        });

    /// <summary>The same library sought elsewhere: how tests take it away.</summary>
    public DriverLibrary WithCandidates(ImmutableArray<string> others) => new(importName, product, others, remedy);

    /// <summary>Loads the library, unless it is loaded.</summary>
    /// <exception cref="DeviceException">None of the files can be loaded; the message says which were tried and what to do.</exception>
    public void Load()
    {
        lock (Gate)
        {
            if (handle != 0)
            {
                return;
            }

            foreach (string candidate in candidates)
            {
                if (NativeLibrary.TryLoad(candidate, out handle))
                {
                    Loaded.TryAdd(importName, handle);
                    return;
                }
            }
        }

        throw new DeviceException($"{product} is missing: {string.Join(", ", candidates)} could not be loaded. {remedy}");
    }
}
