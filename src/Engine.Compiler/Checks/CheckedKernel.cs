using System.Collections.Generic;

namespace Engine.Compiler.Checks;

/// <summary>What a launch needs to know of a kernel.</summary>
/// <param name="UsesTiles">Whether it multiplies tiles.</param>
/// <param name="TileTypes">The kernel's type parameters that are element types of tiles.</param>
/// <param name="UsesShuffles">Whether items of a warp exchange values.</param>
internal sealed record CheckedKernel(bool UsesTiles, IReadOnlyList<string> TileTypes, bool UsesShuffles);
