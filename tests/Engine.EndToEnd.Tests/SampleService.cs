using System.Diagnostics;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json.Nodes;

namespace Engine.EndToEnd.Tests;

/// <summary>A sample that answers over HTTP, run as it is built on a free port; ended when this is disposed.</summary>
internal sealed class SampleService : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Process process;

    private SampleService(Process process, Uri address)
    {
        this.process = process;
        Client = new HttpClient { BaseAddress = address, Timeout = Patience };
    }

    public HttpClient Client { get; }

    public static SampleService Start(string sample, params string[] arguments)
    {
        var address = new Uri($"http://127.0.0.1:{FreePort()}");
        string program = Path.Combine(AppContext.BaseDirectory, sample + ".dll");
        var start = new ProcessStartInfo("dotnet", [program, .. arguments, "--urls", address.OriginalString])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new SampleService(Process.Start(start)!, address);
    }

    /// <summary>Asks until the service listens.</summary>
    public async Task<JsonNode> AskAsync(string path, object request)
    {
        for (var watch = Stopwatch.StartNew(); ; await Task.Delay(100))
        {
            try
            {
                using HttpResponseMessage response = await Client.PostAsJsonAsync(path, request);
                return (await response.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>())!;
            }
            catch (HttpRequestException refused) when (refused.StatusCode is null && !process.HasExited && watch.Elapsed < Patience)
            {
                // It is still loading.
            }
        }
    }

    public void Dispose()
    {
        Client.Dispose();
        process.Kill();
        process.Dispose();
    }

    private static int FreePort()
    {
        using TcpListener listener = new(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        return ((System.Net.IPEndPoint)listener.LocalEndpoint).Port;
    }
}
