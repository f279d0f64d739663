using Engine.Model.Execution;

namespace Engine.Model.Generation;

/// <summary>The adapters that a generator has loaded, and how many requests go on with each. Safe for use by several threads.</summary>
/// <param name="model">The model without an adapter.</param>
internal sealed class AdapterSet(TransformerModel model) : IDisposable
{
    private readonly Lock gate = new();
    private readonly SortedDictionary<string, TransformerModel> adapters = new(StringComparer.Ordinal);
    private readonly Dictionary<TransformerModel, int> requests = [];
    private string? chosen;

    /// <summary>The names as they are now, in ordinal order.</summary>
    public IReadOnlyCollection<string> Names
    {
        get
        {
            lock (gate)
            {
                return [.. adapters.Keys];
            }
        }
    }

    /// <summary>The adapter of requests that name none; null: the model alone.</summary>
    public string? Chosen
    {
        get
        {
            lock (gate)
            {
                return chosen;
            }
        }

        set
        {
            lock (gate)
            {
                Find(value ?? GenerationRequest.NoAdapter);
                chosen = string.IsNullOrEmpty(value) ? null : value;
            }
        }
    }

    /// <exception cref="ArgumentException">The name is taken, or is none.</exception>
    public void RequireFree(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        lock (gate)
        {
            if (adapters.ContainsKey(name))
            {
                throw new ArgumentException($"There is an adapter named '{name}' already; give this one another name.", nameof(name));
            }
        }
    }

    /// <exception cref="ArgumentException">The name is taken, or is none.</exception>
    public void Add(string name, TransformerModel adapted)
    {
        lock (gate)
        {
            RequireFree(name);
            adapters.Add(name, adapted);
        }
    }

    /// <summary>Takes an adapter out of the set; it is the caller's then.</summary>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    /// <exception cref="InvalidOperationException">It is in use.</exception>
    public TransformerModel Remove(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        lock (gate)
        {
            TransformerModel adapted = Find(name);
            if (name == chosen)
            {
                throw new InvalidOperationException(
                    $"Adapter '{name}' is the one of requests that name none; choose another with UseAdapter before it is removed.");
            }

            if (requests.TryGetValue(adapted, out int count))
            {
                throw new InvalidOperationException(
                    $"Adapter '{name}' is in use: {count} {(count == 1 ? "request goes on with it or waits" : "requests go on with it or wait")}. "
                    + "Remove it when they have ended.");
            }

            adapters.Remove(name);
            return adapted;
        }
    }

    /// <summary>The model of each request, which keeps its adapter until <see cref="Release"/>.</summary>
    /// <exception cref="ArgumentException">There is no adapter of a request's name.</exception>
    public TransformerModel[] Hold(IReadOnlyList<GenerationRequest> asked)
    {
        lock (gate)
        {
            TransformerModel[] models = [.. asked.Select(request => Find(request.Adapter ?? chosen ?? GenerationRequest.NoAdapter))];
            foreach (TransformerModel held in models)
            {
                requests[held] = requests.GetValueOrDefault(held) + 1;
            }

            return models;
        }
    }

    public void Release(TransformerModel[] models)
    {
        lock (gate)
        {
            foreach (TransformerModel held in models)
            {
                if (--requests[held] == 0)
                {
                    requests.Remove(held);
                }
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            foreach (TransformerModel adapted in adapters.Values)
            {
                adapted.Dispose();
            }

            adapters.Clear();
        }
    }

    private TransformerModel Find(string name) => name == GenerationRequest.NoAdapter
        ? model
        : adapters.GetValueOrDefault(name) ?? throw new ArgumentException(adapters.Count == 0
            ? $"There is no adapter named '{name}'; none is loaded."
            : $"There is no adapter named '{name}'; loaded are {string.Join(", ", adapters.Keys)}.");
}
