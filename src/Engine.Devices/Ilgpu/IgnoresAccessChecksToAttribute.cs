namespace System.Runtime.CompilerServices;

/// <summary>Known to the runtime by this name: lets a run-time assembly call the internal methods of the one it names.</summary>
[AttributeUsage(AttributeTargets.Assembly, AllowMultiple = true)]
internal sealed class IgnoresAccessChecksToAttribute(string assemblyName) : Attribute
{
    public string AssemblyName => assemblyName;
}
