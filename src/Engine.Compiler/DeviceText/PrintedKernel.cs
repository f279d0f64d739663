using System.Collections.Generic;

namespace Engine.Compiler.DeviceText;

/// <summary>A kernel in the C dialect.</summary>
/// <param name="Text">Structs, helpers and the entry point.</param>
/// <param name="UsesTiles">Whether the text needs the tile prelude.</param>
/// <param name="TileTypes">The kernel's type parameters that are element types of tiles.</param>
internal sealed record PrintedKernel(string Text, bool UsesTiles, IReadOnlyList<string> TileTypes);
