using Engine.Devices.Cuda;

namespace Engine.Devices.Tests;

/// <summary>Where NVRTC is sought, in made-up environments.</summary>
public sealed class NvrtcFoldersTests : IDisposable
{
    private readonly string root = Directory.CreateTempSubdirectory("nvrtc-folders").FullName;
    private readonly Dictionary<string, string> variables = [];

    /// <summary>The name of NVRTC's file of a version here.</summary>
    private static string FileOf(int version) => OperatingSystem.IsWindows() ? $"nvrtc64_{version}0_0.dll" : $"libnvrtc.so.{version}";

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public void The_systems_names_come_first_and_the_newest_version_before_the_others()
    {
        string[] names = [.. Candidates().TakeWhile(name => !Path.IsPathRooted(name))];
        Assert.Equal(FileOf(13), names[0]);
        Assert.Equal(FileOf(12), names[1]);
        Assert.Contains(names, name => name.Contains("11", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("CUDA_PATH", "toolkit", "lib64", "bin")]
    [InlineData("CUDA_HOME", "toolkit", "targets/x86_64-linux/lib", "bin/x64")]
    [InlineData("VIRTUAL_ENV", "venv", "lib/python3.12/site-packages/nvidia/cuda_nvrtc/lib", "Lib/site-packages/nvidia/cuda_nvrtc/bin")]
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
        string wheel = OperatingSystem.IsWindows() ? "venv/Lib/site-packages/nvidia/cu13/bin" : "venv/lib/python3.13/site-packages/nvidia/cu13/lib";
        string newer = Make(Path.Combine(root, wheel), 13);
        string[] found = [.. Candidates().Where(path => path.StartsWith(root, StringComparison.Ordinal))];
        Assert.Equal([newer, old], found);
    }

    [Fact]
    public void A_chosen_file_is_the_only_candidate_and_named_where_it_is_wrong()
    {
        variables["ENGINE_NVRTC"] = "/absent/libnvrtc.so.12";
        Assert.Equal(["/absent/libnvrtc.so.12"], Candidates());
        var error = Assert.Throws<DeviceException>(NvrtcApi.Find(Folders()).Load);
        Assert.Contains("ENGINE_NVRTC is /absent/libnvrtc.so.12", error.Message);
    }

    [Fact]
    public void A_chosen_folder_is_searched_for_every_version_and_in_the_folders_of_a_toolkit()
    {
        variables["ENGINE_NVRTC"] = root;
        var error = Assert.Throws<DeviceException>(NvrtcApi.Find(Folders()).Load);
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

    private NvrtcFolders Folders() => new(variables.GetValueOrDefault, Path.Combine(root, "home"));

    private IReadOnlyList<string> Candidates() => Folders().Candidates();
}
