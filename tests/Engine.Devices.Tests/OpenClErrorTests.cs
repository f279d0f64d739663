using Engine.Devices.OpenCl;

namespace Engine.Devices.Tests;

[Collection(DeviceCollection.Name)]
public sealed class OpenClErrorTests(TestDevices devices)
{
    public static TheoryData<string> OpenCl => TestDevices.OpenCl;

    [OpenClFact]
    public void An_OpenCl_device_is_here_and_the_suite_runs_on_it() => Assert.NotEmpty(OpenCl);

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void A_refused_kernel_is_named_with_its_location_and_the_drivers_log(string id)
    {
        KernelCall call = TestKernels.CallOf("Tests_Broken", "__kernel void Tests_Broken() { undeclared_thing = 1; }");
        var error = Assert.Throws<DeviceException>(() => devices[id].Bind(call));
        Assert.Contains("Tests_Broken (Broken.cs:7)", error.Message);
        Assert.Contains("CL_BUILD_PROGRAM_FAILURE (-11)", error.Message);
        Assert.Contains("undeclared_thing", error.Message);
        Assert.Contains(devices[id].ToString(), error.Message);
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void A_program_without_the_entry_point_is_an_error_that_names_it(string id)
    {
        KernelCall call = TestKernels.CallOf("Tests_Absent", "__kernel void Tests_Other() { }");
        var error = Assert.Throws<DeviceException>(() => devices[id].Bind(call));
        Assert.Contains("CL_INVALID_KERNEL_NAME", error.Message);
        Assert.Contains("Tests_Absent (Broken.cs:7)", error.Message);
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void Device_text_with_other_arguments_than_the_definition_is_refused(string id)
    {
        KernelCall call = TestKernels.CallOf("Tests_Extra", "__kernel void Tests_Extra(int surplus) { }");
        Assert.Contains("takes 1 arguments, and its C# parameters make 0", Assert.Throws<DeviceException>(() => devices[id].Bind(call)).Message);
    }

    [OpenClTheory]
    [MemberData(nameof(OpenCl))]
    public void Failed_binds_leave_the_device_usable(string id)
    {
        using Device device = TestDevices.Open(id);
        for (int i = 0; i < 3; i++)
        {
            Assert.Throws<DeviceException>(() => device.Bind(TestKernels.CallOf("Tests_Broken", "__kernel void Tests_Broken() { wrong }")));
        }

        using Launch launch = device.Bind(TestKernels.CallOf("Tests_Empty", "__kernel void Tests_Empty() { }"));
        launch.Enqueue();
        device.Synchronize();
    }

    [Theory]
    [InlineData(-5, "CL_OUT_OF_RESOURCES")]
    [InlineData(-54, "CL_INVALID_WORK_GROUP_SIZE")]
    [InlineData(-1001, "CL_PLATFORM_NOT_FOUND_KHR")]
    [InlineData(-4242, "unknown to OpenCL 3.0")]
    public void Error_codes_have_names(int code, string name) => Assert.Contains(name, OpenClError.Name(code));
}
