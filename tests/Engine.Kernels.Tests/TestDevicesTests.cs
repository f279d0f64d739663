namespace Engine.Kernels.Tests;

public sealed class TestDevicesTests
{
    /// <summary>
    /// Where no OpenCL device is found this is the skipped test that says so: the theories then run on the cpu device alone.
    /// </summary>
    [OpenClFact]
    public void Tests_run_on_opencl_too() => Assert.Contains("opencl", TestDevices.Whole);
}
