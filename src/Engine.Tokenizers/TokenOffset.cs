namespace Engine.Tokenizers;

/// <summary>The part of a text that a token stands for, in UTF-16 units, so that it is <c>text[offset.Start..offset.End]</c>.</summary>
/// <param name="Start">The index of the first unit.</param>
/// <param name="End">The index after the last unit.</param>
public readonly record struct TokenOffset(int Start, int End);
