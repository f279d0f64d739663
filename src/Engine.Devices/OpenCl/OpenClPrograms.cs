using System.Text;
using Engine.Devices.Ilgpu;
using Engine.Devices.Programs;

namespace Engine.Devices.OpenCl;

/// <summary>One device's programs: binaries of the disk cache, or built by the driver of a text.</summary>
internal sealed unsafe class OpenClPrograms
{
    private const uint SingleFloatConfiguration = 0x101B;
    private const ulong CorrectlyRoundedDivideAndSquareRoot = 1 << 7;

    private const uint ProgramBinarySizes = 0x1165;
    private const uint ProgramBinaries = 0x1166;
    private const uint ProgramBuildLog = 0x1183;

    private readonly OpenClDevice device;
    private readonly DevicePrograms programs;

    public OpenClPrograms(OpenClDevice device, ProgramCache cache, TextCompiler compile)
    {
        this.device = device;
        Cache = cache;
        Options = (FloatFeatures(device.Handle) & CorrectlyRoundedDivideAndSquareRoot) != 0 ? "-cl-fp32-correctly-rounded-divide-sqrt" : "";
        programs = new DevicePrograms(new KernelTexts(cache, "OpenCL C 1.2", compile), Load, device.ReportCompiling);
    }

    public ProgramCache Cache { get; }

    /// <summary>
    /// Division and square root rounded as on the other devices, where the driver can; no option loosens IEEE arithmetic.
    /// </summary>
    public string Options { get; }

    /// <summary>The built <c>cl_program</c> of a call's variant.</summary>
    public Task<nint> Get(KernelCall call) => programs.Get(call);

    public void Release() => programs.Release(program => OpenClApi.ReleaseProgram(program));

    private static ulong FloatFeatures(nint device)
    {
        ulong features = 0;
        return OpenClApi.GetDeviceInfo(device, SingleFloatConfiguration, sizeof(ulong), &features, null) == OpenClError.Success
            ? features
            : 0;
    }

    private nint Load(string source, KernelDefinition kernel)
    {
        var key = ProgramKey.Of(source, Options, device.Name, device.Info.Driver);
        nint program = FromDisk(key);
        if (program == 0)
        {
            program = Build(kernel, source);
            if (Binary(program) is { } binary)
            {
                Cache.Store(key, binary);
            }
        }

        return program;
    }

    /// <summary>The program of a cached binary; 0 where there is none or the driver does not take it.</summary>
    private nint FromDisk(ProgramKey key)
    {
        byte[]? binary = Cache.Find(key);
        if (binary is null)
        {
            return 0;
        }

        int code;
        nint program;
        nint handle = device.Handle;
        nuint length = (nuint)binary.Length;
        fixed (byte* bytes = binary)
        {
            byte* first = bytes;
            int status;
            program = OpenClApi.CreateProgramWithBinary(device.Context, 1, &handle, &length, &first, &status, &code);
        }

        string call = "clCreateProgramWithBinary";
        if (code == OpenClError.Success)
        {
            call = "clBuildProgram";
            code = OpenClApi.BuildProgram(program, 1, &handle, Options, 0, 0);
            if (code == OpenClError.Success)
            {
                return program;
            }

            OpenClApi.ReleaseProgram(program);
        }

        Cache.Reject(key, $"the driver refused it: {call} failed with {OpenClError.Name(code)}");
        return 0;
    }

    private nint Build(KernelDefinition kernel, string source)
    {
        byte[] text = Encoding.UTF8.GetBytes(source);
        int code;
        nint program;
        nuint length = (nuint)text.Length;
        fixed (byte* bytes = text)
        {
            byte* first = bytes;
            program = OpenClApi.CreateProgramWithSource(device.Context, 1, &first, &length, &code);
        }

        OpenClError.Check(code, "clCreateProgramWithSource", device, $"The kernel is {kernel.Name} ({kernel.Location}).");
        nint handle = device.Handle;
        code = OpenClApi.BuildProgram(program, 1, &handle, Options, 0, 0);
        if (code == OpenClError.Success)
        {
            return program;
        }

        string log = BuildLog(program);
        OpenClApi.ReleaseProgram(program);
        throw OpenClError.Failure(
            code, "clBuildProgram", device, $"The driver refused kernel {kernel.Name} ({kernel.Location}). Its log:\n{log}");
    }

    private string BuildLog(nint program)
    {
        nuint size;
        int code = OpenClApi.GetProgramBuildInfo(program, device.Handle, ProgramBuildLog, 0, null, &size);
        if (code != OpenClError.Success)
        {
            return $"(the driver gives no log: {OpenClError.Name(code)})";
        }

        var bytes = new byte[size];
        fixed (byte* first = bytes)
        {
            code = OpenClApi.GetProgramBuildInfo(program, device.Handle, ProgramBuildLog, size, first, null);
        }

        string log = Encoding.UTF8.GetString(bytes).TrimEnd('\0').Trim();
        return code == OpenClError.Success && log.Length > 0 ? log : "(the driver's log is empty)";
    }

    /// <summary>What the disk cache keeps of a program; null where the driver does not give it.</summary>
    private static byte[]? Binary(nint program)
    {
        // The program was made for one device, so there is one binary.
        nuint size;
        if (OpenClApi.GetProgramInfo(program, ProgramBinarySizes, (nuint)sizeof(nuint), &size, null) != OpenClError.Success || size == 0)
        {
            return null;
        }

        var binary = new byte[size];
        fixed (byte* bytes = binary)
        {
            byte* first = bytes;
            return OpenClApi.GetProgramInfo(program, ProgramBinaries, (nuint)sizeof(byte*), &first, null) == OpenClError.Success
                ? binary
                : null;
        }
    }
}
