using Engine.Devices.Cuda.CublasLt;

namespace Engine.Devices.Tests;

/// <summary>Where cublasLt is sought, in made-up environments.</summary>
public sealed class CublasLtFoldersTests : IDisposable
{
    private const int Newest = 13;

    private readonly string root = Directory.CreateTempSubdirectory("cublaslt-folders").FullName;
    private readonly Dictionary<string, string> variables = [];

    /// <summary>The name of the library's file of a version here.</summary>
    private static string FileOf(int version) => OperatingSystem.IsWindows() ? $"cublasLt64_{version}.dll" : $"libcublasLt.so.{version}";

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Theory]
    [InlineData(13, new[] { 13, 12, 11 })]
    [InlineData(14, new[] { 13, 12, 11 })]
    [InlineData(12, new[] { 12, 11 })]
    [InlineData(11, new[] { 11 })]
    public void The_systems_names_come_first_newest_before_oldest_and_none_is_newer_than_the_driver(int driver, int[] versions)
    {
        string[] names = [.. Folders().Candidates(driver).TakeWhile(name => !Path.IsPathRooted(name))];
        Assert.Equal(versions.Select(FileOf), names);
    }

    [Theory]
    [InlineData("CUDA_PATH", "toolkit", "lib64", "bin")]
    [InlineData("CUDA_HOME", "toolkit", "targets/x86_64-linux/lib", "bin/x64")]
    [InlineData("VIRTUAL_ENV", "venv", "lib/python3.12/site-packages/nvidia/cublas/lib", "Lib/site-packages/nvidia/cublas/bin")]
    [InlineData("VIRTUAL_ENV", "venv", "lib/python3.13/site-packages/nvidia/cu13/lib", "Lib/site-packages/nvidia/cu13/bin")]
    [InlineData("CONDA_PREFIX", "conda", "lib", "Library/bin")]
    public void Toolkits_wheels_and_conda_packages_are_found(string variable, string folder, string linux, string windows)
    {
        variables[variable] = Path.Combine(root, folder);
        string file = Make(Path.Combine(variables[variable], OperatingSystem.IsWindows() ? windows : linux), 12);
        Assert.Contains(file, Candidates());
    }

    [Fact]
    public void The_newest_of_several_folders_is_tried_first()
    {
        variables["CUDA_PATH"] = Path.Combine(root, "toolkit");
        variables["VIRTUAL_ENV"] = Path.Combine(root, "venv");
        string old = Make(Path.Combine(root, "toolkit", OperatingSystem.IsWindows() ? "bin" : "lib64"), 12);
        string wheel = OperatingSystem.IsWindows()
            ? "venv/Lib/site-packages/nvidia/cu13/bin"
            : "venv/lib/python3.13/site-packages/nvidia/cu13/lib";
        string newer = Make(Path.Combine(root, wheel), 13);
        Assert.Equal([newer, old], Candidates().Where(path => path.StartsWith(root, StringComparison.Ordinal)));

        // A driver of CUDA 12 does not run the newer one.
        Assert.Equal([old], Folders().Candidates(12).Where(path => path.StartsWith(root, StringComparison.Ordinal)));
    }

    [Fact]
    public void Of_several_Pythons_the_newest_comes_first()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // An environment has one Python there.
        }

        variables["VIRTUAL_ENV"] = Path.Combine(root, "venv");
        string[] made = [.. ((string[])["3.9", "3.12", "3"]).Select(
            python => Make(Path.Combine(root, $"venv/lib/python{python}/site-packages/nvidia/cublas/lib"), 12))];
        Assert.Equal([made[1], made[0], made[2]], Candidates().Where(path => path.StartsWith(root, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_chosen_file_is_the_only_candidate_and_named_where_it_is_wrong()
    {
        variables["ENGINE_CUBLAS"] = "/absent/libcublasLt.so.12";
        Assert.Equal(["/absent/libcublasLt.so.12"], Candidates());
        var error = Assert.Throws<DeviceException>(() => CublasLtApi.Load(Folders(), 13000));
        Assert.Contains("ENGINE_CUBLAS is /absent/libcublasLt.so.12", error.Message);
    }

    [Fact]
    public void A_chosen_folder_is_searched_for_every_version_and_in_the_folders_of_a_toolkit()
    {
        variables["ENGINE_CUBLAS"] = root;
        var error = Assert.Throws<DeviceException>(() => CublasLtApi.Load(Folders(), 13000));
        Assert.Contains(Path.Combine(root, FileOf(13)), error.Message);
        Assert.Contains(Path.Combine(root, "lib64", FileOf(12)), error.Message);
    }

    private static string Make(string folder, int version)
    {
        Directory.CreateDirectory(folder);
        string file = Path.Combine(folder, FileOf(version));
        File.WriteAllText(file, "no library");
        return file;
    }

    private CublasLtFolders Folders() => new(variables.GetValueOrDefault, Path.Combine(root, "home"));

    private IReadOnlyList<string> Candidates() => Folders().Candidates(Newest);
}
