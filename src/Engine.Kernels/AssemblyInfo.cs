using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Engine.Kernels.Tests")]
