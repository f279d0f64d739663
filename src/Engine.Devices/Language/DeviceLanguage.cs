namespace Engine.Devices;

/// <summary>A language that a device's driver compiles.</summary>
public enum DeviceLanguage
{
    /// <summary>OpenCL C 1.2.</summary>
    OpenCl,

    /// <summary>CUDA C++ without headers, as NVRTC takes it.</summary>
    Cuda,
}
