using Engine.Devices.OpenCl;
using Engine.Devices.Programs;

namespace Engine.Devices.Tests;

[Collection(DeviceCollection.Name)]
public sealed class OpenClErrorTests
{
    public static TheoryData<string> OpenCl => TestDevices.OpenCl;

    [OpenClFact]
    public void An_OpenCl_device_is_here_and_the_suite_runs_on_it() => Assert.NotEmpty(OpenCl);

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void A_refused_kernel_is_named_with_its_location_and_the_drivers_log(string id)
    {
        using Device device = Compiling(id, "kernel void Tests_Broken() { undeclared_thing = 1; }");
        var error = Assert.Throws<DeviceException>(() => device.Bind(TestKernels.CallOf("Tests_Broken")));
        Assert.Contains("Tests_Broken (Broken.cs:7)", error.Message);
        Assert.Contains("CL_BUILD_PROGRAM_FAILURE (-11)", error.Message);
        Assert.Contains("undeclared_thing", error.Message);
        Assert.Contains(device.ToString(), error.Message);
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void A_program_without_the_entry_point_is_an_error_that_names_it(string id)
    {
        using Device device = Compiling(id, "kernel void Tests_Other() { }");
        var error = Assert.Throws<DeviceException>(() => device.Bind(TestKernels.CallOf("Tests_Absent")));
        Assert.Contains("CL_INVALID_KERNEL_NAME", error.Message);
        Assert.Contains("Tests_Absent (Broken.cs:7)", error.Message);
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void Device_text_with_other_arguments_than_the_definition_is_refused(string id)
    {
        using Device device = Compiling(id, "kernel void Tests_Extra(int surplus) { }");
        Assert.Contains(
            "takes 1 arguments, and its C# parameters make 0",
            Assert.Throws<DeviceException>(() => device.Bind(TestKernels.CallOf("Tests_Extra"))).Message);
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void Failed_binds_leave_the_device_usable(string id)
    {
        using Device device =
            Compiling(id, "kernel void Tests_Broken() { wrong }", "kernel void Tests_Broken() { wrong }", "kernel void Tests_Empty() { }");
        for (int i = 0; i < 2; i++)
        {
            Assert.Throws<DeviceException>(() => device.Bind(TestKernels.CallOf("Tests_Broken")));
        }

        using Launch launch = device.Bind(TestKernels.CallOf("Tests_Empty"));
        launch.Enqueue();
        device.Synchronize();
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void A_kernel_that_ILGPU_refuses_is_named_with_its_location(string id)
    {
        using Device device = TestDevices.Open(id);
        var call = new HandWrittenCall(
            new KernelDefinition("Tests_Throws", "Broken.cs:7", [], [], typeof(Throws)))
        { Shape = new LaunchShape(1, 1) };
        string message = Assert.Throws<DeviceException>(() => device.Bind(call)).Message;
        Assert.Matches(@"ILGPU [\d.]+ does not compile kernel Tests_Throws \(Broken\.cs:7\): .*Throw", message);
    }

    [Theory]
    [InlineData(-5, "CL_OUT_OF_RESOURCES")]
    [InlineData(-54, "CL_INVALID_WORK_GROUP_SIZE")]
    [InlineData(-1001, "CL_PLATFORM_NOT_FOUND_KHR")]
    [InlineData(-4242, "unknown to OpenCL 3.0")]
    public void Error_codes_have_names(int code, string name) => Assert.Contains(name, OpenClError.Name(code));

    /// <summary>A device whose compiler makes these texts, one after another.</summary>
    private static OpenClDevice Compiling(string id, params string[] texts)
    {
        int next = 0;
        return OpenClDevice.Open(
            OpenClPlatforms.Find(OpenClApi.Library, out _).Single(candidate => candidate.Info.Id == id), new ProgramCache(null),
            (_, _) => texts[next++]);
    }

    private static class Throws
    {
        internal static void Run() => throw new InvalidOperationException();
    }
}
